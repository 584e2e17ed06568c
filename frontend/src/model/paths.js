/** Ways from one code to another, as `distaff.model.mixing` in Python. */

/** @param {Float32Array} a @param {Float32Array} b @param {number} t */
export function straight(a, b, t) {
  return a.map((each, i) => each + t * (b[i] - each));
}

/**
 * Along the arc, https://arxiv.org/abs/1609.04468; straight where two codes have no arc.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t
 */
export function spherical(a, b, t) {
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  const dot = a.reduce((sum, each, i) => sum + each * b[i], 0);
  const angle = lengths ? Math.acos(Math.min(Math.max(dot / lengths, -1), 1)) : 0;
  if (Math.sin(angle) < 1e-4) return straight(a, b, t);
  const [first, second] = [Math.sin(angle - t * angle), Math.sin(t * angle)];
  return a.map((each, i) => (first * each + second * b[i]) / Math.sin(angle));
}

/**
 * The code at a share of the way. Only the free latents bend; what stands for attributes is mixed straight.
 * @param {"straight" | "spherical"} kind
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t
 * @param {number[]} free indices of the gaussian latents
 */
export function between(kind, a, b, t, free) {
  const code = straight(a, b, t);
  if (kind === "spherical") {
    const pick = (/** @type {Float32Array} */ from) => Float32Array.from(free, (i) => from[i]);
    spherical(pick(a), pick(b), t).forEach((value, i) => (code[free[i]] = value));
  }
  return code;
}

/**
 * The values of a traversal's row, the centre exactly in the middle.
 * @param {number} low
 * @param {number} centre
 * @param {number} high
 * @param {number} side values on either side
 */
export function sweep(low, centre, high, side) {
  const [from, to] = [Math.min(low, centre), Math.max(high, centre)];
  const left = Array.from({ length: side }, (_, i) => from + ((centre - from) * i) / side);
  const right = Array.from({ length: side }, (_, i) => centre + ((to - centre) * (i + 1)) / side);
  return [...left, centre, ...right];
}
