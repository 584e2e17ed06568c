/** Cells along each side in which the points of the classes are counted. */
const SIDE = 24;
/** A class has a place of its own where more than half of the points are its, even if chance brought some of them. */
const PURE = 0.5;
/** Where fewer classes than this share have one, names would claim groups that are none. */
const ENOUGH = 0.6;

/**
 * Where the names of the classes stand: where each has many points and few others. Empty where the classes overlap.
 * @param {Float32Array} points [count, 2]
 * @param {Float32Array} labels
 * @param {number} count
 * @param {number} size number of classes
 * @returns {Map<number, [number, number]>}
 */
export function labelPlaces(points, labels, count, size) {
  const cellOf = cells(points, count);
  const counts = new Float64Array(size * SIDE * SIDE);
  const all = new Float64Array(SIDE * SIDE);
  for (let i = 0; i < count; i++) {
    if (!(labels[i] >= 0 && labels[i] < size)) continue;
    counts[labels[i] * SIDE * SIDE + cellOf(i)]++;
    all[cellOf(i)]++;
  }
  const around = smooth(all);
  /** @type {Map<number, [number, number]>} */
  const found = new Map();
  let [present, pure] = [0, 0];
  for (let k = 0; k < size; k++) {
    const mine = smooth(counts.subarray(k * SIDE * SIDE, (k + 1) * SIDE * SIDE));
    let best = 0;
    const score = (/** @type {number} */ cell) => (around[cell] ? mine[cell] ** 2 / around[cell] : 0);
    for (let cell = 0; cell < mine.length; cell++) if (score(cell) > score(best)) best = cell;
    if (!mine[best]) continue;
    present++;
    if (mine[best] - Math.sqrt(mine[best]) > PURE * around[best]) pure++;
    /** @type {number[]} */
    const near = [];
    for (let i = 0; i < count; i++) if (labels[i] === k && isNear(cellOf(i), best)) near.push(i);
    const mean = (/** @type {0 | 1} */ axis) => near.reduce((sum, i) => sum + points[2 * i + axis], 0) / near.length;
    found.set(k, [mean(0), mean(1)]);
  }
  return pure >= present * ENOUGH ? found : new Map();
}

/** @param {Float32Array} points @param {number} count @returns {(i: number) => number} the cell of a point */
function cells(points, count) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < 2 * count; i++) {
    low[i % 2] = Math.min(low[i % 2], points[i]);
    high[i % 2] = Math.max(high[i % 2], points[i]);
  }
  const index = (/** @type {number} */ value, /** @type {number} */ axis) => Math.min(SIDE - 1, Math.floor(((value - low[axis]) / (high[axis] - low[axis] || 1)) * SIDE));
  return (i) => index(points[2 * i + 1], 1) * SIDE + index(points[2 * i], 0);
}

/** @param {number} cell @param {number} centre */
const isNear = (cell, centre) => Math.abs((cell % SIDE) - (centre % SIDE)) < 2 && Math.abs(Math.floor(cell / SIDE) - Math.floor(centre / SIDE)) < 2;

/** Sums over each cell and its eight neighbours. @param {Float64Array} counts */
function smooth(counts) {
  return counts.map((_, cell) => {
    let sum = 0;
    for (let dy = -SIDE; dy <= SIDE; dy += SIDE) for (let dx = -1; dx <= 1; dx++) if (isNear(cell + dx + dy, cell)) sum += counts[cell + dx + dy] ?? 0;
    return sum;
  });
}

/** @typedef {{x: number, y: number, halfWidth: number, halfHeight: number}} Box */

/**
 * Move a box aside until it overlaps no other, as little as possible.
 * @param {Box} box
 * @param {Box[]} others
 */
export function placeAside(box, others) {
  for (let ring = 0; ring < 8; ring++) {
    for (let turn = 0; turn < (ring ? 8 : 1); turn++) {
      const angle = (turn * Math.PI) / 4 + Math.PI / 2;
      const moved = { ...box, x: box.x + ring * box.halfHeight * Math.cos(angle), y: box.y + ring * box.halfHeight * Math.sin(angle) };
      const free = others.every((other) => Math.abs(other.x - moved.x) > other.halfWidth + box.halfWidth || Math.abs(other.y - moved.y) > other.halfHeight + box.halfHeight);
      if (free) return moved;
    }
  }
  return box;
}
