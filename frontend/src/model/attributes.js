/** @import {Attribute, LatentBlock} from "../types" */
import { clamp } from "../base/numbers.js";

/** Rounded half to even, as in Python. @param {number} value */
export const rint = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

/** Number of classes, 0 for a continuous attribute. @param {Attribute} attribute */
export const sizeOf = (attribute) => attribute.values?.length ?? 0;

/** What a class index or number is called. @param {Attribute} attribute @param {number} value */
export function labelOf(attribute, value) {
  if (Number.isNaN(value) || value === null) return "unknown";
  const size = sizeOf(attribute);
  if (!size) return String(+value.toPrecision(3)).replace("-", "−");
  let index = Math.round(value);
  if (attribute.kind === "circular" && (index < 0 || index >= size)) {
    const period = attribute.period ?? size;
    index = Math.round(((index % period) + period) % period);
  }
  return String(attribute.values?.[clamp(index, 0, size - 1)]);
}

/** A one-hot row, linear between two neighbouring classes. @param {number} value @param {number} size */
function betweenClasses(value, size) {
  const row = new Float32Array(size);
  const inside = clamp(value, 0, size - 1);
  const low = Math.floor(inside);
  row[low] += 1 - (inside - low);
  if (low + 1 < size) row[low + 1] += inside - low;
  return row;
}

/**
 * The value that an attribute's latents hold, as `Model.read` in Python.
 * @param {LatentBlock} block
 * @param {ArrayLike<number>} code all of it
 * @param {number} size
 * @returns {number} class index or number
 */
export function readBlock(block, code, size) {
  if (block.unit !== undefined) {
    const value = code[block.start] * block.unit + (block.centre ?? 0);
    return size ? clamp(rint(value), 0, size - 1) : value;
  }
  let best = block.start;
  for (let i = block.start; i < block.stop; i++) if (code[i] > code[best]) best = i;
  return best - block.start;
}

/**
 * The pure code of a value, as the block's `write` in Python.
 * @param {LatentBlock} block
 * @param {number} value
 * @param {number} size
 * @param {Float32Array | null} prototypes [size, size]; one-hot if null
 * @returns {Float32Array}
 */
export function writeBlock(block, value, size, prototypes) {
  if (block.unit !== undefined) return Float32Array.of(((size ? clamp(value, 0, size - 1) : value) - (block.centre ?? 0)) / block.unit);
  const row = betweenClasses(value, size);
  if (!prototypes) return row;
  const width = block.stop - block.start;
  const blended = new Float32Array(width);
  for (let k = 0; k < size; k++) for (let i = 0; i < width; i++) blended[i] += row[k] * prototypes[k * width + i];
  return blended;
}
