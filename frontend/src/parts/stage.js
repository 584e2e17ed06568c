/** @import {Context} from "../base/context" */
import { colourOf } from "../base/colours.js";
import { dataText, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { percent } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { savePng } from "../image/save.js";
import { Latest, imageCanvas, imageData, paint } from "./canvas.js";
import { controls } from "./controls.js";

/** The glossary's explanation of each reason. */
const WHY_FAR = /** @type {const} */ ({ code: "far", place: "farPlace", error: "unlike" });

/**
 * The image decoded from the current code, what is predicted of it, and the controls that change it.
 * @param {Context} context
 */
export function stage(context) {
  const { run, state } = context;
  const canvas = imageCanvas(run.pixels, "The image decoded from the current code");
  canvas.classList.add("live");
  const small = imageCanvas(run.pixels, "");
  small.setAttribute("aria-hidden", "true");
  small.classList.add("mini");
  const prediction = h("div", { class: "prediction" });
  const caption = h("p", { class: "caption" });
  const { element: settings, sync } = controls(context);

  const live = new Latest(async () => {
    const { code, condition, blended } = state.values;
    const images = await run.decode([code], blended ?? run.conditionCode(condition));
    paint(canvas, imageData(images, 0));
    paint(small, imageData(images, 0));
    canvas.dataset.milliseconds = images.milliseconds.toFixed(3);
    canvas.dataset.code = Array.from(code, (each) => each.toFixed(4)).join(",");
    if (context.root.hasAttribute("aria-busy")) performance.mark("distaff-interactive");
    context.root.removeAttribute("aria-busy");
  }, context.fail);

  const draw = () => {
    live.ask(null);
    sync();
    fill(prediction, predicted(context));
    fill(caption, originOf(context));
  };
  const stop = state.on(["code", "condition", "blended", "dark", "row", "origin", "edited", "doubt", "t"], draw);
  draw();

  const save = () => savePng(canvas, `${run.run.name}.png`, Math.max(1, Math.round(256 / canvas.width)));
  return {
    small,
    stop,
    controls: settings,
    element: h(
      "aside",
      { class: "stage", "aria-label": "Decoded image" },
      h("div", { class: "stage-image" }, h("div", { class: "frame" }, canvas), caption),
      h(
        "div",
        { class: "stage-side" },
        prediction,
        h(
          "div",
          { class: "buttons" },
          button("dice", `Random ${run.run.points.split} image`, "Show the code of another image", () => context.showRow(Math.floor(Math.random() * run.count))),
          button("reset", "Reset", "Go back to the image that the page began with", () => context.showRow(run.typicalRow)),
          h("button", { type: "button", class: "icon-button", "aria-label": "Save as PNG", "data-tip": "Save this image as PNG", onclick: save }, icon("save")),
        ),
      ),
    ),
  };
}

/** @param {Parameters<typeof icon>[0]} name @param {string} text @param {string} tip @param {() => void} onclick */
function button(name, text, tip, onclick) {
  return h("button", { type: "button", class: "button", "data-tip": tip, onclick }, icon(name), text);
}

/** Where the current code came from. @param {Context} context */
function originOf({ run, state }) {
  const { origin, row, edited, t } = state.values;
  const words = {
    test: `Decoded from the code of ${run.run.points.split} image ${row + 1}`,
    map: "Decoded from a place on the map",
    path: `Interpolated: ${Math.round(t * 100)} % of the path from A to B`,
    own: "Decoded from the code of your image",
    given: "Decoded from a given code",
  }[origin];
  return edited ? `${words}, edited` : words;
}

/** What class the code most likely is of, or that no image has such a code. @param {Context} context */
function predicted({ run, state }) {
  const { code, origin, edited, doubt } = state.values;
  const far = doubt ?? ((origin !== "test" || edited) && run.support.isFar(code) ? "code" : null);
  const warning = far ? h("p", { class: "far" }, term(WHY_FAR[far], "Far from any training image")) : null;
  const found = run.kind === "attributes" || run.kind === "conditional" ? null : run.predictor.at(code);
  if (!found) return warning;
  const attribute = run.attribute(found.attribute);
  // A probability would claim to know what nothing is known of.
  if (far) return [warning, h("p", { class: "prediction-title" }, "No prediction of ", dataText(attribute.name), " here")];
  const colour = colourOf(attribute, state.values.dark, [0, 1], run);
  const order = Array.from(found.probabilities.keys()).sort((a, b) => found.probabilities[b] - found.probabilities[a]).slice(0, 3);
  return [
    h("p", { class: "prediction-title" }, "Predicted ", dataText(attribute.name), ", by ", term(run.predictor.method, run.predictor.title)),
    h(
      "ul",
      { class: "probabilities" },
      order.map((index) =>
        h(
          "li",
          null,
          h("span", { class: "probability-name" }, dataText(run.label(attribute.name, index))),
          h("span", { class: "probability-bar" }, h("span", { style: { "--share": found.probabilities[index], "--colour": colour(index) } })),
          h("span", { class: "probability-value" }, percent(found.probabilities[index])),
        ),
      ),
    ),
  ];
}
