/** @import {End} from "../base/context" */
/** @import {RunModel} from "../model/run.js" */

/** A test image as an end of a path. @param {RunModel} run @param {number} row @returns {End} */
export function endOfRow(run, row) {
  return { code: run.codeOf(row), condition: run.conditionOf(row), name: `${run.run.points.split} image ${row + 1}` };
}

/**
 * The centre of a class, where `distaff mix` begins and ends, too; null for a class without images.
 * @param {RunModel} run
 * @param {string} attribute
 * @param {number} value
 * @returns {End | null}
 */
export function endOfClass(run, attribute, value) {
  const codes = run.ends.get(attribute);
  const code = codes?.slice(value * run.width, (value + 1) * run.width);
  if (!code?.length || Number.isNaN(code[0])) return null;
  return { code, condition: conditionOfClass(run, attribute, value), name: run.label(attribute, value) };
}

/** The condition of a class: the class itself, if the model is conditional on it, and nothing else. @param {RunModel} run @param {string} attribute @param {number} value */
function conditionOfClass(run, attribute, value) {
  return Object.fromEntries(run.run.condition.map((name) => [name, name === attribute ? value : NaN]));
}

/** The attribute whose classes an interpolation leads between, if there is one. @param {RunModel} run */
export function endAttribute(run) {
  const { first } = run.run.class_ends;
  return first === null || !run.ends.has(first) ? null : run.attribute(first);
}

/** Whether a model trained without classes separates two of them. @param {RunModel} run @param {End} from @param {End} to */
function apart(run, from, to) {
  const [a, b] = [run.predictor.at(from.code), run.predictor.at(to.code)];
  return a !== null && a.value !== b?.value;
}

/** The interpolation that the page begins with. @param {RunModel} run @returns {[End, End]} */
export function defaultEnds(run) {
  const attribute = endAttribute(run);
  const size = attribute?.values?.length ?? 0;
  if (attribute) {
    const found = Array.from({ length: size }, (_, value) => endOfClass(run, attribute.name, value));
    const from = found.find((end) => end);
    // 0 to 8 among digits: whether that path crosses a third class depends on the model.
    const to = found[8] ?? found.filter((end) => end).pop();
    if (from && to && from !== to && (run.kind !== "plain" || apart(run, from, to))) return [from, to];
  }
  return [endOfRow(run, run.typicalRow), endOfRow(run, farthest(run, run.typicalRow))];
}

/**
 * The name of an end that came with the address: its class, its image, or neither.
 * @param {RunModel} run
 * @param {Float32Array} code
 * @param {import("../model/run.js").Values} condition
 * @param {(a: Float32Array) => string} written a code as the address holds it
 */
export function nameOf(run, code, condition, written) {
  const attribute = endAttribute(run);
  const wanted = written(code);
  for (let value = 0; attribute && value < (attribute.values?.length ?? 0); value++) {
    const end = endOfClass(run, attribute.name, value);
    if (end && written(end.code) === wanted && run.run.condition.every((name) => Object.is(end.condition[name], condition[name]))) return end.name;
  }
  for (let row = 0; row < run.count; row++) {
    if (Math.abs(run.codes[row * run.width] - code[0]) < 1e-4 && written(run.codeOf(row)) === wanted) return `${run.run.points.split} image ${row + 1}`;
  }
  return "another code";
}

/** @param {RunModel} run @param {number} from */
function farthest(run, from) {
  let best = from;
  let most = -1;
  for (let row = 0; row < Math.min(run.count, 500); row++) {
    let distance = 0;
    for (let i = 0; i < run.width; i++) distance += (run.codes[row * run.width + i] - run.codes[from * run.width + i]) ** 2;
    if (distance > most) [best, most] = [row, distance];
  }
  return best;
}
