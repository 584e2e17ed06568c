/** @import {State} from "../base/context" */
/** @import {GridRow} from "../parts/grid.js" */
/** @import {Attribute, Latent} from "../types" */
/** @import {RunModel} from "./run.js" */
import { fixed } from "../base/numbers.js";
import { rint, sizeOf } from "./attributes.js";

const SIDE = 5;
const MOST_VALUES = 11;
const MOST_NUMBERS = 9;

/**
 * The values of a traversal, the centre exactly in the middle.
 * @param {number} low
 * @param {number} centre
 * @param {number} high
 * @param {number} side values on either side
 */
function traversal(low, centre, high, side) {
  const [from, to] = [Math.min(low, centre), Math.max(high, centre)];
  const left = Array.from({ length: side }, (_, i) => from + ((centre - from) * i) / side);
  const right = Array.from({ length: side }, (_, i) => centre + ((to - centre) * (i + 1)) / side);
  return [...left, centre, ...right];
}

/** At most so many of some values, evenly chosen. @param {number[]} values */
function spaced(values) {
  const count = Math.min(values.length, MOST_VALUES);
  return Array.from({ length: count }, (_, i) => values[count > 1 ? rint((i * (values.length - 1)) / (count - 1)) : 0]);
}

/** @param {number[]} values @param {number} value */
export function nearestIndex(values, value) {
  const away = values.map((each) => Math.abs(each - value));
  return away.indexOf(Math.min(...away));
}

/** One latent moved from low to high through the code's own value. @param {RunModel} run @param {State} state @param {Latent} latent @returns {GridRow} */
export function latentRow(run, { code, condition, blended }, latent) {
  const own = code[latent.index];
  const values = latent.values ? spaced(latent.values) : traversal(latent.low, own, latent.high, SIDE);
  const centre = latent.values ? nearestIndex(values, own) : SIDE;
  const fixedCondition = blended ?? run.conditionCode(condition);
  return {
    key: `z${latent.index}`,
    name: latent.label,
    detail: latent.active ? (latent.kl === null ? "" : `${fixed(latent.kl, 2)} nats`) : "unused",
    codes: values.map((value) => {
      const moved = Float32Array.from(code);
      moved[latent.index] = value;
      return moved;
    }),
    conditions: values.map(() => fixedCondition),
    heads: values.map((value, i) => (i === centre ? "own code" : fixed(value, 2))),
    centre,
  };
}

/** Class indices or numbers that span an attribute, as `values_to_show` in Python. @param {Attribute} attribute */
export function valuesToShow(attribute) {
  const size = sizeOf(attribute);
  if (!size) {
    const [low, high] = [attribute.min ?? -2, attribute.max ?? 2];
    return Array.from({ length: MOST_NUMBERS }, (_, i) => low + ((high - low) * i) / (MOST_NUMBERS - 1));
  }
  // The last class of what comes round may be the first one again, a full turn later.
  const around = attribute.kind === "circular";
  const different = around ? Math.min(size, Math.round(attribute.period || size)) : size;
  if (different <= MOST_VALUES) return Array.from({ length: different }, (_, i) => i);
  return Array.from({ length: MOST_VALUES }, (_, i) => rint(around ? (i * different) / MOST_VALUES : (i * (size - 1)) / (MOST_VALUES - 1)));
}

/** The place of the value nearest to the image's own, -1 if that is unknown. @param {Attribute} attribute @param {number[]} values @param {number} own */
function nearestTo(attribute, values, own) {
  if (Number.isNaN(own)) return -1;
  const turn = attribute.kind === "circular" ? attribute.period || sizeOf(attribute) : 0;
  const away = values.map((value) => {
    const distance = Math.abs(value - own);
    return turn ? Math.min(distance % turn, turn - (distance % turn)) : distance;
  });
  return away.indexOf(Math.min(...away));
}

/** Every value of an attribute that has latents of its own. @param {RunModel} run @param {State} state @param {string} name @returns {GridRow} */
export function attributeRow(run, { code, condition, blended }, name) {
  const attribute = run.attribute(name);
  const size = sizeOf(attribute);
  const values = valuesToShow(attribute);
  const fixedCondition = blended ?? run.conditionCode(condition);
  const now = run.read(code)[name];
  return {
    key: `a${name}`,
    name,
    detail: size > values.length ? `${values.length} of ${size} values` : size ? `${size} values` : "",
    codes: values.map((value) => run.write(code, { [name]: value })),
    conditions: values.map(() => fixedCondition),
    heads: values.map((value) => run.label(name, value)),
    centre: nearestTo(attribute, values, now),
  };
}

/** The same code under every condition. @param {RunModel} run @param {State} state @param {string} name @returns {GridRow} */
export function conditionRow(run, { code, condition }, name) {
  const attribute = run.attribute(name);
  const values = valuesToShow(attribute);
  const all = values.map((value) => ({ ...condition, [name]: value }));
  return {
    key: `c${name}`,
    name,
    detail: "same code",
    codes: values.map(() => code),
    conditions: all.map((each) => run.conditionCode(each)),
    conditionOf: (column) => all[column],
    heads: values.map((value) => run.label(name, value)),
    centre: nearestTo(attribute, values, condition[name] ?? NaN),
  };
}
