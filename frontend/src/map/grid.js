/** @import {Region} from "../types" */
/** @import {RunModel} from "../model/run.js" */
/** @import {Source} from "./source.js" */
/** @import {Reach} from "./reach.js" */
import { breathe } from "../base/dom.js";

/** Cells along the longer side of a grid that the page computes. */
const SIDE = 260;
/** The page answers at least this often meanwhile, in milliseconds. */
const SLICE = 8;
/** Cells over which a stored grid fades out at its rim. */
const RIM = 11;
/** Cells to either side over which the fading is averaged, twice, so that no single point has a rim of its own. */
const BLUR = 3;

/**
 * The class at each cell, in rows from low to high y; `x` and `y` are the centres of the first and the last cell.
 * `fade` is 1 at points and 0 far from them. `probabilities`, where they are known, say where a border runs between two cells.
 * @typedef {object} Grid
 * @property {"classifier" | "10-NN"} method
 * @property {[number, number]} x
 * @property {[number, number]} y
 * @property {number} width
 * @property {number} height
 * @property {Uint8Array} labels
 * @property {Uint8Array} confidence
 * @property {Float32Array} fade
 * @property {Float32Array} [probabilities]
 */

/** The class regions of a map: computed here where the classifier can be asked, else as stored. @param {RunModel} run @param {Source} source @param {Region} region @param {Reach} reach @returns {Promise<Grid>} */
export async function gridOf(run, source, region, reach) {
  const classifier = run.classifier?.attribute === region.attribute ? run.classifier : null;
  if (region.reader === "classifier" && classifier && Number.isFinite(reach.far)) {
    const code = new Float32Array(run.width);
    return classified(source, reach, (x, y) => classifier.probabilities(source.toCode(x, y, code)));
  }
  return stored(run, region, reach);
}

/** @param {Source} source @param {Reach} reach @param {(x: number, y: number) => Float32Array} predict @returns {Promise<Grid>} */
async function classified({ points, count }, reach, predict) {
  const [left, right, low, high] = bounds(points, count, reach.far);
  const step = Math.max(right - left, high - low) / (SIDE - 1);
  const [width, height] = [Math.round((right - left) / step) + 1, Math.round((high - low) / step) + 1];
  const labels = new Uint8Array(width * height);
  const confidence = new Uint8Array(width * height);
  const fade = new Float32Array(width * height);
  let probabilities = new Float32Array(0);
  await inSlices(labels.length, (cell) => {
    const [x, y] = [left + (cell % width) * step, low + Math.floor(cell / width) * step];
    fade[cell] = reach.at(x, y);
    // A little more than what is near: the blur reaches there.
    if (!reach.isNear(x, y, BLUR * 2 * step)) return;
    const found = predict(x, y);
    if (!probabilities.length) probabilities = new Float32Array(labels.length * found.length);
    probabilities.set(found, cell * found.length);
    let best = 0;
    for (let k = 1; k < found.length; k++) if (found[k] > found[best]) best = k;
    labels[cell] = best;
    confidence[cell] = Math.round(found[best] * 255);
  });
  blur(fade, width, height);
  return { method: "classifier", x: [left, left + (width - 1) * step], y: [low, low + (height - 1) * step], width, height, labels, confidence, fade, probabilities };
}

/** @param {RunModel} run @param {Region} region @param {Reach} reach @returns {Promise<Grid>} */
async function stored(run, region, reach) {
  const [labels, confidence] = await Promise.all([run.blocks.byteArray(region.labels), run.blocks.byteArray(region.confidence)]);
  const { width, height } = region;
  // A stored grid divides its extent into cells.
  const [halfX, halfY] = [(region.x[1] - region.x[0]) / width / 2, (region.y[1] - region.y[0]) / height / 2];
  const fade = new Float32Array(width * height);
  await inSlices(fade.length, (cell) => {
    const [column, row] = [cell % width, Math.floor(cell / width)];
    const rim = Math.min(column, row, width - 1 - column, height - 1 - row) / RIM;
    fade[cell] = Math.min(rim, 1) * reach.at(region.x[0] + (2 * column + 1) * halfX, region.y[0] + (2 * row + 1) * halfY);
  });
  blur(fade, width, height);
  return {
    method: region.reader === "classifier" ? "classifier" : "10-NN",
    x: [region.x[0] + halfX, region.x[1] - halfX],
    y: [region.y[0] + halfY, region.y[1] - halfY],
    width,
    height,
    labels,
    confidence,
    fade,
  };
}

/** @param {Float32Array} points @param {number} count @param {number} margin @returns {[number, number, number, number]} left, right, low, high */
function bounds(points, count, margin) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < count; i++) {
    left = Math.min(left, points[2 * i]);
    right = Math.max(right, points[2 * i]);
    low = Math.min(low, points[2 * i + 1]);
    high = Math.max(high, points[2 * i + 1]);
  }
  return [left - margin, right + margin, low - margin, high + margin];
}

/** @param {number} count @param {(i: number) => void} run */
async function inSlices(count, run) {
  let started = performance.now();
  for (let i = 0; i < count; i++) {
    run(i);
    if (i % 64 === 0 && performance.now() - started > SLICE) {
      await breathe();
      started = performance.now();
    }
  }
}

/** Average over neighbours along rows and columns; beyond the grid all is 0. @param {Float32Array} values @param {number} width @param {number} height */
function blur(values, width, height) {
  for (let pass = 0; pass < 2; pass++) {
    for (let row = 0; row < height; row++) average(values, row * width, 1, width);
    for (let column = 0; column < width; column++) average(values, column, width, height);
  }
}

/** @param {Float32Array} values @param {number} start @param {number} step @param {number} count */
function average(values, start, step, count) {
  const line = Float32Array.from({ length: count }, (_, i) => values[start + i * step]);
  let sum = 0;
  for (let i = -BLUR; i < count; i++) {
    sum += (line[i + BLUR] ?? 0) - (line[i - BLUR - 1] ?? 0);
    if (i >= 0) values[start + i * step] = Math.max(sum / (2 * BLUR + 1), 0);
  }
}
