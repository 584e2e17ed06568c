/** @import {Context, View} from "../base/context" */
import { fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { term } from "../base/tips.js";
import { encodeGif } from "../image/gif.js";
import { saveBlob, savePng } from "../image/save.js";
import { pixelsOf, sheet, thereAndBack } from "../image/sheet.js";
import { Plane } from "../map/plane.js";
import { zoomButtons } from "../map/zoom.js";
import { pathAt } from "../model/interpolation.js";
import { Latest, imageCanvas, imageData, paint } from "../parts/canvas.js";
import { goTo, pathControl } from "../parts/path.js";

const STEPS = 11;
const MILLISECONDS = 120;

/** The interpolation between two images, step by step. @param {Context} context @returns {View} */
export function interpolation(context) {
  const { run, state } = context;
  const plane = run.run.maps.length || run.free.length > 1 ? new Plane(context, { path: true }) : null;
  const path = pathControl(context);
  /** @type {ImageData[]} */
  let images = [];
  const canvases = Array.from({ length: STEPS }, () => imageCanvas(run.pixels, ""));
  canvases.forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
  const cells = canvases.map((canvas, i) => {
    const t = i / (STEPS - 1);
    return h("button", { type: "button", class: "cell", "aria-label": `${Math.round(t * 100)} % of the path`, onclick: () => goTo(context, t) }, canvas);
  });
  const strip = h("div", { class: "strip", role: "group", "aria-label": "Steps of the path", style: { "--columns": STEPS } }, cells);
  const painter = new Latest(async () => {
    const steps = canvases.map((_, i) => pathAt(run, state.values, i / (STEPS - 1)));
    const found = await run.decode(steps.map((step) => step.code), steps.map((step) => step.blended));
    images = canvases.map((canvas, i) => {
      const image = imageData(found, i);
      paint(canvas, image);
      return image;
    });
    strip.dataset.codes = steps.map((step) => Array.from(step.code, (each) => each.toFixed(5)).join("_")).join(";");
  }, context.fail);
  const mark = () => {
    const { t, origin, edited } = state.values;
    const at = Math.round(t * (STEPS - 1));
    cells.forEach((cell, i) => cell.classList.toggle("chosen", origin === "path" && !edited && i === at));
  };
  state.on(["from", "to", "path"], () => element.isConnected && painter.ask(null));
  state.on(["t", "code", "origin"], () => element.isConnected && mark());

  const kinds = /** @type {const} */ (["linear", "spherical"]).map((kind) => {
    const input = h("input", { type: "radio", name: `path-${run.index}`, id: `distaff-path-${kind}`, onchange: () => state.set({ path: kind, t: 0 }) });
    return { kind, input, element: h("div", { class: "segment" }, input, h("label", { for: `distaff-path-${kind}` }, kind)) };
  });
  const note = h("p", { class: "note" });
  const dress = () => {
    const kind = state.values.path;
    kinds.forEach((each) => (each.input.checked = each.kind === kind));
    fill(note, "Every step is decoded from a code on the ", term(kind), kind === "linear" ? " path between A and B." : " path (slerp) between A and B.");
  };
  state.on(["path"], dress);

  const png = () => images.length && savePng(sheet([{ label: "", images }]), `${run.run.name}-interpolation.png`);
  const gif = async () => {
    if (!images.length) return;
    const frames = thereAndBack(images.map((each) => pixelsOf(sheet([{ label: "", images: [each] }]))));
    saveBlob(await encodeGif(frames, MILLISECONDS), `${run.run.name}-interpolation.gif`);
  };
  const element = h(
    "div",
    { class: "interpolation" },
    h(
      "div",
      { class: "view-head" },
      h("div", null, h("h2", null, "Interpolation from A to B"), note),
      h(
        "div",
        { class: "buttons" },
        h("div", { class: "segments", role: "radiogroup", "aria-label": "Kind of path" }, kinds.map((each) => each.element)),
        h("button", { type: "button", class: "button", onclick: png, "aria-label": "Save the strip as PNG" }, icon("save"), "PNG"),
        h("button", { type: "button", class: "button", onclick: gif, "aria-label": "Save the animation as GIF" }, icon("save"), "GIF"),
      ),
    ),
    path.element,
    strip,
    plane ? h("div", { class: "plane-frame small" }, plane.element, zoomButtons(plane)) : null,
  );
  return {
    element,
    enter() {
      dress();
      mark();
      path.enter();
      painter.ask(null);
      plane?.resize();
      plane?.open().catch(context.fail);
    },
    leave: path.leave,
  };
}
