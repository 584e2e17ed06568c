/** @import {Lens} from "./lens.js" */

/**
 * Draws dots straight into pixels: 100,000 in a few milliseconds, without a graphics processor.
 */
export class Raster {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.image = new ImageData(1, 1);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /**
   * @param {Lens} lens in canvas pixels
   * @param {Float32Array} points [n, 2]
   * @param {Uint32Array} colours of each point; 0 is not drawn
   * @param {number} radius
   * @param {number} edge colour of a ring round each dot, 0 for none
   * @returns {number} how many dots are in sight
   */
  draw(lens, points, colours, radius, edge) {
    const { pixels, image } = this;
    const { width, height } = image;
    pixels.fill(0);
    const dot = disc(radius, width);
    const ring = edge ? disc(radius + 1, width).filter((each) => !dot.includes(each)) : new Int32Array(0);
    const margin = Math.ceil(radius) + 1;
    const { scale } = lens;
    const left = lens.width / 2 - lens.x * scale;
    const top = lens.height / 2 + lens.y * scale;
    let seen = 0;
    for (let i = 0; i < colours.length; i++) {
      const colour = colours[i];
      if (colour === 0) continue;
      const x = (left + points[2 * i] * scale) | 0;
      const y = (top - points[2 * i + 1] * scale) | 0;
      if (x < margin || y < margin || x >= width - margin || y >= height - margin) continue;
      const at = y * width + x;
      for (let k = 0; k < ring.length; k++) pixels[at + ring[k]] = edge;
      for (let k = 0; k < dot.length; k++) pixels[at + dot[k]] = colour;
      seen++;
    }
    this.context.putImageData(image, 0, 0);
    return seen;
  }
}

/** Offsets of the pixels of a disc. @param {number} radius @param {number} width */
function disc(radius, width) {
  const found = [];
  const whole = Math.ceil(radius);
  for (let y = -whole; y <= whole; y++) {
    for (let x = -whole; x <= whole; x++) if (x * x + y * y <= radius * radius) found.push(y * width + x);
  }
  return Int32Array.from(found);
}

/** A colour as one number of a raster. @param {[number, number, number]} rgb @param {number} [alpha] */
export const packed = ([r, g, b], alpha = 255) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
