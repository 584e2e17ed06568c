/** @import {State} from "../base/context" */
/** @import {GridRow} from "../parts/grid.js" */
/** @import {Latent} from "../types" */
/** @import {RunModel} from "./run.js" */
import { fixed } from "../base/numbers.js";
import { sizeOf } from "./attributes.js";
import { sweep } from "./paths.js";

const SIDE = 5;
const MOST_VALUES = 11;

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

/** At most so many of some values, evenly. @param {number} size */
function some(size) {
  const count = Math.min(size, MOST_VALUES);
  return Array.from({ length: count }, (_, i) => Math.round((i * (size - 1)) / Math.max(count - 1, 1)));
}

/** Every value of an attribute that has a block of its own. @param {RunModel} run @param {State} state @param {string} name @returns {GridRow} */
export function attributeRow(run, { code, condition, mixed }, name) {
  const attribute = run.attribute(name);
  const size = sizeOf(attribute);
  const [low, high] = [attribute.min ?? -2, attribute.max ?? 2];
  const values = size ? some(size) : Array.from({ length: MOST_VALUES }, (_, i) => low + ((high - low) * i) / (MOST_VALUES - 1));
  const told = mixed ?? run.conditionCode(condition);
  const now = run.read(code)[name];
  return {
    key: `a${name}`,
    name,
    detail: size > values.length ? `${values.length} of ${size} values` : size ? `${size} values` : "",
    codes: values.map((value) => run.write(code, { [name]: value })),
    conditions: values.map(() => told),
    heads: values.map((value) => run.label(name, value)),
    centre: size ? values.indexOf(now) : -1,
  };
}

/** The same code told every class. @param {RunModel} run @param {State} state @param {string} name @returns {GridRow} */
export function conditionRow(run, { code, condition }, name) {
  const attribute = run.attribute(name);
  const size = sizeOf(attribute);
  const [low, high] = [attribute.min ?? -2, attribute.max ?? 2];
  const values = size ? some(size) : Array.from({ length: MOST_VALUES }, (_, i) => low + ((high - low) * i) / (MOST_VALUES - 1));
  const all = values.map((value) => ({ ...condition, [name]: value }));
  return {
    key: `c${name}`,
    name,
    detail: "same style",
    codes: values.map(() => code),
    conditions: all.map((each) => run.conditionCode(each)),
    told: (column) => all[column],
    heads: values.map((value) => run.label(name, value)),
    centre: size ? values.indexOf(condition[name]) : -1,
  };
}
