import { mount } from "./app.js";
import { fromPage, fromServer } from "./bundle/hosts.js";
import { fill, h, dataText } from "./base/dom.js";

const root = /** @type {HTMLElement} */ (document.getElementById("distaff"));

async function boot() {
  root.dataset.started = "true";
  const host = fromPage() ?? (await fromServer());
  const context = await mount(root, host);
  // For tests, and for work in the console.
  /** @type {any} */ (window).distaff = context;
}

boot().catch((error) => {
  root.removeAttribute("aria-busy");
  root.dataset.failed = "true";
  fill(
    root,
    h("div", { class: "refused", role: "alert" }, h("h1", null, "This page cannot be shown"), h("p", null, dataText(error instanceof Error ? error.message : error))),
  );
});
