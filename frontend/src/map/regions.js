/** @import {Grid} from "./grid.js" */
/** @import {Viewport} from "./viewport.js" */
import { rgb } from "../base/colours.js";
import { h } from "../base/dom.js";

/** Borders have this many strengths. */
const SHADES = 4;
const FAINTEST = 0.12;
/** Below this confidence of the neighbours' vote no border is drawn: it would claim more than is known. */
const LEAST_CONFIDENCE = 0.42;

/** The regions of the classes: a tint that fades where the prediction is uncertain or far from data, and the borders. */
export class Regions {
  /**
   * @param {Grid} grid
   * @param {(value: number) => string} colour
   * @param {number} size number of classes
   * @param {boolean} dark
   */
  constructor(grid, colour, size, dark) {
    this.grid = grid;
    const { width, height, labels, confidence, fade } = grid;
    this.tint = h("canvas", { width, height });
    const image = new ImageData(width, height);
    const colours = Array.from({ length: size }, (_, k) => rgb(colour(k)));
    const least = 1 / Math.max(size, 2);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const at = row * width + column;
        const to = ((height - 1 - row) * width + column) * 4;
        const [r, g, b] = colours[labels[at]] ?? [0, 0, 0];
        const certainty = Math.max(0, (confidence[at] / 255 - least) / (1 - least));
        image.data.set([r, g, b, (dark ? 118 : 104) * certainty ** 1.6 * fade[at]], to);
      }
    }
    this.tint.getContext("2d")?.putImageData(image, 0, 0);
    this.lines = borders(grid);
  }

  /** @param {CanvasRenderingContext2D} to @param {Viewport} viewport @param {string} ink @param {boolean} withBorders */
  draw(to, viewport, ink, withBorders) {
    const { x, y, width, height } = this.grid;
    // A cell reaches half a step to either side of its centre.
    const [stepX, stepY] = [(x[1] - x[0]) / (width - 1), (y[1] - y[0]) / (height - 1)];
    const [left, top] = viewport.toScreen(x[0] - stepX / 2, y[1] + stepY / 2);
    const [right, bottom] = viewport.toScreen(x[1] + stepX / 2, y[0] - stepY / 2);
    to.imageSmoothingEnabled = true;
    to.imageSmoothingQuality = "high";
    to.drawImage(this.tint, left, top, right - left, bottom - top);
    if (!withBorders) return;
    const [originX, originY] = viewport.toScreen(x[0], y[0]);
    const onto = new DOMMatrix([stepX * viewport.scale, 0, 0, -stepY * viewport.scale, originX, originY]);
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
 * Where a border crosses between two cells of unlike classes, as a share of their distance: where both classes are as
 * likely, or as each cell's own confidence says if only that is known.
 * @param {Uint8Array} labels
 * @param {Uint8Array} confidence
 * @param {Float32Array} [probabilities]
 * @returns {(from: number, to: number) => number}
 */
function crossing(labels, confidence, probabilities) {
  if (!probabilities?.length) return (from, to) => ODDS[confidence[from]] / (ODDS[confidence[from]] + ODDS[confidence[to]]);
  const size = probabilities.length / labels.length;
  const log = (/** @type {number} */ cell, /** @type {number} */ k) => Math.log(Math.max(probabilities[cell * size + k], 1e-37));
  return (from, to) => {
    const here = log(from, labels[from]) - log(from, labels[to]);
    const there = log(to, labels[to]) - log(to, labels[from]);
    return here + there > 0 ? here / (here + there) : 0.5;
  };
}

/** The lines between unlike neighbours, by marching squares, in shades by confidence and nearness to the data. @param {Grid} grid */
function borders({ method, width, height, labels, confidence, fade, probabilities }) {
  const share = crossing(labels, confidence, probabilities);
  const voted = method === "10-NN";
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
      const certainty = Math.min(confidence[a], confidence[b], confidence[c], confidence[d]) / 255;
      if (voted && certainty < LEAST_CONFIDENCE) continue;
      const strength = (voted ? certainty * 0.8 : 0.45 + certainty * 0.55) * Math.min(fade[a], fade[b], fade[c], fade[d]);
      if (strength < FAINTEST) continue;
      const shade = Math.min(SHADES - 1, Math.floor(strength * SHADES));
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
