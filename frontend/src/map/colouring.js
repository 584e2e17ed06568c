/** @import {RunModel} from "../model/run.js" */
import { colourOf, rgb, unknownColour } from "../base/colours.js";
import { packed } from "./raster.js";

/**
 * The colour of each point by an attribute, as numbers of a raster; 0 for what is hidden.
 * @param {RunModel} run
 * @param {number} count
 * @param {string} name of the attribute
 * @param {boolean} dark
 * @param {Set<number>} hidden classes, -1 for points without a label
 */
export function pointColours(run, count, name, dark, hidden) {
  const attribute = run.attributes.get(name);
  const labels = run.labels.get(name);
  const colours = new Uint32Array(count);
  const unknown = packed(rgb(unknownColour(dark)));
  /** @type {Map<number, number>} */
  const known = new Map();
  const colour = attribute && colourOf(attribute, dark, rangeOf(labels), run);
  for (let i = 0; i < count; i++) {
    const value = labels?.[i] ?? NaN;
    if (Number.isNaN(value) || !colour) {
      colours[i] = hidden.has(-1) ? 0 : unknown;
      continue;
    }
    let found = known.get(value);
    if (found === undefined) {
      found = attribute?.values && hidden.has(value) ? 0 : packed(rgb(colour(value)));
      known.set(value, found);
    }
    colours[i] = found;
  }
  return colours;
}

/** The 1st and 99th percentiles of known values. @param {Float32Array | undefined} values @returns {[number, number]} */
export function rangeOf(values) {
  const known = values?.filter((each) => !Number.isNaN(each)).sort() ?? new Float32Array(0);
  return known.length ? [known[Math.floor(known.length * 0.01)], known[Math.floor((known.length - 1) * 0.99)]] : [0, 1];
}
