/** @import {Context} from "../base/context" */
/** @import {Attribute, Latent} from "../types" */
import { h, dataText } from "../base/dom.js";
import { fixed } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { labelOf, sizeOf } from "../model/attributes.js";
import { nearestIndex } from "../model/rows.js";
import { choice } from "./choice.js";
import { dial } from "./dial.js";
import { slider, spreadOf } from "./slider.js";

/** Latents that are shown without asking, and on a narrow screen. */
const [MOST_OPEN, MOST_NARROW] = [8, 3];

/**
 * What can be changed: attributes by name, the condition, then the latents that stand for no attribute.
 * @param {Context} context
 */
export function controls(context) {
  const { run } = context;
  /** @type {(() => void)[]} */
  const syncs = [];
  const sections = [];
  const attributes = run.attributeBlocks.map((block) => run.attribute(/** @type {string} */ (block.attribute)));
  if (attributes.length) {
    sections.push(
      section("Attributes", term("attribute", "What are these?"), attributes.map((each) => attributeControl(context, each, syncs))),
    );
  }
  if (run.run.condition.length) {
    const controls = run.run.condition.map((name) => conditionControl(context, run.attribute(name), syncs));
    sections.push(section("Condition", term("condition", "What is this?"), controls));
  }
  const free = run.free.map((index) => run.run.latents[index]);
  const active = free.filter((latent) => latent.active);
  if (active.length > MOST_NARROW) active.sort((a, b) => (b.kl ?? 0) - (a.kl ?? 0));
  const unused = free.filter((latent) => !latent.active);
  if (free.length) {
    const shown = active.length ? active : unused;
    const rest = active.length ? unused : [];
    const most = matchMedia("(max-width: 760px)").matches ? MOST_NARROW : MOST_OPEN;
    const first = shown.slice(0, most).map((latent) => latentControl(context, latent, syncs));
    const more = shown.slice(most).map((latent) => latentControl(context, latent, syncs));
    const title = attributes.length || run.run.condition.length ? "Style" : "Latents";
    sections.push(
      section(title, attributes.length ? term("style", "What is this?") : term("latents", "What are these?"), [
        active.length ? null : h("p", { class: "note" }, "All of them are ", term("unused"), ": moving them changes nothing."),
        first,
        more.length ? fold(`${more.length} more`, more) : null,
        rest.length ? fold(`${rest.length} unused`, [h("p", { class: "note" }, "The model does not use these: moving them changes nothing."), rest.map((latent) => latentControl(context, latent, syncs))]) : null,
      ]),
    );
  }
  const sync = () => syncs.forEach((each) => each());
  sync();
  return { element: h("section", { class: "controls", "aria-label": "Controls" }, sections), sync };
}

/** @param {string} title @param {Node} explanation @param {any} content */
function section(title, explanation, content) {
  return h("section", { class: "control-section" }, h("div", { class: "control-title" }, h("h3", null, title), explanation), content);
}

/** @param {string} title @param {any} content */
function fold(title, content) {
  return h("details", { class: "fold" }, h("summary", null, title), content);
}

/** @param {Context} context @param {Attribute} attribute @param {(() => void)[]} syncs */
function attributeControl(context, attribute, syncs) {
  const { run, state } = context;
  /** @param {number} value */
  const set = (value) => context.edit({ code: run.write(state.values.code, { [attribute.name]: value }) });
  const read = () => run.read(state.values.code)[attribute.name];
  return valueControl(attribute, set, read, syncs);
}

/** @param {Context} context @param {Attribute} attribute @param {(() => void)[]} syncs */
function conditionControl(context, attribute, syncs) {
  const { state } = context;
  /** @param {number} value */
  const set = (value) => context.edit({ condition: { ...state.values.condition, [attribute.name]: value } });
  return valueControl(attribute, set, () => state.values.condition[attribute.name] ?? NaN, syncs);
}

/**
 * @param {Attribute} attribute
 * @param {(value: number) => void} set
 * @param {() => number} read
 * @param {(() => void)[]} syncs
 */
function valueControl(attribute, set, read, syncs) {
  const size = sizeOf(attribute);
  const { name } = attribute;
  /** @param {number} value */
  const format = (value) => (Number.isNaN(value) ? "unknown" : labelOf(attribute, value));
  if (size && attribute.kind === "circular") {
    const made = dial({ name, size, period: Math.round(attribute.period ?? size), format, onInput: set });
    syncs.push(() => made.show(Number.isNaN(read()) ? 0 : read()));
    return h("div", { class: "attribute dial-attribute" }, h("span", { class: "slider-name" }, dataText(name)), made.element);
  }
  if (size && attribute.kind === "categorical") {
    const made = choice({ name, values: (attribute.values ?? []).map(String), onInput: set });
    syncs.push(() => made.show(read()));
    return h("div", { class: "attribute" }, h("span", { class: "slider-name" }, dataText(name)), made.element);
  }
  const [low, high] = size ? [0, size - 1] : [attribute.min ?? -2, attribute.max ?? 2];
  const home = size ? Math.round((size - 1) / 2) : attribute.mean ?? (low + high) / 2;
  const made = slider({ name, low, high, home, step: size ? 1 : undefined, again: true, format, onInput: set });
  syncs.push(() => made.show(Number.isNaN(read()) ? home : read()));
  return h("div", { class: "attribute" }, made.element);
}

/** @param {Context} context @param {Latent} latent @param {(() => void)[]} syncs */
function latentControl(context, latent, syncs) {
  const { run, state } = context;
  const { index, label, low, high, median, values } = latent;
  /** @param {number} value */
  const set = (value) => {
    const code = Float32Array.from(state.values.code);
    code[index] = value;
    context.edit({ code });
  };
  if (values) {
    // The slider stops at the values that a quantised latent has.
    const home = nearestIndex(values, median);
    const made = slider({ name: label, low: 0, high: Math.max(values.length - 1, 1), home, step: 1, again: true, format: (place) => fixed(values[Math.min(place, values.length - 1)], 2), onInput: (place) => set(values[Math.min(place, values.length - 1)]) });
    syncs.push(() => made.show(nearestIndex(values, state.values.code[index])));
    return made.element;
  }
  const made = slider({
    name: label,
    low,
    high: high > low ? high : low + 1,
    home: median,
    spread: spreadOf(run.codes, run.width, index, low, high),
    format: (value) => fixed(value, 2),
    onInput: set,
  });
  made.input.dataset.latent = String(index);
  syncs.push(() => made.show(state.values.code[index]));
  return made.element;
}
