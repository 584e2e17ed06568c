/** @import {Context} from "../base/context" */
/** @import {Plane} from "./plane.js" */
import { colourOf, unknownColour } from "../base/colours.js";
import { dataText, h } from "../base/dom.js";
import { count } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { labelOf } from "../model/attributes.js";
import { rangeOf } from "./colouring.js";

/** What can stand on the map. */
export const LAYERS = /** @type {const} */ ({
  points: { title: "Points", name: "points", about: "A point for each test image" },
  thumbnails: { title: "Images", name: "test images", about: "Test images in place of their points" },
  decoded: { title: "Decoded", name: "decoded images", about: "Images decoded at regular places of the map" },
});

/** What the colours mean; classes can be hidden. @param {Context} context @param {Plane} plane */
export function legendOf({ run, state }, plane) {
  const attribute = run.attributes.get(state.values.colour);
  if (!attribute) return null;
  const { dark, hidden } = state.values;
  const { classes } = plane;
  if (!classes) {
    const range = attribute.values ? /** @type {[number, number]} */ ([0, attribute.values.length - 1]) : rangeOf(run.labels.get(attribute.name));
    const colour = colourOf(attribute, dark, range, run);
    const stops = Array.from({ length: 12 }, (_, i) => colour(range[0] + ((range[1] - range[0]) * i) / 11));
    return h(
      "div",
      { class: "scale" },
      h("span", null, dataText(labelOf(attribute, range[0]))),
      h("span", { class: "scale-bar", style: { "--stops": stops.join(",") } }),
      h("span", null, dataText(labelOf(attribute, range[1]))),
    );
  }
  const colour = colourOf(classes, dark, [0, 1], run);
  const values = (classes.values ?? []).map((text, value) => ({ text: String(text), value }));
  const unknown = run.labels.get(classes.name)?.some(Number.isNaN);
  const entries = unknown ? [...values, { text: "unknown", value: -1 }] : values;
  return h(
    "div",
    { class: "chips", role: "group", "aria-label": "Shown classes" },
    entries.map(({ text, value }) => {
      const chip = h(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": String(!hidden.has(value)),
          style: { "--colour": value < 0 ? unknownColour(dark) : colour(value) },
        },
        h("span", { class: "dot", "aria-hidden": "true" }),
        dataText(text),
      );
      chip.addEventListener("click", () => {
        const next = new Set(state.values.hidden);
        if (!next.delete(value)) next.add(value);
        state.set({ hidden: next });
      });
      return chip;
    }),
    hidden.size ? h("button", { type: "button", class: "button small", onclick: () => state.set({ hidden: new Set() }) }, "Show all") : null,
  );
}

/** @param {Context} context @param {Plane} plane */
export function statusOf({ run, state }, plane) {
  const { total, split } = run.run.points;
  const method = plane.regions?.grid.method;
  return [
    `${count(plane.shown)} of ${count(total)} ${split} images shown`,
    state.values.layer === "points" ? null : ` · ${count(plane.images)} ${LAYERS[state.values.layer].name} on the map`,
    method ? [" · regions by the ", term(method, method === "classifier" ? "latent classifier" : "10 nearest images"), ", fainter at low ", term("confidence"), " and far from data"] : null,
  ];
}
