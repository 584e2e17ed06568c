/** @import {Context} from "../base/context" */
/** @import {Metric} from "../types" */
import { h, dataText } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { clamp, count, number, percent } from "../base/numbers.js";
import { explained, term } from "../base/tips.js";
import { metricOf } from "../base/metrics.js";
import { suggestions } from "./suggestions.js";

/** The metrics to show first, by what the model is for. */
const HEADLINES = {
  attributes: ["attribute_accuracy", "condition_fidelity", "swap_test", "drawn_iou"],
  conditional: ["condition_fidelity", "diversity"],
  classes: ["attribute_accuracy", "knn_accuracy", "borders", "linear_probe"],
  plain: ["knn_accuracy", "linear_probe", "mig", "dci"],
};
const ELSE = ["reconstruction", "active_units", "elbo", "kl"];

/**
 * What the model is, its main metrics, and what to try first.
 * @param {Context} context
 */
export function glance(context) {
  const { run } = context;
  const { about, name, provenance } = run.run;
  return h(
    "section",
    { class: "glance", "aria-label": "Summary of the run" },
    h(
      "div",
      { class: "glance-what" },
      h("h1", { dir: "auto" }, name),
      h("p", { class: "about" }, dataText(about)),
      collapsed(context),
      h("p", { class: "facts" }, facts(context), provenance.steps ? h("span", null, count(Number(provenance.steps)), " training steps") : null),
    ),
    scores(context),
    h(
      "div",
      { class: "try" },
      h("h2", null, "Try"),
      h(
        "ul",
        null,
        suggestions(context).map(({ text, act }) => h("li", null, h("button", { type: "button", class: "suggestion", onclick: act }, dataText(text), icon("arrow")))),
      ),
    ),
  );
}

/** @param {Context} context */
function facts({ run }) {
  const { height, width, channels } = run.pixels;
  const kind = {
    attributes: `${run.attributeBlocks.length} named attributes`,
    conditional: `conditional on ${run.run.condition.join(", ")}`,
    classes: "class regions by a latent classifier",
    plain: "trained without labels",
  }[run.kind];
  return [
    h("span", null, `${width} × ${height} ${channels > 1 ? "colour" : "grey"} images`),
    h("span", null, dataText(kind)),
    run.free.length ? use(run) : null,
  ];
}

/** How many latents are in use. @param {Context["run"]} run */
function use(run) {
  if (run.kind === "attributes" && run.ignoresItsLatents) return h("span", null, "style latents ", term("unused"));
  return h("span", null, `${run.active} of ${run.free.length} `, term("latents"), " in use");
}

/**
 * A warning of posterior collapse. Where attributes have latents of their own it is no fault when the others are
 * unused: the attributes may describe the images completely.
 * @param {Context} context
 */
function collapsed({ run }) {
  if (run.kind === "attributes" || !run.ignoresItsLatents) return null;
  const what = run.kind === "conditional" ? "style" : "code";
  const only = run.kind === "conditional" ? `Only the ${run.run.condition.join(", ")} changes an image. ` : "";
  return h("p", { class: "verdict" }, h("b", null, term("collapsed", "Collapsed")), `: the model does not use its ${what}, so moving a latent changes nothing. ${only}Train with a smaller KL weight, or one that grows slowly from 0.`);
}

/** @param {Context} context */
function scores(context) {
  const metrics = context.run.run.evaluation?.metrics ?? {};
  const shown = [...HEADLINES[context.run.kind], ...ELSE].filter((name) => typeof metrics[name]?.value === "number").slice(0, 3);
  if (!shown.length) {
    return h("div", { class: "scores empty" }, h("p", { class: "note" }, "No metrics yet. Run ", h("code", null, "distaff evaluate"), " and export again."));
  }
  return h(
    "dl",
    { class: "scores" },
    shown.map((name) => {
      const { title, about, share } = metricOf(context.host.manifest, name);
      return h(
        "div",
        { class: "score" },
        h("dt", null, explained(title, about)),
        h("dd", null, headline(name, metrics[name], context), share ? meter(Number(metrics[name].value)) : null),
      );
    }),
  );
}

/** A share as a bar. @param {number} share */
function meter(share) {
  return h("span", { class: "meter", "aria-hidden": "true" }, h("span", { style: { "--share": clamp(share, 0, 1) } }));
}

/** A metric's value with its unit. @param {string} name @param {Metric} metric @param {Context} context */
export function headline(name, metric, context) {
  const value = Number(metric.value);
  if (name === "active_units") return `${number(value)} of ${context.run.free.length}`;
  const { share, unit } = metricOf(context.host.manifest, name);
  return share ? percent(value) : [number(value), unit ? h("small", null, ` ${unit}`) : null];
}
