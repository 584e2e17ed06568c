/** Where on the canvas a place of the map is: equal units on both axes, upwards positive. */
export class Lens {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.x = 0;
    this.y = 0;
    /** Pixels to a unit. */
    this.scale = 1;
    this.home = { x: 0, y: 0, spanX: 1, spanY: 1 };
  }

  /** What the whole map is. @param {Float32Array} points @param {number} count */
  frame(points, count) {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < count; i++) {
      const [x, y] = [points[2 * i], points[2 * i + 1]];
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    if (!count) [left, right, low, high] = [-3, 3, -3, 3];
    this.home = { x: (left + right) / 2, y: (low + high) / 2, spanX: right - left || 1, spanY: high - low || 1 };
    this.whole();
  }

  whole() {
    const { x, y } = this.home;
    Object.assign(this, { x, y, scale: this.fit });
  }

  get fit() {
    return Math.min(this.width / (this.home.spanX * 1.06), this.height / (this.home.spanY * 1.06));
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
    this.scale = Math.min(Math.max(this.scale * factor, this.fit * 0.5), this.fit * 400);
    const [nowX, nowY] = this.toMap(px, py);
    this.x += x - nowX;
    this.y += y - nowY;
  }
}
