/** @import {Source} from "./source.js" */
import { Nearby } from "./nearby.js";

/** Points whose distance from their nearest other one is looked at. */
const SAMPLES = 300;
const QUANTILE = 0.99;
/** No distance below this share of the points' spread counts as far. */
const LEAST = 0.1;
/** In units of the usual distance: where the fading begins, and where nothing is left. */
const [NEAR, FAR] = [0.5, 1.5];
const FEWEST = 10;

/** How near the places of a map are to its points. */
export class Reach {
  /** @param {Source} source */
  constructor({ points, count }) {
    this.nearby = new Nearby(points, new Uint32Array(count).fill(1));
    const unit = count < FEWEST ? Infinity : Math.max(this.usual(count), LEAST * spread(points, count));
    /** Beyond this distance a place is far from all points; Infinity where there are too few to say. */
    this.far = FAR * unit;
    this.near = NEAR * unit;
  }

  /** The distance that nearly all points keep from their nearest other one. @param {number} count */
  usual(count) {
    const { points } = this.nearby;
    const samples = Math.min(SAMPLES, count);
    const distances = Float64Array.from({ length: samples }, (_, i) => {
      const row = Math.floor((i * count) / samples);
      let best = Infinity;
      for (let other = 0; other < count; other++) {
        if (other !== row) best = Math.min(best, (points[2 * other] - points[2 * row]) ** 2 + (points[2 * other + 1] - points[2 * row + 1]) ** 2);
      }
      return Math.sqrt(best);
    }).sort();
    return distances[Math.floor(QUANTILE * (samples - 1))];
  }

  /** Whether a place is at most so much farther than what counts as far. @param {number} x @param {number} y @param {number} margin */
  isNear(x, y, margin) {
    return this.nearby.find(x, y, this.far + margin) >= 0;
  }

  /** 1 at points, 0 far from all of them. @param {number} x @param {number} y */
  at(x, y) {
    if (!Number.isFinite(this.far)) return 1;
    // Most places are near, which is quickly known.
    if (this.nearby.find(x, y, this.near) >= 0) return 1;
    const row = this.nearby.find(x, y, this.far);
    if (row < 0) return 0;
    const distance = Math.hypot(this.nearby.points[2 * row] - x, this.nearby.points[2 * row + 1] - y);
    const share = Math.min(Math.max((this.far - distance) / (this.far - this.near), 0), 1);
    return share * share * (3 - 2 * share);
  }
}

/** The standard deviation of the points. @param {Float32Array} points @param {number} count */
function spread(points, count) {
  let total = 0;
  for (const axis of [0, 1]) {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < count; i++) {
      const value = points[2 * i + axis];
      sum += value;
      squares += value * value;
    }
    total += squares / count - (sum / count) ** 2;
  }
  return Math.sqrt(Math.max(total, 0));
}
