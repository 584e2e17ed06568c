/** @import {End} from "../base/context" */
/** @import {RunModel} from "../model/run.js" */

/** Pictures near a class's middle that are asked what they look like. */
const MOST_TRIED = 40;

/** A test picture as an end of a path. @param {RunModel} run @param {number} row @returns {End} */
export function endOfRow(run, row) {
  return { code: run.codeOf(row), condition: run.conditionOf(row), name: `picture ${row + 1}` };
}

/**
 * The most typical test picture of a class: the nearest to the class's middle that is read as that class.
 * @param {RunModel} run
 * @param {string} attribute
 * @param {number} value
 * @returns {End | null}
 */
export function endOfClass(run, attribute, value) {
  const labels = run.labels.get(attribute);
  if (!labels) return null;
  const mean = new Float64Array(run.width);
  const rows = [];
  for (let row = 0; row < run.count; row++) {
    if (labels[row] !== value) continue;
    rows.push(row);
    for (let i = 0; i < run.width; i++) mean[i] += run.codes[row * run.width + i];
  }
  if (!rows.length) return null;
  /** @param {number} row */
  const distance = (row) => {
    let sum = 0;
    for (let i = 0; i < run.width; i++) sum += (run.codes[row * run.width + i] - mean[i] / rows.length) ** 2;
    return sum;
  };
  const distances = new Map(rows.map((row) => [row, distance(row)]));
  const nearest = rows.sort((one, two) => Number(distances.get(one)) - Number(distances.get(two)));
  // Where classes overlap, a class's middle may be another's home.
  const own = attribute === run.reader.attribute && nearest.slice(0, MOST_TRIED).find((row) => run.reader.at(run.codeOf(row))?.value === value);
  const best = own || nearest[0];
  return { ...endOfRow(run, best), name: run.label(attribute, value) };
}

/** A path worth looking at, to begin with. @param {RunModel} run @returns {[End, End]} */
export function defaultEnds(run) {
  const attribute = run.reader.attribute;
  const size = attribute ? run.attribute(attribute).values?.length ?? 0 : 0;
  if (attribute && size > 1) {
    const [from, to] = [endOfClass(run, attribute, 0), endOfClass(run, attribute, size > 8 ? 8 : size - 1)];
    if (from && to) return [from, to];
  }
  return [endOfRow(run, run.typicalRow()), endOfRow(run, farthest(run, run.typicalRow()))];
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
