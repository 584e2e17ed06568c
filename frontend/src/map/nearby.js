/** Finds the nearest shown point, by a grid of buckets. */
export class Nearby {
  /**
   * @param {Float32Array} points [n, 2]
   * @param {Uint32Array} shown 0 for points that are hidden
   */
  constructor(points, shown) {
    this.points = points;
    const count = shown.length;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < count; i++) {
      left = Math.min(left, points[2 * i]);
      right = Math.max(right, points[2 * i]);
      low = Math.min(low, points[2 * i + 1]);
      high = Math.max(high, points[2 * i + 1]);
    }
    this.side = Math.max(1, Math.min(200, Math.ceil(Math.sqrt(count / 4))));
    this.left = left;
    this.low = low;
    this.step = Math.max(right - left, high - low, 1e-9) / this.side;
    const starts = new Int32Array(this.side * this.side + 1);
    const cells = new Int32Array(count).fill(-1);
    for (let i = 0; i < count; i++) {
      if (!shown[i]) continue;
      cells[i] = this.cell(this.column(points[2 * i]), this.row(points[2 * i + 1]));
      starts[cells[i] + 1]++;
    }
    for (let i = 0; i < this.side * this.side; i++) starts[i + 1] += starts[i];
    this.starts = starts;
    this.members = new Int32Array(starts[this.side * this.side]);
    const next = Int32Array.from(starts);
    for (let i = 0; i < count; i++) if (cells[i] >= 0) this.members[next[cells[i]]++] = i;
  }

  /** @param {number} x */
  column(x) {
    return Math.min(Math.max(Math.floor((x - this.left) / this.step), 0), this.side - 1);
  }

  /** @param {number} y */
  row(y) {
    return Math.min(Math.max(Math.floor((y - this.low) / this.step), 0), this.side - 1);
  }

  /** @param {number} column @param {number} row */
  cell(column, row) {
    return row * this.side + column;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} reach no farther than this
   * @returns {number} the row, -1 if none
   */
  find(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    const [fromRow, toRow] = [this.row(y - reach), this.row(y + reach)];
    const [from, to] = [this.column(x - reach), this.column(x + reach)];
    for (let row = fromRow; row <= toRow; row++) {
      const last = this.starts[this.cell(to, row) + 1];
      for (let k = this.starts[this.cell(from, row)]; k < last; k++) {
        const i = this.members[k];
        const distance = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
        if (distance < least) {
          least = distance;
          best = i;
        }
      }
    }
    return best;
  }
}
