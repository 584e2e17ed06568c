/** @import {Attribute, LatentBlock} from "../types" */
import { clamp } from "../base/numbers.js";

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

/** One-hot rows, mixed between neighbours. @param {number} value @param {number} size */
function betweenClasses(value, size) {
  const row = new Float32Array(size);
  const inside = clamp(value, 0, size - 1);
  const low = Math.floor(inside);
  row[low] += 1 - (inside - low);
  if (low + 1 < size) row[low + 1] += inside - low;
  return row;
}

/**
 * What an attribute's block says, as `Model.read` in Python.
 * @param {LatentBlock} block
 * @param {ArrayLike<number>} code all of it
 * @param {number} size
 * @returns {number} class index or number
 */
export function readBlock(block, code, size) {
  const first = code[block.start];
  if (block.kind === "l2") {
    const value = first * (block.unit ?? 1) + (block.centre ?? 0);
    return size ? clamp(Math.round(value), 0, size - 1) : value;
  }
  if (block.kind.startsWith("argmax")) return clamp(Math.round(first * (block.unit ?? 1)), 0, size - 1);
  let best = block.start;
  for (let i = block.start; i < block.stop; i++) if (code[i] > code[best]) best = i;
  return best - block.start;
}

/**
 * The numbers that stand for a value, as the block's `write` in Python.
 * @param {LatentBlock} block
 * @param {number} value
 * @param {number} size
 * @param {Float32Array | null} prototypes [size, size] of a sampled block
 * @returns {Float32Array}
 */
export function writeBlock(block, value, size, prototypes) {
  if (block.kind === "l2") return Float32Array.of((value - (block.centre ?? 0)) / (block.unit ?? 1));
  if (block.kind.startsWith("argmax")) return Float32Array.of(clamp(value, 0, size - 1) / (block.unit ?? 1));
  const row = betweenClasses(value, size);
  if (!prototypes) return row;
  const width = block.stop - block.start;
  const mixed = new Float32Array(width);
  for (let k = 0; k < size; k++) for (let i = 0; i < width; i++) mixed[i] += row[k] * prototypes[k * width + i];
  return mixed;
}
