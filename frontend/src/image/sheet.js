import { h } from "../base/dom.js";

export const GAP = 2;

/**
 * @typedef {{label: string, images: ImageData[]}} Row
 */

/** How often each pixel is repeated, so that small images can be seen. @param {number} width */
export const repeats = (width) => Math.max(1, Math.round(64 / width));

/**
 * Rows of images on white, names at the left; every pixel is repeated, none is smoothed.
 * @param {Row[]} rows
 * @param {number} [only] one column
 */
export function sheet(rows, only) {
  const { width, height } = rows[0].images[0];
  const scale = repeats(width);
  const [cellWidth, cellHeight] = [width * scale + GAP, height * scale + GAP];
  const columns = only === undefined ? Math.max(...rows.map((row) => row.images.length)) : 1;
  const named = rows.some((row) => row.label);
  const left = named ? 130 : 0;
  const canvas = h("canvas", { width: left + columns * cellWidth - GAP, height: rows.length * cellHeight - GAP });
  const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  to.fillStyle = "#ffffff";
  to.fillRect(0, 0, canvas.width, canvas.height);
  to.imageSmoothingEnabled = false;
  to.font = "13px system-ui, sans-serif";
  to.textBaseline = "middle";
  const one = h("canvas", { width, height });
  const drawn = /** @type {CanvasRenderingContext2D} */ (one.getContext("2d"));
  rows.forEach(({ label, images }, row) => {
    to.fillStyle = "#1c1e21";
    if (named) to.fillText(label.length > 18 ? `${label.slice(0, 17)}…` : label, 0, row * cellHeight + cellHeight / 2, left - 8);
    const shown = only === undefined ? images : [images[Math.min(only, images.length - 1)]];
    shown.forEach((image, column) => {
      drawn.putImageData(image, 0, 0);
      to.drawImage(one, left + column * cellWidth, row * cellHeight, width * scale, height * scale);
    });
  });
  return canvas;
}

/** The pixels of a canvas. @param {HTMLCanvasElement} canvas */
export function pixelsOf(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** There and back again, the ends once. @template T @param {T[]} frames */
export function thereAndBack(frames) {
  return [...frames, ...frames.slice(1, -1).reverse()];
}
