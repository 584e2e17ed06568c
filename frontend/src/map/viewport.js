/** Points outside these quantiles do not widen the first view, unless nearly nothing is saved. */
const [LOW, HIGH] = [0.002, 0.998];
const PADDING = 1.1;
const MOST_ZOOM = 400;

/** Which part of a map the canvas shows: equal units on both axes, upwards positive. */
export class Viewport {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.x = 0;
    this.y = 0;
    /** Pixels to a unit. */
    this.scale = 1;
    this.home = { x: 0, y: 0, spanX: 1, spanY: 1 };
  }

  /** Fit the view to the points. @param {Float32Array} points @param {number} count */
  frame(points, count) {
    const [left, right] = count ? extent(points, count, 0) : [-3, 3];
    const [low, high] = count ? extent(points, count, 1) : [-3, 3];
    this.home = { x: (left + right) / 2, y: (low + high) / 2, spanX: right - left || 1, spanY: high - low || 1 };
    this.whole();
  }

  whole() {
    const { x, y } = this.home;
    Object.assign(this, { x, y, scale: this.fit });
  }

  get fit() {
    return Math.min(this.width / (this.home.spanX * PADDING), this.height / (this.home.spanY * PADDING));
  }

  get zoom() {
    return this.scale / this.fit;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    const zoom = this.zoom;
    this.width = width;
    this.height = height;
    this.scale = this.fit * (Number.isFinite(zoom) && zoom > 0 ? zoom : 1);
  }

  /** @param {number} x @param {number} y @returns {[number, number]} pixels */
  toScreen(x, y) {
    return [this.width / 2 + (x - this.x) * this.scale, this.height / 2 - (y - this.y) * this.scale];
  }

  /** @param {number} px @param {number} py @returns {[number, number]} */
  toMap(px, py) {
    return [this.x + (px - this.width / 2) / this.scale, this.y - (py - this.height / 2) / this.scale];
  }

  /** @param {number} dx @param {number} dy pixels */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /** @param {number} factor @param {number} px @param {number} py the place that stays */
  zoomAt(factor, px, py) {
    const [x, y] = this.toMap(px, py);
    this.scale = Math.min(Math.max(this.scale * factor, this.fit * 0.5), this.fit * MOST_ZOOM);
    const [nowX, nowY] = this.toMap(px, py);
    this.x += x - nowX;
    this.y += y - nowY;
  }
}

/** @param {Float32Array} points @param {number} count @param {0 | 1} axis @returns {[number, number]} */
function extent(points, count, axis) {
  const sorted = Float32Array.from({ length: count }, (_, i) => points[2 * i + axis]).sort();
  const [low, high] = [sorted[Math.floor(LOW * (count - 1))], sorted[Math.ceil(HIGH * (count - 1))]];
  const [least, most] = [sorted[0], sorted[count - 1]];
  return most - least > 1.2 * (high - low) ? [low, high] : [least, most];
}
