/** @import {Context, View} from "../base/context" */
import { fill, h, said } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { term } from "../base/tips.js";
import { wayAt } from "../model/way.js";
import { Plane } from "../map/plane.js";
import { Latest, imageData, paint, pictureCanvas } from "../parts/painter.js";
import { walk } from "../parts/walk.js";
import { encodeGif } from "../picture/gif.js";
import { saveBlob, savePng } from "../picture/save.js";
import { pixelsOf, sheet, thereAndBack } from "../picture/sheet.js";
import { zoomButtons } from "./map.js";

const STEPS = 11;

/** From one picture to another, step by step. @param {Context} context @returns {View} */
export function mix(context) {
  const { run, state } = context;
  const plane = run.run.maps.length || run.free.length > 1 ? new Plane(context, { path: true }) : null;
  const way = walk(context);
  /** @type {ImageData[]} */
  let pictures = [];
  const canvases = Array.from({ length: STEPS }, () => pictureCanvas(run.pixels, ""));
  canvases.forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
  const cells = canvases.map((canvas, i) => {
    const t = i / (STEPS - 1);
    return h(
      "button",
      {
        type: "button",
        class: "cell",
        "aria-label": `${Math.round(t * 100)} % of the way`,
        onclick: () => {
          const { code, mixed } = wayAt(run, state.values, t);
          state.set({ t, code, mixed, row: -1 });
        },
      },
      canvas,
    );
  });
  const strip = h("div", { class: "strip", role: "group", "aria-label": "Steps of the way", style: { "--columns": STEPS } }, cells);
  const painter = new Latest(async () => {
    const steps = canvases.map((_, i) => wayAt(run, state.values, i / (STEPS - 1)));
    const found = await run.decode(steps.map((step) => step.code), steps.map((step) => step.mixed));
    pictures = canvases.map((canvas, i) => {
      const picture = imageData(found, i);
      paint(canvas, picture);
      return picture;
    });
    strip.dataset.codes = steps.map((step) => Array.from(step.code, (each) => each.toFixed(5)).join("_")).join(";");
  }, context.fail);
  const mark = () => {
    const { code, t } = state.values;
    const here = wayAt(run, state.values, t).code.every((each, i) => Math.abs(each - code[i]) < 1e-5);
    const at = Math.round(t * (STEPS - 1));
    cells.forEach((cell, i) => cell.classList.toggle("chosen", here && i === at));
  };
  state.on(["from", "to", "path"], () => element.isConnected && painter.ask(null));
  state.on(["t", "code"], () => element.isConnected && mark());

  const kinds = /** @type {const} */ (["straight", "spherical"]).map((kind) => {
    const input = h("input", { type: "radio", name: `path-${run.index}`, id: `distaff-path-${kind}`, onchange: () => state.set({ path: kind, t: 0 }) });
    return { kind, input, element: h("div", { class: "segment" }, input, h("label", { for: `distaff-path-${kind}` }, kind)) };
  });
  const dress = () => kinds.forEach(({ kind, input }) => (input.checked = kind === state.values.path));
  state.on(["path"], dress);
  const note = h("p", { class: "note" });
  const words = () =>
    fill(note, state.values.path === "straight" ? ["A ", term("linear", "straight line"), " between the two codes."] : ["Along the ", term("spherical", "arc"), " between the two codes."], " Every step is decoded here, none is blended from pixels.");
  state.on(["path"], words);

  const png = () => pictures.length && savePng(sheet([{ label: "", pictures }]), `${run.run.name}-mix.png`);
  const gif = async () => {
    if (pictures.length) saveBlob(await encodeGif(thereAndBack(pictures.map((each) => pixelsOf(sheet([{ label: "", pictures: [each] }])))), 120), `${run.run.name}-mix.gif`);
  };
  const element = h(
    "div",
    { class: "mix" },
    h(
      "div",
      { class: "view-head" },
      h("div", null, h("h2", null, "From ", said("A"), " to ", said("B")), note),
      h(
        "div",
        { class: "buttons" },
        h("div", { class: "segments", role: "radiogroup", "aria-label": "Kind of way" }, kinds.map((each) => each.element)),
        h("button", { type: "button", class: "button", onclick: png, "aria-label": "Save the strip as PNG" }, icon("save"), "PNG"),
        h("button", { type: "button", class: "button", onclick: gif, "aria-label": "Save the way as GIF" }, icon("save"), "GIF"),
      ),
    ),
    way.element,
    strip,
    plane ? h("div", { class: "plane-frame small" }, plane.element, zoomButtons(plane)) : null,
  );
  return {
    element,
    enter() {
      dress();
      words();
      mark();
      way.enter();
      painter.ask(null);
      plane?.resize();
      plane?.open().catch(context.fail);
    },
    leave: way.leave,
  };
}
