/** @import {Context} from "../base/context" */
/** @import {Metric} from "../types" */
import { h, said } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { count, number, percent } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { METRICS } from "../base/metrics.js";
import { suggestions } from "./suggestions.js";

/** The most telling numbers first, by what the model is for. */
const HEADLINES = {
  attributes: ["attribute_accuracy", "condition_fidelity", "swap_test", "drawn_iou"],
  conditional: ["condition_fidelity", "diversity"],
  classes: ["attribute_accuracy", "knn_accuracy", "borders", "linear_probe"],
  plain: ["knn_accuracy", "linear_probe", "mig", "dci"],
};
const ELSE = ["reconstruction", "active_units", "elbo", "kl"];

/**
 * One look says what the model is, how good it is, and what to try first.
 * @param {Context} context
 */
export function glance(context) {
  const { run } = context;
  const { about, name, provenance } = run.run;
  return h(
    "section",
    { class: "glance", "aria-label": "The model at a glance" },
    h(
      "div",
      { class: "glance-what" },
      h("h1", { dir: "auto" }, name),
      h("p", { class: "about" }, said(about)),
      collapsed(context),
      h("p", { class: "facts" }, facts(context), provenance.steps ? h("span", null, count(Number(provenance.steps)), " steps of training") : null),
    ),
    scores(context),
    h(
      "div",
      { class: "try" },
      h("h2", null, "Try first"),
      h(
        "ul",
        null,
        suggestions(context).map(({ text, act }) => h("li", null, h("button", { type: "button", class: "suggestion", onclick: act }, said(text), icon("arrow")))),
      ),
    ),
  );
}

/** @param {Context} context */
function facts({ run }) {
  const { height, width, channels } = run.pixels;
  const kind = {
    attributes: `${run.attributeBlocks.length} named attributes`,
    conditional: `told the ${run.run.condition.join(", ")}`,
    classes: "classes share one map",
    plain: "trained without labels",
  }[run.kind];
  return [
    h("span", null, `${width} × ${height} ${channels > 1 ? "colour" : "grey"} pictures`),
    h("span", null, said(kind)),
    run.free.length ? use(run) : null,
  ];
}

/** How many latents are in use. @param {Context["run"]} run */
function use(run) {
  if (run.kind === "attributes" && run.ignoresItsLatents) return h("span", null, "style ", term("idle"));
  return h("span", null, `${run.active} of ${run.free.length} `, term("latents"), " in use");
}

/**
 * Say so when the model draws without looking at its latents. Where attributes have latents of their own, that the
 * others are idle is no fault: the attributes may be all there is to say.
 * @param {Context} context
 */
function collapsed({ run }) {
  if (run.kind === "attributes" || !run.ignoresItsLatents) return null;
  const what = run.kind === "conditional" ? "style" : "code";
  const only = run.kind === "conditional" ? `Only the ${run.run.condition.join(", ")} changes a picture. ` : "";
  return h("p", { class: "verdict" }, h("b", null, term("collapsed", "Collapsed")), `: the model ignores its ${what}, so moving a latent changes nothing. ${only}A smaller KL weight, or one that grows slowly from 0, helps.`);
}

/** @param {Context} context */
function scores(context) {
  const metrics = context.run.run.evaluation?.metrics ?? {};
  const shown = [...HEADLINES[context.run.kind], ...ELSE].filter((name) => typeof metrics[name]?.value === "number").slice(0, 3);
  if (!shown.length) {
    return h("div", { class: "scores empty" }, h("p", { class: "note" }, "Not measured yet: ", h("code", null, "distaff evaluate"), " adds the numbers."));
  }
  return h(
    "dl",
    { class: "scores" },
    shown.map((name) => {
      const { title, says } = METRICS[name];
      return h(
        "div",
        { class: "score" },
        h("dt", null, h("button", { type: "button", class: "term", "data-tip": says }, title)),
        h("dd", null, headline(name, metrics[name], context), meter(name, metrics[name])),
      );
    }),
  );
}

/** A share as a bar, so that a look says how much of the whole it is. @param {string} name @param {Metric} metric */
function meter(name, metric) {
  if (!METRICS[name]?.share) return null;
  return h("span", { class: "meter", "aria-hidden": "true" }, h("span", { style: { "--share": Math.max(0, Math.min(1, Number(metric.value))) } }));
}

/** A metric's main number as people say it. @param {string} name @param {Metric} metric @param {Context} context */
export function headline(name, metric, context) {
  const value = Number(metric.value);
  if (name === "active_units") return `${number(value)} of ${context.run.free.length}`;
  if (METRICS[name]?.share) return percent(value);
  return [number(value), METRICS[name]?.unit ? h("small", null, ` ${METRICS[name].unit}`) : null];
}
