/** @import {State} from "./context" */
/** @import {RunModel} from "../model/run.js" */

/** The page's state as the hash of an address. Names that came with the data are never in it. */

/** @param {ArrayLike<number>} code */
export const writeCode = (code) => Array.from(code, (each) => +each.toFixed(4)).join("_");

/** @param {string | null} text @param {number} width @returns {Float32Array | null} */
function read(text, width) {
  const numbers = text?.split("_").map(Number) ?? [];
  return numbers.length === width && numbers.every(Number.isFinite) ? Float32Array.from(numbers) : null;
}

/** @param {RunModel} run @param {import("../model/run.js").Values} condition */
function writeCondition(run, condition) {
  return run.run.condition.map((name) => (Number.isNaN(condition[name] ?? NaN) ? "-" : +condition[name].toFixed(4))).join("_");
}

/** @param {RunModel} run @param {string | null} text @returns {import("../model/run.js").Values | null} */
function readCondition(run, text) {
  const values = text?.split("_") ?? [];
  const numbers = values.map((each) => (each === "-" ? NaN : Number(each)));
  if (values.length !== run.run.condition.length || numbers.some((each, i) => Number.isNaN(each) && values[i] !== "-")) return null;
  return Object.fromEntries(run.run.condition.map((name, i) => [name, numbers[i]]));
}

/** @param {State} state @param {RunModel} run @param {boolean} withPath whether the ends of the interpolation count */
export function toHash(state, run, withPath) {
  const parts = new URLSearchParams();
  if (state.run) parts.set("run", String(state.run));
  parts.set("view", state.view);
  if (state.row >= 0) parts.set("row", String(state.row));
  parts.set("z", writeCode(state.code));
  if (run.run.condition.length) parts.set("condition", writeCondition(run, state.condition));
  parts.set("map", state.map);
  const colour = run.run.attributes.findIndex((each) => each.name === state.colour);
  if (colour > 0) parts.set("colour", String(colour));
  if (!state.borders) parts.set("borders", "0");
  if (state.layer !== "points") parts.set("layer", state.layer);
  if (state.hidden.size) parts.set("hide", [...state.hidden].join("_"));
  if (withPath) {
    parts.set("a", writeCode(state.from.code));
    parts.set("b", writeCode(state.to.code));
    if (run.run.condition.length) {
      parts.set("a-condition", writeCondition(run, state.from.condition));
      parts.set("b-condition", writeCondition(run, state.to.condition));
    }
    parts.set("t", String(+state.t.toFixed(4)));
    if (state.path !== "linear") parts.set("path", state.path);
  }
  if (state.latent >= 0) parts.set("latent", String(state.latent));
  if (state.theme !== "auto") parts.set("theme", state.theme);
  return parts.toString();
}

/**
 * The parts of the state that an address holds; what is missing or invalid is left out.
 * @param {string} hash
 * @param {RunModel[]} runs
 * @returns {Partial<State>}
 */
export function fromHash(hash, runs) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  /** @param {string} name @param {number} below */
  const index = (name, below) => {
    const value = Number(parts.get(name) ?? NaN);
    return Number.isInteger(value) && value >= 0 && value < below ? value : null;
  };
  /** @type {Partial<State>} */
  const found = {};
  found.run = index("run", runs.length) ?? 0;
  const run = runs[found.run];
  const view = parts.get("view");
  if (view && /^[a-z]+$/.test(view)) found.view = view;
  const theme = parts.get("theme");
  if (theme === "light" || theme === "dark") found.theme = theme;
  const code = read(parts.get("z"), run.width);
  if (code) {
    found.code = code;
    found.row = index("row", run.count) ?? -1;
  }
  const condition = readCondition(run, parts.get("condition"));
  if (condition) found.condition = condition;
  const map = parts.get("map");
  if (map && /^[0-9]+(x[0-9]+)?$/.test(map)) found.map = map;
  const colour = index("colour", run.run.attributes.length);
  if (colour !== null) found.colour = run.run.attributes[colour].name;
  if (parts.get("borders") === "0") found.borders = false;
  const layer = parts.get("layer");
  if (layer === "thumbnails" || layer === "decoded") found.layer = layer;
  const hidden = parts.get("hide");
  if (hidden && /^[0-9_]+$/.test(hidden)) found.hidden = new Set(hidden.split("_").map(Number));
  const [a, b] = [read(parts.get("a"), run.width), read(parts.get("b"), run.width)];
  if (a && b) {
    // Names are found once the run is open.
    found.from = { code: a, condition: readCondition(run, parts.get("a-condition")) ?? {}, name: "" };
    found.to = { code: b, condition: readCondition(run, parts.get("b-condition")) ?? {}, name: "" };
    const t = Number(parts.get("t"));
    found.t = t >= 0 && t <= 1 ? t : 0;
    found.path = parts.get("path") === "spherical" ? "spherical" : "linear";
  }
  found.latent = index("latent", run.width) ?? -1;
  return found;
}
