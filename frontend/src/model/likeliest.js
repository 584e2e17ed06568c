/** @import {RunModel, Values} from "./run.js" */
import { sizeOf } from "./attributes.js";

/**
 * The condition under which an image from outside, which comes without one, is reconstructed best: for each attribute
 * with classes, the class with the smallest reconstruction error, as in Python.
 * @param {RunModel} run
 * @param {Float32Array} code
 * @param {Float32Array} image [c, h, w] in [0, 1]
 * @returns {Promise<Values>}
 */
export async function likeliest(run, code, image) {
  /** @type {Values} */
  const condition = Object.fromEntries(run.run.condition.map((name) => [name, NaN]));
  for (const name of run.run.condition) {
    const size = sizeOf(run.attribute(name));
    if (!size) {
      condition[name] = run.attribute(name).mean ?? 0;
      continue;
    }
    const tried = Array.from({ length: size }, (_, value) => run.conditionCode({ ...condition, [name]: value }));
    const decoded = await run.decodeFloats(tried.map(() => code), tried);
    const errors = tried.map((_, value) => error(run.run.likelihood ?? "bernoulli", image, decoded.subarray(value * image.length, (value + 1) * image.length)));
    condition[name] = errors.indexOf(Math.min(...errors));
  }
  return condition;
}

/** @param {string} likelihood @param {Float32Array} image @param {Float32Array} decoded */
function error(likelihood, image, decoded) {
  let sum = 0;
  for (let i = 0; i < image.length; i++) {
    if (likelihood === "bernoulli") {
      const p = Math.min(Math.max(decoded[i], 1e-7), 1 - 1e-7);
      sum -= image[i] * Math.log(p) + (1 - image[i]) * Math.log(1 - p);
    } else if (likelihood === "laplace") sum += Math.abs(image[i] - decoded[i]);
    else sum += (image[i] - decoded[i]) ** 2;
  }
  return sum;
}
