/** @import {Context} from "../base/context" */
import { copyText, dataText, fill, h, svg } from "../base/dom.js";
import { icon } from "../base/icons.js";

/** The page's top line: the run, a link to what is shown, light or dark. @param {Context} context */
export function header(context) {
  const { runs, state } = context;
  const theme = h("button", { type: "button", class: "icon-button" });
  theme.addEventListener("click", () => state.set({ theme: state.values.dark ? "light" : "dark" }));
  const dress = () => {
    fill(theme, icon(state.values.dark ? "sun" : "moon"));
    theme.setAttribute("aria-label", state.values.dark ? "Light page" : "Dark page");
  };
  state.on(["dark"], dress);
  dress();
  const select = h(
    "select",
    { "aria-label": "Run", onchange: () => state.set({ run: select.selectedIndex }) },
    runs.map(({ run }) => h("option", { dir: "auto" }, run.name.slice(0, 120))),
  );
  select.selectedIndex = state.values.run;
  state.on(["run"], () => (select.selectedIndex = state.values.run));
  return h(
    "header",
    { class: "top" },
    h("div", { class: "brand" }, mark(), h("span", null, "distaff")),
    runs.length > 1 ? h("label", { class: "run-choice" }, h("span", null, "Run"), select) : h("span", { class: "run-name", "aria-hidden": "true" }, dataText(runs[0].run.name)),
    h("span", { class: "grow" }),
    h("span", { class: "private" }, "Runs in this page. Your images are not uploaded."),
    context.link() === null ? null : linkButton(context),
    theme,
  );
}

/** @param {Context} context */
function linkButton(context) {
  const text = h("span", { class: "button-text" }, "Copy link");
  const button = h("button", { type: "button", class: "button", "aria-label": "Copy link", "data-tip": "Copy the address of this page as it is now: image, view and settings" }, icon("link"), text);
  let timer = 0;
  button.addEventListener("click", async () => {
    const copied = await copyText(context.link() ?? "", context.root);
    text.textContent = copied ? "Copied" : "Copy it from the address bar";
    context.announce(copied ? "The link is copied." : "The browser does not allow copying. Copy the link from the address bar.");
    clearTimeout(timer);
    timer = window.setTimeout(() => (text.textContent = "Copy link"), 2000);
  });
  return button;
}

/** A staff with fibres wound about it. */
function mark() {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", width: 22, height: 22, "aria-hidden": "true", class: "mark" },
    svg("path", { d: "M12 2v20", class: "mark-staff" }),
    svg("path", { d: "M12 4.500c4 1.500 5 4.500 5 6.500s-1.500 4.500-5 5.500c-3.500-1-5-3.500-5-5.500s1-5 5-6.500z", class: "mark-wool" }),
    svg("path", { d: "M7.600 8.500c3 1.600 6 1.600 8.800 0M7 11.500c3.300 1.700 6.700 1.700 10 0M8.300 14.300c2.400 1.100 5 1.100 7.400 0", class: "mark-line" }),
  );
}
