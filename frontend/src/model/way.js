/** @import {State} from "../base/context" */
/** @import {RunModel} from "./run.js" */
import { between } from "./paths.js";

/** The code and the mixed condition at a share of the way between the two ends. @param {RunModel} run @param {Pick<State, "from" | "to" | "path">} state @param {number} t */
export function wayAt(run, { from, to, path }, t) {
  const [a, b] = [run.conditionCode(from.condition), run.conditionCode(to.condition)];
  return {
    code: between(path, from.code, to.code, t, run.gaussian),
    mixed: a && b ? a.map((each, i) => each + t * (b[i] - each)) : null,
  };
}

/**
 * The classes that a way crosses, in order, each with its share of the way.
 * @param {RunModel} run
 * @param {State} state
 * @param {number} steps
 * @returns {{value: number, share: number, confidence: number}[]}
 */
export function crossed(run, state, steps) {
  /** @type {{value: number, share: number, confidence: number}[]} */
  const found = [];
  for (let i = 0; i < steps; i++) {
    const reading = run.reader.at(wayAt(run, state, i / (steps - 1)).code);
    if (!reading) return [];
    const last = found[found.length - 1];
    if (last?.value === reading.value) {
      last.confidence = (last.confidence * last.share + reading.confidence) / (last.share + 1);
      last.share++;
    } else found.push({ value: reading.value, share: 1, confidence: reading.confidence });
  }
  return found.map((each) => ({ ...each, share: each.share / steps }));
}
