/** @import {State} from "../base/context" */
/** @import {RunModel} from "./run.js" */

/** Interpolation between two codes, the same arithmetic as in Python. */

/** @param {Float32Array} a @param {Float32Array} b @param {number} t */
export function linear(a, b, t) {
  return a.map((each, i) => each + t * (b[i] - each));
}

/**
 * Along the arc, https://arxiv.org/abs/1609.04468; linear where two codes span no arc.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t
 */
export function spherical(a, b, t) {
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  const dot = a.reduce((sum, each, i) => sum + each * b[i], 0);
  const angle = lengths ? Math.acos(Math.min(Math.max(dot / lengths, -1), 1)) : 0;
  if (Math.sin(angle) < 1e-4) return linear(a, b, t);
  const [first, second] = [Math.sin(angle - t * angle), Math.sin(t * angle)];
  return a.map((each, i) => (first * each + second * b[i]) / Math.sin(angle));
}

/**
 * The code at a share `t` of the path. Only free latents follow the arc; attribute latents are always linear.
 * @param {"linear" | "spherical"} kind
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t
 * @param {number[]} free indices of the gaussian latents
 */
export function interpolate(kind, a, b, t, free) {
  const code = linear(a, b, t);
  if (kind === "spherical") {
    const pick = (/** @type {Float32Array} */ from) => Float32Array.from(free, (i) => from[i]);
    spherical(pick(a), pick(b), t).forEach((value, i) => (code[free[i]] = value));
  }
  return code;
}

/** The code and the blended condition at a share of the path between the two ends. @param {RunModel} run @param {Pick<State, "from" | "to" | "path">} state @param {number} t */
export function pathAt(run, { from, to, path }, t) {
  const [a, b] = [run.conditionCode(from.condition), run.conditionCode(to.condition)];
  return { code: interpolate(path, from.code, to.code, t, run.gaussian), blended: a && b ? linear(a, b, t) : null };
}

/**
 * The classes along a path, in order, each with its share of the path.
 * @param {RunModel} run
 * @param {State} state
 * @param {number} steps
 * @returns {{value: number, share: number}[]}
 */
export function classesAlong(run, state, steps) {
  /** @type {{value: number, share: number}[]} */
  const found = [];
  for (let i = 0; i < steps; i++) {
    const prediction = run.predictor.at(pathAt(run, state, i / (steps - 1)).code);
    if (!prediction) return [];
    const last = found[found.length - 1];
    if (last?.value === prediction.value) last.share += 1 / steps;
    else found.push({ value: prediction.value, share: 1 / steps });
  }
  return found;
}
