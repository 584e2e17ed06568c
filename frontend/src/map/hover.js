/** @import {Plane} from "./plane.js" */
import { dataText, fill, h } from "../base/dom.js";
import { percent } from "../base/numbers.js";
import { atlasOf } from "../parts/atlas.js";
import { Latest, imageCanvas, imageData, paint } from "../parts/canvas.js";

const WIDTH = 190;

/** A card beside the pointer: the image decoded from the place below it, and the test image whose point is near. @param {Plane} plane */
export function hoverCard(plane) {
  const { context, run } = plane;
  const { state } = context;
  const atlas = atlasOf(run);
  const decoded = imageCanvas(run.pixels, "");
  const thumbnail = h("canvas", { class: "image", width: atlas.width, height: atlas.height });
  const known = h("figure", null, thumbnail, h("figcaption", null, `${run.run.points.split} image`));
  const text = h("div", { class: "hover-text" });
  const element = h("div", { class: "hover-card", hidden: true, "aria-hidden": "true" }, h("div", { class: "hover-images" }, known, h("figure", null, decoded, h("figcaption", null, "decoded"))), text);
  const decoding = new Latest(async (/** @type {Float32Array} */ code) => {
    const { condition, blended } = state.values;
    const images = await run.decode([code], blended ?? run.conditionCode(condition));
    if (element.hidden) return;
    paint(decoded, imageData(images, 0));
    element.dataset.code = Array.from(code, (each) => each.toFixed(5)).join("_");
  }, context.fail);

  /** @param {Float32Array} code @param {number} row @param {boolean} empty whether no point is near */
  const words = (code, row, empty) => {
    const name = state.values.colour;
    const image = row < 0 ? null : [h("span", null, `${run.run.points.split} image ${row + 1}`), run.attributes.has(name) ? h("strong", null, dataText(name), " ", dataText(run.label(name, run.labels.get(name)?.[row] ?? NaN))) : null];
    if (empty || run.support.isFar(code)) return [image, h("span", { class: "warn" }, "Far from any training image")];
    const found = run.kind === "conditional" ? null : run.predictor.at(code);
    return [image, found ? h("span", null, "predicted: ", dataText(run.label(found.attribute, found.value)), ` (${percent(found.probabilities[found.value])})`) : null];
  };

  return {
    element,
    /** @param {number} row of the near point, -1 if none @param {[number, number]} place in canvas pixels */
    show(row, place) {
      const { code } = plane.codeAt(...place, state.values.code);
      const to = thumbnail.getContext("2d", { willReadFrequently: true });
      known.hidden = !(to && atlas.draw(to, row, 0, 0, atlas.width, atlas.height));
      element.dataset.row = String(row);
      element.hidden = false;
      fill(text, words(code, row, plane.isEmptyAt(...place)));
      decoding.ask(code);
      const [x, y] = place.map((each) => each / plane.ratio);
      const { clientWidth, clientHeight } = plane.element;
      element.style.setProperty("--x", `${x + 18 + WIDTH > clientWidth ? x - 18 - WIDTH : x + 18}px`);
      element.style.setProperty("--y", `${Math.max(6, Math.min(y - 40, clientHeight - element.offsetHeight - 6))}px`);
    },
    hide() {
      element.hidden = true;
    },
  };
}
