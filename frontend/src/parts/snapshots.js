/** @import {Context} from "../base/context" */
import { h } from "../base/dom.js";
import { count } from "../base/numbers.js";
import { Latest } from "./canvas.js";
import { section } from "./section.js";
import { slider } from "./slider.js";

/** What the model made of the same images while it was trained, step by step. @param {Context} context */
export function snapshots(context) {
  const { snapshots: stored } = context.run.run;
  if (!stored.length) return null;
  const last = stored.length - 1;
  const canvas = h("canvas", { class: "snapshot", role: "img", "aria-label": "Images during training" });
  const painter = new Latest(async (/** @type {number} */ place) => {
    const { image, step } = stored[place];
    const bitmap = await createImageBitmap(new Blob([await context.run.blocks.bytes(image)], { type: "image/webp" }));
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.getContext("2d", { willReadFrequently: true })?.drawImage(bitmap, 0, 0);
    canvas.dataset.step = String(step);
  }, context.fail);
  const control = slider({
    name: "Training step",
    low: 0,
    high: Math.max(last, 1),
    home: last,
    step: 1,
    format: (place) => count(stored[Math.min(place, last)].step),
    onInput: (place) => painter.ask(Math.min(place, last)),
  });
  painter.ask(last);
  return section("Images during training", ["The same images at ", stored.length === 1 ? "one step" : `${stored.length} steps`, " of the training."], h("div", { class: "card snapshots" }, control.element, canvas));
}
