/** @import {Region} from "../types" */
/** @import {Lens} from "./lens.js" */
import { rgb } from "../base/colours.js";
import { breathe, h } from "../base/dom.js";

/** Borders are drawn as fainter, the less sure the classes at them are. */
const SHADES = 4;
const LEAST_SURE = 0.42;

/** Cells along the longer side of a grid that the page computes. */
const SIDE = 260;
/** The page answers at least this often meanwhile, in milliseconds. */
const SLICE = 8;

/**
 * `chances`, where they are known, say where between two cells a border runs.
 * @typedef {{region: Region, labels: Uint8Array, confidence: Uint8Array, chances?: Float32Array}} Grid
 */

/**
 * The classifier's reading of all that the window shows and some more, since a stored grid ends with the points.
 * @param {Region} stored
 * @param {(x: number, y: number) => Float32Array} chances
 * @param {{x: [number, number], y: [number, number]}} window
 * @returns {Promise<Grid>}
 */
export async function widen(stored, chances, window) {
  const [spanX, spanY] = [window.x[1] - window.x[0], window.y[1] - window.y[0]];
  const step = Math.max(spanX, spanY) / (SIDE - 1);
  const [width, height] = [Math.round(spanX / step) + 1, Math.round(spanY / step) + 1];
  const labels = new Uint8Array(width * height);
  const confidence = new Uint8Array(width * height);
  let all = new Float32Array(0);
  let started = performance.now();
  for (let at = 0; at < labels.length; at++) {
    const found = chances(window.x[0] + (at % width) * step, window.y[0] + Math.floor(at / width) * step);
    let best = 0;
    for (let k = 1; k < found.length; k++) if (found[k] > found[best]) best = k;
    if (!at) all = new Float32Array(labels.length * found.length);
    all.set(found, at * found.length);
    labels[at] = best;
    confidence[at] = Math.round(found[best] * 255);
    if (performance.now() - started > SLICE) {
      await breathe();
      started = performance.now();
    }
  }
  const reach = (/** @type {number} */ from, /** @type {number} */ count) => /** @type {[number, number]} */ ([from, from + (count - 1) * step]);
  return { region: { ...stored, x: reach(window.x[0], width), y: reach(window.y[0], height), width, height }, labels, confidence, chances: all };
}

/** Where each class reigns: a tint that fades where the reading is unsure, and the borders between classes. */
export class Regions {
  /**
   * @param {Grid} grid [height, width], the lowest row first
   * @param {(value: number) => string} colour
   * @param {number} size classes
   * @param {boolean} dark
   */
  constructor({ region, labels, confidence, chances }, colour, size, dark) {
    this.region = region;
    this.labels = labels;
    const { width, height } = region;
    this.tint = h("canvas", { width, height });
    const image = new ImageData(width, height);
    const colours = Array.from({ length: size }, (_, k) => rgb(colour(k)));
    const least = 1 / Math.max(size, 2);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const at = row * width + column;
        const to = ((height - 1 - row) * width + column) * 4;
        const [r, g, b] = colours[labels[at]] ?? [0, 0, 0];
        const sure = Math.max(0, (confidence[at] / 255 - least) / (1 - least));
        image.data.set([r, g, b, (dark ? 108 : 96) * sure ** 1.6], to);
      }
    }
    this.tint.getContext("2d")?.putImageData(image, 0, 0);
    this.lines = borders(labels, crossing(labels, confidence, chances), confidence, width, height, region.reader !== "classifier");
  }

  /** @param {CanvasRenderingContext2D} to @param {Lens} lens @param {string} ink @param {boolean} withBorders */
  draw(to, lens, ink, withBorders) {
    const { x, y, width, height } = this.region;
    // Labels stand at grid points, so a cell reaches half a step to either side.
    const [stepX, stepY] = [(x[1] - x[0]) / (width - 1), (y[1] - y[0]) / (height - 1)];
    const [left, top] = lens.toScreen(x[0] - stepX / 2, y[1] + stepY / 2);
    const [right, bottom] = lens.toScreen(x[1] + stepX / 2, y[0] - stepY / 2);
    to.imageSmoothingEnabled = true;
    to.imageSmoothingQuality = "high";
    to.drawImage(this.tint, left, top, right - left, bottom - top);
    if (!withBorders) return;
    const [originX, originY] = lens.toScreen(x[0], y[0]);
    const onto = new DOMMatrix([stepX * lens.scale, 0, 0, -stepY * lens.scale, originX, originY]);
    this.lines.forEach((line, shade) => {
      const path = new Path2D();
      path.addPath(line, onto);
      to.globalAlpha = (shade + 1) / SHADES;
      to.strokeStyle = ink;
      to.lineWidth = 1.4;
      to.lineJoin = "round";
      to.lineCap = "round";
      to.stroke(path);
    });
    to.globalAlpha = 1;
  }
}

