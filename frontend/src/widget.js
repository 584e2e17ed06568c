/** @import {Host, Manifest} from "./types" */
import css from "style:text";
import { mount } from "./app.js";
import { fill, h, dataText } from "./base/dom.js";
import { selectionOf } from "./base/surroundings.js";
import { inflate } from "./bundle/hosts.js";

/**
 * Show a bundle in an element of somebody else's page; its style stays inside.
 * @param {HTMLElement} element
 * @param {object} bundle
 * @param {Manifest} bundle.manifest
 * @param {(name: string) => Promise<ArrayBuffer>} bundle.blocks uncompressed
 * @param {() => Promise<ArrayBuffer>} bundle.ort uncompressed
 * @param {Host["onChange"]} [bundle.onChange]
 */
export async function distaffMount(element, { manifest, blocks, ort, onChange }) {
  const shadow = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const style = h("style", null);
  style.textContent = css;
  const root = h("div", { class: "distaff in-notebook" });
  shadow.replaceChildren(style, root);
  // A notebook's own keys would otherwise act while one types here.
  element.dataset.lmSuppressShortcuts = "true";
  element.addEventListener("keydown", (event) => event.stopPropagation());
  try {
    return await mount(root, { kind: "notebook", manifest, block: blocks, runtime: ort, onChange });
  } catch (error) {
    fill(root, h("div", { class: "refused", role: "alert" }, h("p", null, dataText(error instanceof Error ? error.message : error))));
    throw error;
  }
}

/** @param {DataView | ArrayBuffer} value as a notebook hands over bytes */
function bytesOf(value) {
  return value instanceof ArrayBuffer
    ? new Uint8Array(value)
    : new Uint8Array(/** @type {ArrayBuffer} */ (value.buffer), value.byteOffset, value.byteLength);
}

/** @param {{model: any, el: HTMLElement}} cell */
async function render({ model, el }) {
  const frame = h("div", null);
  frame.style.height = model.get("height") ?? "760px";
  frame.style.overflow = "auto";
  el.append(frame);
  let own = false;
  const context = await distaffMount(frame, {
    manifest: JSON.parse(model.get("manifest")),
    blocks: async (name) => {
      const found = model.get("blocks")[name];
      if (!found) throw new Error("it is missing");
      return inflate(bytesOf(found));
    },
    ort: () => inflate(bytesOf(model.get("ort"))),
    onChange(state) {
      own = true;
      model.set("latents", state.latents);
      model.set("selection", state.selection);
      model.set("run", state.run);
      model.save_changes();
      own = false;
    },
  });
  const { state } = context;
  const fromPython = () => {
    if (own) return;
    const [run, latents, selection] = ["run", "latents", "selection"].map((name) => model.get(name));
    if (run !== state.values.run && context.runs[run]) state.set({ run });
    const { width, count } = context.run;
    const moved = latents.length === width && latents.some((/** @type {number} */ each, /** @type {number} */ i) => Math.abs(each - state.values.code[i]) > 1e-6);
    if (selection !== state.values.row && selection >= 0 && selection < count) context.showRow(selection);
    else if (moved) context.show(Float32Array.from(latents), { origin: "given" });
  };
  for (const name of ["latents", "selection", "run"]) model.on(`change:${name}`, fromPython);
  if (model.get("latents").length || model.get("selection") >= 0 || model.get("run")) fromPython();
  else context.host.onChange?.(selectionOf(state.values));
  return () => {
    for (const name of ["latents", "selection", "run"]) model.off(`change:${name}`, fromPython);
    context.engine.stop();
  };
}

export default { render };
