/** @import {End} from "../base/context" */
/** @import {RunModel} from "../model/run.js" */

/** A test picture as an end of a path. @param {RunModel} run @param {number} row @returns {End} */
export function endOfRow(run, row) {
  return { code: run.codeOf(row), condition: run.conditionOf(row), name: `picture ${row + 1}` };
}

/**
 * Where `distaff mix` begins and ends a way, too: the middle of a class; null for a class without pictures.
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

/** What a class is told: nothing but the class itself, if it is told. @param {RunModel} run @param {string} attribute @param {number} value */
function conditionOfClass(run, attribute, value) {
  return Object.fromEntries(run.run.condition.map((name) => [name, name === attribute ? value : NaN]));
}

/** The attribute whose classes a way leads between, if there is one. @param {RunModel} run */
export function endAttribute(run) {
  const { first } = run.run.class_ends;
  return first === null || !run.ends.has(first) ? null : run.attribute(first);
}

/** Whether a model that knows no classes keeps two of them apart. @param {RunModel} run @param {End} from @param {End} to */
function apart(run, from, to) {
  const [a, b] = [run.reader.at(from.code), run.reader.at(to.code)];
  return a !== null && a.value !== b?.value;
}

/** A path worth looking at, to begin with. @param {RunModel} run @returns {[End, End]} */
export function defaultEnds(run) {
  const attribute = endAttribute(run);
  const size = attribute?.values?.length ?? 0;
  if (attribute) {
    const found = Array.from({ length: size }, (_, value) => endOfClass(run, attribute.name, value));
    const from = found.find((end) => end);
    // 0 to 8 among digits, which crosses a third class or none, as the model has it.
    const to = found[8] ?? found.filter((end) => end).pop();
    if (from && to && from !== to && (run.kind !== "plain" || apart(run, from, to))) return [from, to];
  }
  return [endOfRow(run, run.typicalRow), endOfRow(run, farthest(run, run.typicalRow))];
}

/**
 * What an end that came by the address is called: its class, its picture, or neither.
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
    if (Math.abs(run.codes[row * run.width] - code[0]) < 1e-4 && written(run.codeOf(row)) === wanted) return `picture ${row + 1}`;
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
