/** @import {PlaneMap, Region} from "../types" */
/** @import {RunModel} from "../model/run.js" */

/**
 * A map as the plane draws it.
 * @typedef {object} Source
 * @property {string} key as in the address
 * @property {string} name
 * @property {"pair" | "pca" | "tsne" | "umap"} kind
 * @property {Float32Array} points [count, 2]
 * @property {number} count
 * @property {boolean} exact whether a place stands for one code
 * @property {boolean} sliced whether places stand for codes that share the rest of the current code
 * @property {[string, string] | null} axes
 * @property {Region[]} regions
 * @property {(x: number, y: number, code: Float32Array) => Float32Array} toCode
 * @property {(code: Float32Array, row: number) => [number, number]} fromCode
 */

const NEAREST = 5;

/** The maps to choose from. @param {RunModel} run */
export function mapChoices(run) {
  return run.run.maps.map(({ name }, i) => ({ key: String(i), name }));
}

/** The map to begin with: the plane of the code if that has two latents, else an embedding. @param {RunModel} run */
export function firstMap(run) {
  const neighbours = run.kind === "conditional" ? -1 : run.run.maps.findIndex(({ kind }) => kind === "tsne");
  return String(Math.max(run.width > 2 ? neighbours : 0, 0));
}

/** @param {RunModel} run @param {string} key @returns {Promise<Source>} */
export async function openMap(run, key) {
  const pair = /^(\d+)x(\d+)$/.exec(key);
  if (pair) return ownPair(run, Number(pair[1]), Number(pair[2]));
  const stored = run.run.maps[Number(key)] ?? run.run.maps[0];
  if (!stored) return ownPair(run, run.free[0] ?? 0, run.free[1] ?? 0);
  return storedMap(run, stored, String(run.run.maps.indexOf(stored)));
}

/** Any two latents against each other; the others stay as the current code has them. @param {RunModel} run @param {number} i @param {number} j @returns {Source} */
function ownPair(run, i, j) {
  const [a, b] = [Math.min(i, run.width - 1), Math.min(j, run.width - 1)];
  const points = new Float32Array(run.count * 2);
  for (let row = 0; row < run.count; row++) {
    points[2 * row] = run.codes[row * run.width + a];
    points[2 * row + 1] = run.codes[row * run.width + b];
  }
  return {
    key: `${a}x${b}`,
    name: `${run.run.latents[a].label} and ${run.run.latents[b].label}`,
    kind: "pair",
    points,
    count: run.count,
    exact: true,
    sliced: true,
    axes: [run.run.latents[a].label, run.run.latents[b].label],
    regions: [],
    toCode: (x, y, code) => withPair(code, a, b, x, y),
    fromCode: (code) => [code[a], code[b]],
  };
}

/** @param {ArrayLike<number>} code @param {number} a @param {number} b @param {number} x @param {number} y */
function withPair(code, a, b, x, y) {
  const moved = Float32Array.from(code);
  moved[a] = x;
  moved[b] = y;
  return moved;
}

/** @param {RunModel} run @param {PlaneMap} stored @param {string} key @returns {Promise<Source>} */
async function storedMap(run, stored, key) {
  const points = await run.blocks.floats(stored.points);
  const count = Math.min(stored.count ?? run.count, points.length / 2);
  const common = {
    key,
    name: stored.name,
    kind: stored.kind,
    points,
    count,
    sliced: false,
    regions: (run.run.regions ?? []).filter((region) => region.map === stored.name),
  };
  const { inverse } = stored;
  if (inverse && "pair" in inverse) {
    const [a, b] = inverse.pair;
    return {
      ...common,
      exact: true,
      axes: [run.run.latents[a].label, run.run.latents[b].label],
      toCode: (x, y) => withPair(inverse.rest, a, b, x, y),
      fromCode: (code) => [code[a], code[b]],
    };
  }
  if (inverse) {
    const { mean, components } = inverse;
    const [first, second] = components;
    /** @param {Float32Array} code @param {number[]} component */
    const onto = (code, component) => code.reduce((sum, each, i) => sum + (each - mean[i]) * component[i], 0);
    const share = (/** @type {number} */ i) => (stored.variance ? ` (${Math.round(stored.variance[i] * 100)} % of the variance)` : "");
    return {
      ...common,
      exact: true,
      axes: [`first component${share(0)}`, `second component${share(1)}`],
      toCode: (x, y) => Float32Array.from(mean, (each, i) => each + x * first[i] + y * second[i]),
      fromCode: (code) => [onto(code, first), onto(code, second)],
    };
  }
  return {
    ...common,
    exact: false,
    axes: null,
    toCode: (x, y) => blend(run, nearestOnMap(points, count, x, y)),
    fromCode: (code, row) => (row >= 0 && row < count ? [points[2 * row], points[2 * row + 1]] : place(run, points, count, code)),
  };
}

/** @param {Float32Array} points @param {number} count @param {number} x @param {number} y */
function nearestOnMap(points, count, x, y) {
  return nearest(count, (row) => (points[2 * row] - x) ** 2 + (points[2 * row + 1] - y) ** 2);
}

/** @param {number} count @param {(row: number) => number} distance squared */
function nearest(count, distance) {
  /** @type {{row: number, distance: number}[]} */
  const found = [];
  for (let row = 0; row < count; row++) {
    const mine = distance(row);
    if (found.length === NEAREST && mine >= found[NEAREST - 1].distance) continue;
    let at = found.length;
    while (at > 0 && found[at - 1].distance > mine) at--;
    found.splice(at, 0, { row, distance: mine });
    if (found.length > NEAREST) found.pop();
  }
  const weights = found.map((each) => 1 / (each.distance + 1e-9));
  const total = weights.reduce((sum, each) => sum + each, 0);
  return found.map(({ row }, i) => ({ row, weight: weights[i] / total }));
}

/** The mean of some codes, nearer ones counting more. @param {RunModel} run @param {{row: number, weight: number}[]} found */
function blend(run, found) {
  const code = new Float32Array(run.width);
  for (const { row, weight } of found) for (let i = 0; i < run.width; i++) code[i] += weight * run.codes[row * run.width + i];
  return code;
}

/** The place of a code on an embedding: among its nearest codes. @param {RunModel} run @param {Float32Array} points @param {number} count @param {Float32Array} code @returns {[number, number]} */
function place(run, points, count, code) {
  const found = nearest(count, (row) => {
    let sum = 0;
    for (let i = 0; i < run.width; i++) sum += (run.codes[row * run.width + i] - code[i]) ** 2;
    return sum;
  });
  return [0, 1].reduce(
    (at, axis) => ((at[axis] = found.reduce((sum, { row, weight }) => sum + weight * points[2 * row + axis], 0)), at),
    /** @type {[number, number]} */ ([0, 0]),
  );
}
