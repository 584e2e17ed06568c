/** @import {Images} from "../types" */
import { h } from "../base/dom.js";

/** The n-th of decoded images, ready for a canvas. @param {Images} images @param {number} n */
export function imageData(images, n) {
  const { width, height, rgba } = images;
  const size = width * height * 4;
  return new ImageData(/** @type {Uint8ClampedArray<ArrayBuffer>} */ (rgba.slice(n * size, (n + 1) * size)), width, height);
}

/** Put an image on a canvas at its own size. @param {HTMLCanvasElement} canvas @param {ImageData} image */
export function paint(canvas, image) {
  if (canvas.width !== image.width) canvas.width = image.width;
  if (canvas.height !== image.height) canvas.height = image.height;
  canvas.getContext("2d", { willReadFrequently: true })?.putImageData(image, 0, 0);
}

/** A canvas for one small image. @param {{width: number, height: number}} size @param {string} label */
export function imageCanvas(size, label) {
  return h("canvas", { class: "image", width: size.width, height: size.height, role: "img", "aria-label": label });
}

/** Grey levels or colours [c, h, w] as an image. @param {Uint8Array} planes @param {number} channels @param {number} width @param {number} height */
export function planesToImage(planes, channels, width, height) {
  const pixels = width * height;
  const image = new ImageData(width, height);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = planes[channels > 2 ? c * pixels + i : i];
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/**
 * Runs the latest of many requests: one at a time, and never loses the last.
 * @template T
 */
export class Latest {
  /** @param {(request: T) => Promise<void>} run @param {(error: unknown) => void} fail */
  constructor(run, fail) {
    this.run = run;
    this.fail = fail;
    this.busy = false;
    /** @type {{request: T} | null} */
    this.next = null;
  }

  /** @param {T} request */
  async ask(request) {
    this.next = { request };
    if (this.busy) return;
    this.busy = true;
    while (this.next) {
      const { request: current } = this.next;
      this.next = null;
      try {
        await this.run(current);
      } catch (error) {
        this.fail(error);
      }
    }
    this.busy = false;
  }
}