/** Log odds of the likeliest class, kept finite. */
const ODDS = Float32Array.from({ length: 256 }, (_, byte) => {
  const share = Math.min(Math.max(byte / 255, 0.02), 0.998);
  return Math.max(Math.log(share / (1 - share)), 0) + 0.05;
});

/**
 * Where a border crosses between two cells of unlike classes, as a share of the way: where both classes are as
 * likely, or if only each cell's own chance is known, as that says.
 * @param {Uint8Array} labels
 * @param {Uint8Array} confidence
 * @param {Float32Array} [chances]
 * @returns {(from: number, to: number) => number}
 */
function crossing(labels, confidence, chances) {
  if (!chances?.length) return (from, to) => ODDS[confidence[from]] / (ODDS[confidence[from]] + ODDS[confidence[to]]);
  const size = chances.length / labels.length;
  const log = (/** @type {number} */ cell, /** @type {number} */ k) => Math.log(Math.max(chances[cell * size + k], 1e-37));
  return (from, to) => {
    const here = log(from, labels[from]) - log(from, labels[to]);
    const there = log(to, labels[to]) - log(to, labels[from]);
    return here + there > 0 ? here / (here + there) : 0.5;
  };
}

/**
 * The lines between unlike neighbours, by marching squares, sorted by how sure both sides are.
 * @param {Uint8Array} labels
 * @param {(from: number, to: number) => number} share
 * @param {Uint8Array} confidence
 * @param {number} width
 * @param {number} height
 * @param {boolean} faded
 */
function borders(labels, share, confidence, width, height, faded) {
  const paths = Array.from({ length: SHADES }, () => new Path2D());
  for (let row = 0; row + 1 < height; row++) {
    for (let column = 0; column + 1 < width; column++) {
      const a = row * width + column;
      const [b, c, d] = [a + 1, a + width + 1, a + width];
      const [la, lb, lc, ld] = [labels[a], labels[b], labels[c], labels[d]];
      if (la === lb && lb === lc && lc === ld) continue;
      /** @type {[number, number][]} */
      const crossings = [];
      if (la !== lb) crossings.push([column + share(a, b), row]);
      if (lb !== lc) crossings.push([column + 1, row + share(b, c)]);
      if (lc !== ld) crossings.push([column + share(d, c), row + 1]);
      if (ld !== la) crossings.push([column, row + share(a, d)]);
      const sure = Math.min(confidence[a], confidence[b], confidence[c], confidence[d]) / 255;
      // Where ten neighbours hardly agree, or are far, a line would claim more than is known.
      if (faded && sure < LEAST_SURE) continue;
      const shade = Math.min(SHADES - 1, Math.floor((faded ? sure * 0.8 : 0.45 + sure * 0.55) * SHADES));
      const path = paths[shade];
      if (crossings.length === 2) {
        path.moveTo(...crossings[0]);
        path.lineTo(...crossings[1]);
      } else {
        const x = crossings.reduce((sum, each) => sum + each[0], 0) / crossings.length;
        const y = crossings.reduce((sum, each) => sum + each[1], 0) / crossings.length;
        for (const crossing of crossings) {
          path.moveTo(...crossing);
          path.lineTo(x, y);
        }
      }
    }
  }
  return paths;
}
