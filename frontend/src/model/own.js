/** @import {Planes} from "../image/resize.js" */
/** @import {RunModel, Values} from "./run.js" */
import { resize } from "../image/resize.js";
import { likeliest } from "./likeliest.js";

/** Test images whose reconstruction error is measured, and how many are decoded at a time. */
const [MOST, BATCH] = [60, 6];
const QUANTILE = 0.99;
/** An image is unlike the test images when its error is so many times that of the worst of them but 1 %. */
const UNLIKE = 1.5;
/** An image is better inverted when that brings its error below this share. */
const BETTER = 0.6;

/** @typedef {{code: Float32Array, condition: Values, bytes: Uint8Array, error: number}} Encoded `bytes`: decoded again, [c, h, w]; `error`: mean squared, of levels from 0 to 1 */

/** Encode an image from outside and decode its code again. @param {RunModel} run @param {Planes} planes @returns {Promise<Encoded>} */
export async function encodeOwn(run, planes) {
  const image = Float32Array.from(planes.data, (each) => each / 255);
  const code = await run.encode(image, {});
  const condition = await likeliest(run, code, image);
  const decoded = await run.decodeFloats([code], [run.conditionCode(condition)]);
  return { code, condition, bytes: toBytes(decoded), error: meanSquared(image, decoded) };
}

/** Whether an image would be reconstructed much better with light and dark exchanged. @param {RunModel} run @param {Planes} planes @param {Encoded} encoded */
export async function isBetterInverted(run, planes, encoded) {
  if (planes.channels !== 1) return false;
  const other = await encodeOwn(run, inverted(planes));
  return other.error < encoded.error * BETTER;
}

/** @param {Planes} planes @returns {Planes} */
export const inverted = (planes) => ({ ...planes, data: planes.data.map((each) => 255 - each) });

/** The reconstruction error of the worst test image but 1 %, measured once for each run on its thumbnails. */
export class ErrorLimit {
  /**
   * @param {RunModel} run
   * @param {(row: number) => Planes | null} thumbnail
   */
  constructor(run, thumbnail) {
    this.run = run;
    this.thumbnail = thumbnail;
    /** @type {Promise<number> | null} */
    this.found = null;
  }

  /** Infinity where the page holds no test images. */
  get limit() {
    this.found ??= this.measure();
    return this.found;
  }

  async measure() {
    const { run, thumbnail } = this;
    /** @type {number[]} */
    const errors = [];
    for (let from = 0; from < Math.min(MOST, run.count); from += BATCH) {
      const rows = Array.from({ length: BATCH }, (_, i) => from + i).filter((row) => row < run.count && thumbnail(row));
      if (!rows.length) continue;
      const decoded = await run.decodeFloats(rows.map((row) => run.codeOf(row)), rows.map((row) => run.conditionCode(run.conditionOf(row))));
      const size = decoded.length / rows.length;
      rows.forEach((row, i) => errors.push(this.compare(/** @type {Planes} */ (thumbnail(row)), toBytes(decoded.subarray(i * size, (i + 1) * size)))));
    }
    errors.sort((a, b) => a - b);
    return errors.length ? errors[Math.floor(QUANTILE * (errors.length - 1))] * UNLIKE : Infinity;
  }

  /** The error of a decoded image at a thumbnail's size. @param {Planes} thumbnail @param {Uint8Array} decoded */
  compare(thumbnail, decoded) {
    const small = shrink({ ...this.run.pixels, data: decoded }, thumbnail);
    return meanSquared(levels(thumbnail), levels(small));
  }

  /** @param {Planes} planes @param {Encoded} encoded */
  async isUnlike(planes, encoded) {
    const limit = await this.limit;
    const example = this.thumbnail(0);
    if (!example) return false;
    return this.compare(shrink(planes, example), encoded.bytes) > limit;
  }
}

/** @param {Planes} planes @param {{width: number, height: number}} size */
function shrink(planes, size) {
  const { width, height } = planes;
  return resize(planes, { left: 0, top: 0, width, height }, size.width, size.height);
}

/** Rounded half to even, as a clamped array does it. @param {Float32Array} decoded from 0 to 1 */
const toBytes = (decoded) => new Uint8Array(Uint8ClampedArray.from(decoded, (each) => each * 255).buffer);

/** @param {Planes} planes */
const levels = ({ data }) => Float32Array.from(data, (each) => each / 255);

/** @param {Float32Array} a @param {Float32Array} b */
const meanSquared = (a, b) => a.reduce((sum, each, i) => sum + (each - b[i]) ** 2, 0) / a.length;
