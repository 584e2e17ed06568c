/** @import {State} from "../base/context" */
/** @import {GridRow} from "../parts/grid.js" */
/** @import {Attribute, Latent} from "../types" */
/** @import {RunModel} from "./run.js" */
import { fixed } from "../base/numbers.js";
import { sizeOf } from "./attributes.js";
import { sweep } from "./paths.js";

const SIDE = 5;
const MOST_VALUES = 11;
const MOST_NUMBERS = 9;

/** One latent moved from low to high through the code's own value. @param {RunModel} run @param {State} state @param {Latent} latent @returns {GridRow} */
export function latentRow(run, { code, condition, mixed }, latent) {
  const values = sweep(latent.low, code[latent.index], latent.high, SIDE);
  const told = mixed ?? run.conditionCode(condition);
  return {
    key: `z${latent.index}`,
    name: latent.label,
    detail: latent.active ? (latent.kl === null ? "" : `${fixed(latent.kl, 2)} nats`) : "idle",
    codes: values.map((value) => {
      const moved = Float32Array.from(code);
      moved[latent.index] = value;
      return moved;
    }),
    conditions: values.map(() => told),
    heads: values.map((value, i) => (i === SIDE ? "own code" : fixed(value, 2))),
    centre: SIDE,
  };
}

/** Rounded half to even, as in Python. @param {number} value */
const rint = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

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

/** The place of the value nearest to the picture's own, -1 if that is unknown. @param {Attribute} attribute @param {number[]} values @param {number} own */
function nearestTo(attribute, values, own) {
  if (Number.isNaN(own)) return -1;
  const turn = attribute.kind === "circular" ? attribute.period || sizeOf(attribute) : 0;
  const away = values.map((value) => {
    const distance = Math.abs(value - own);
    return turn ? Math.min(distance % turn, turn - (distance % turn)) : distance;
  });
  return away.indexOf(Math.min(...away));
}

/** Every value of an attribute that has a block of its own. @param {RunModel} run @param {State} state @param {string} name @returns {GridRow} */
export function attributeRow(run, { code, condition, mixed }, name) {
  const attribute = run.attribute(name);
  const size = sizeOf(attribute);
  const values = valuesToShow(attribute);
  const told = mixed ?? run.conditionCode(condition);
  const now = run.read(code)[name];
  return {
    key: `a${name}`,
    name,
    detail: size > values.length ? `${values.length} of ${size} values` : size ? `${size} values` : "",
    codes: values.map((value) => run.write(code, { [name]: value })),
    conditions: values.map(() => told),
    heads: values.map((value) => run.label(name, value)),
    centre: nearestTo(attribute, values, now),
  };
}

/** The same code told every class. @param {RunModel} run @param {State} state @param {string} name @returns {GridRow} */
export function conditionRow(run, { code, condition }, name) {
  const attribute = run.attribute(name);
  const values = valuesToShow(attribute);
  const all = values.map((value) => ({ ...condition, [name]: value }));
  return {
    key: `c${name}`,
    name,
    detail: "same style",
    codes: values.map(() => code),
    conditions: all.map((each) => run.conditionCode(each)),
    told: (column) => all[column],
    heads: values.map((value) => run.label(name, value)),
    centre: nearestTo(attribute, values, condition[name] ?? NaN),
  };
}
