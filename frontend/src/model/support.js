/** A code is far from the data from so many times the distance on that 99 % of unseen images keep. */
export const FAR = 1.5;

/** Points in a space, and which places are near them. */
export class Support {
  /**
   * @param {Float32Array} points [n, c]
   * @param {number[]} columns [c] of a place that count
   * @param {number[]} scale [c] by which differences are multiplied
   * @param {number} unit the distance that counts as 1
   */
  constructor(points, columns, scale, unit) {
    this.columns = columns;
    this.scale = scale;
    this.unit = unit;
    const width = columns.length;
    this.points = points.map((each, i) => each * scale[i % width]);
  }

  /** The distance of a place from the nearest point; 0 where no latent counts. @param {ArrayLike<number>} place */
  distance(place) {
    const { columns, scale, points } = this;
    const width = columns.length;
    if (!width) return 0;
    const scaled = columns.map((column, k) => place[column] * scale[k]);
    let best = Infinity;
    for (let at = 0; at < points.length; at += width) {
      let sum = 0;
      for (let k = 0; k < width && sum < best; k++) sum += (points[at + k] - scaled[k]) ** 2;
      if (sum < best) best = sum;
    }
    return Math.sqrt(best) / this.unit;
  }

  /** Whether no point is near. @param {ArrayLike<number>} place */
  isFar(place) {
    return this.distance(place) > FAR;
  }
}
