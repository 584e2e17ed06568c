/** @import {Context} from "../base/context" */
import { fill, h, said } from "../base/dom.js";
import { atlasOf } from "../parts/atlas.js";
import { Latest, imageData, paint } from "../parts/painter.js";

/** The picture under the pointer, with what is known of it. @param {Context} context */
export function hoverCard(context) {
  const { run, state } = context;
  const atlas = atlasOf(run);
  const thumbnail = h("canvas", { class: "picture", width: atlas.width, height: atlas.height });
  const text = h("div", { class: "hover-text" });
  const element = h("div", { class: "hover-card", hidden: true, "aria-hidden": "true" }, thumbnail, text);
  let current = -1;
  const decoded = new Latest(async (/** @type {number} */ row) => {
    const pictures = await run.decode([run.codeOf(row)], run.conditionCode(run.conditionOf(row)));
    if (row === current) paint(thumbnail, imageData(pictures, 0));
  }, context.fail);

  /** @param {number} row */
  const picture = (row) => {
    if (!atlas.has(row)) {
      decoded.ask(row);
      return "decoded from its code";
    }
    if (thumbnail.width !== atlas.width || thumbnail.height !== atlas.height) {
      [thumbnail.width, thumbnail.height] = [atlas.width, atlas.height];
    }
    const to = thumbnail.getContext("2d", { willReadFrequently: true });
    if (to) atlas.draw(to, row, 0, 0, atlas.width, atlas.height);
    return "";
  };

  return {
    element,
    /** @param {number} row @param {number} x @param {number} y @param {number} width of the map */
    show(row, x, y, width) {
      if (row !== current) {
        current = row;
        const note = picture(row);
        const name = state.values.colour;
        const value = run.labels.get(name)?.[row] ?? NaN;
        fill(
          text,
          run.attributes.has(name) ? h("strong", null, said(name), " ", said(run.label(name, value))) : null,
          h("span", null, `${run.run.points.split} picture ${row + 1}`),
          note ? h("span", null, note) : null,
        );
        element.dataset.row = String(row);
      }
      element.hidden = false;
      element.style.setProperty("--x", `${Math.min(x + 18, width - 190)}px`);
      element.style.setProperty("--y", `${Math.max(y - 40, 6)}px`);
    },
    hide() {
      element.hidden = true;
      current = -1;
    },
  };
}
