/**
 * The assignment of rows to columns with the smallest total cost (Hungarian algorithm, O(n^2 m)).
 * @param {number[][]} cost n rows of m columns
 * @returns {number[]} the column of each row, -1 where there are too few columns
 */
export function assign(cost) {
  const rows = cost.length;
  const columns = cost[0]?.length ?? 0;
  if (rows > columns) {
    const turned = assign(Array.from({ length: columns }, (_, j) => cost.map((row) => row[j])));
    const found = new Array(rows).fill(-1);
    turned.forEach((row, column) => (found[row] = column));
    return found;
  }
  const u = new Float64Array(rows + 1);
  const v = new Float64Array(columns + 1);
  const owner = new Int32Array(columns + 1);
  const previous = new Int32Array(columns + 1);
  for (let i = 1; i <= rows; i++) {
    owner[0] = i;
    let column = 0;
    const least = new Float64Array(columns + 1).fill(Infinity);
    const used = new Uint8Array(columns + 1);
    do {
      used[column] = 1;
      const row = owner[column];
      let delta = Infinity;
      let next = 0;
      for (let j = 1; j <= columns; j++) {
        if (used[j]) continue;
        const reduced = cost[row - 1][j - 1] - u[row] - v[j];
        if (reduced < least[j]) {
          least[j] = reduced;
          previous[j] = column;
        }
        if (least[j] < delta) {
          delta = least[j];
          next = j;
        }
      }
      for (let j = 0; j <= columns; j++) {
        if (used[j]) {
          u[owner[j]] += delta;
          v[j] -= delta;
        } else least[j] -= delta;
      }
      column = next;
    } while (owner[column]);
    do {
      const before = previous[column];
      owner[column] = owner[before];
      column = before;
    } while (column);
  }
  const found = new Array(rows).fill(-1);
  for (let j = 1; j <= columns; j++) if (owner[j]) found[owner[j] - 1] = j - 1;
  return found;
}

/**
 * Pearson's correlation of every latent of one model with every latent of another, on the same images.
 * @param {Float32Array} one [n, a]
 * @param {Float32Array} two [n, b]
 * @param {number} count
 * @returns {number[][]} a rows of b
 */
export function correlations(one, two, count) {
  const [left, right] = [standardise(one, count), standardise(two, count)];
  return left.map((x) =>
    right.map((y) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += x[i] * y[i];
      return sum / count;
    }),
  );
}

/** @param {Float32Array} codes @param {number} count */
function standardise(codes, count) {
  const width = codes.length / count;
  return Array.from({ length: width }, (_, column) => {
    const values = Float64Array.from({ length: count }, (_, row) => codes[row * width + column]);
    const mean = values.reduce((sum, each) => sum + each, 0) / count;
    const spread = Math.sqrt(values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / count);
    return values.map((each) => (spread > 1e-9 ? (each - mean) / spread : 0));
  });
}
