/** @import {Context} from "../base/context" */
import { fill, h, said } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { percent } from "../base/numbers.js";
import { colourOf } from "../base/colours.js";
import { term } from "../base/tips.js";
import { savePng } from "../picture/save.js";
import { controls } from "./controls.js";
import { Latest, imageData, paint, pictureCanvas } from "./painter.js";

/**
 * The live picture with what can be changed: always in sight.
 * @param {Context} context
 */
export function stage(context) {
  const { run, state } = context;
  const canvas = pictureCanvas(run.pixels, "The picture that the model draws from the current code");
  canvas.classList.add("live");
  const small = pictureCanvas(run.pixels, "");
  small.setAttribute("aria-hidden", "true");
  small.classList.add("mini");
  const reads = h("div", { class: "reads", "aria-live": "off" });
  const origin = h("p", { class: "origin" });
  const { element, sync } = controls(context);

  const live = new Latest(async () => {
    const { code, condition, mixed } = state.values;
    const pictures = await run.decode([code], mixed ?? run.conditionCode(condition));
    paint(canvas, imageData(pictures, 0));
    paint(small, imageData(pictures, 0));
    canvas.dataset.milliseconds = pictures.milliseconds.toFixed(3);
    canvas.dataset.code = Array.from(code, (each) => each.toFixed(4)).join(",");
    if (context.root.hasAttribute("aria-busy")) performance.mark("distaff-interactive");
    context.root.removeAttribute("aria-busy");
  }, context.fail);

  const draw = () => {
    live.ask(null);
    sync();
    fill(reads, reading(context));
    origin.textContent = state.values.row >= 0 ? `Drawn from ${run.run.points.split} picture ${state.values.row + 1}’s code` : "";
  };
  const stop = state.on(["code", "condition", "mixed", "dark", "row"], draw);
  draw();

  const random = () => {
    const row = Math.floor(Math.random() * run.count);
    context.show(run.codeOf(row), { row, condition: run.conditionOf(row) });
  };
  const reset = () => {
    const row = run.typicalRow;
    context.show(run.codeOf(row), { row, condition: run.conditionOf(row) });
  };
  const save = () => savePng(canvas, `${run.run.name}.png`, Math.max(1, Math.round(256 / canvas.width)));

  return {
    small,
    stop,
    element: h(
      "aside",
      { class: "stage", "aria-label": "Picture and controls" },
      h("div", { class: "stage-picture" }, h("div", { class: "frame" }, canvas), origin),
      h(
        "div",
        { class: "stage-side" },
        reads,
        h(
          "div",
          { class: "buttons" },
          button("dice", "Another", "Show another test picture, drawn from its code", random),
          button("reset", "Typical", "Go back to the typical picture that the page began with", reset),
          button("save", "PNG", "Save this picture", save),
        ),
      ),
      element,
    ),
  };
}

/** @param {Parameters<typeof icon>[0]} name @param {string} text @param {string} tip @param {() => void} onclick */
function button(name, text, tip, onclick) {
  return h("button", { type: "button", class: "button", "data-tip": tip, onclick }, icon(name), text);
}

/** What the picture most likely is, with how sure that is. @param {Context} context */
function reading({ run, state }) {
  const found = run.kind === "attributes" || run.kind === "conditional" ? null : run.reader.at(state.values.code);
  if (!found) return null;
  const attribute = run.attribute(found.attribute);
  const colour = colourOf(attribute, state.values.dark, [0, 1]);
  const order = Array.from(found.chances.keys()).sort((a, b) => found.chances[b] - found.chances[a]).slice(0, 3);
  return [
    h("p", { class: "reads-title" }, "Most likely ", said(attribute.name), " ", term(run.reader.how, "how?")),
    h(
      "ul",
      { class: "chances" },
      order.map((index) =>
        h(
          "li",
          null,
          h("span", { class: "chance-name" }, said(run.label(attribute.name, index))),
          h("span", { class: "chance-bar" }, h("span", { style: { "--share": found.chances[index], "--colour": colour(index) } })),
          h("span", { class: "chance-value" }, percent(found.chances[index])),
        ),
      ),
    ),
  ];
}
