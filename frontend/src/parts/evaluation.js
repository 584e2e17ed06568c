/** @import {Context} from "../base/context" */
/** @import {Metric} from "../types" */
import { h, said } from "../base/dom.js";
import { METRICS } from "../base/metrics.js";
import { count, fixed, percent } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { barList } from "./chart.js";
import { headline } from "./glance.js";
import { section } from "./section.js";

/** What was measured, in a table. @param {Context} context */
export function evaluation(context) {
  const { evaluation: found } = context.run.run;
  const metrics = Object.entries(found?.metrics ?? {});
  if (!metrics.length) {
    return section("How good it is", null, h("p", { class: "note" }, "This run was not measured. ", h("code", null, "distaff evaluate"), " does, and the next export shows it here."));
  }
  const order = Object.keys(METRICS);
  const rank = (/** @type {string} */ name) => (order.indexOf(name) + 1 || order.length + 1);
  metrics.sort(([a], [b]) => rank(a) - rank(b));
  const settings = found?.settings ?? {};
  const [study, first] = [true, false].map((wanted) => metrics.filter(([name]) => (METRICS[name] ? Boolean(METRICS[name].study) : true) === wanted));
  const verdict = found?.metrics.collapse?.sentence;
  return section(
    "How good it is",
    ["Measured on ", term("test pictures"), settings.test_pictures ? ` (${count(Number(settings.test_pictures))})` : "", ". ", typeof verdict === "string" ? said(verdict) : null],
    first.length ? table(context, first, "Table of measures") : null,
    study.length ? h("details", { class: "fold", open: !first.length }, h("summary", null, `${study.length} more, as research measures whether one latent holds one thing`), table(context, study, "Table of research’s measures")) : null,
    leftOut(found?.left_out),
  );
}

/** @param {Context} context @param {[string, Metric][]} metrics @param {string} label */
function table(context, metrics, label) {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    h(
      "table",
      { class: "table" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Measure"), h("th", { scope: "col", class: "right" }, "Value"), h("th", { scope: "col" }, "Better"), h("th", { scope: "col" }, "What it says"))),
      h("tbody", null, metrics.map(([name, metric]) => metricRow(context, name, metric))),
    ),
  );
}

/** @param {Context} context @param {string} name @param {Metric} metric */
function metricRow(context, name, metric) {
  const known = METRICS[name];
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, said(known?.title ?? name)),
    h("td", { class: "right strong" }, typeof metric.value === "number" ? headline(name, metric, context) : "–"),
    h("td", null, known?.better === "higher" ? "↑ higher" : known?.better === "lower" ? "↓ lower" : "–"),
    h("td", { class: "says" }, known?.says ?? "", metric.note ? h("em", null, " ", said(metric.note)) : null),
  );
}

/** @param {Record<string, string> | undefined} reasons */
function leftOut(reasons) {
  const entries = Object.entries(reasons ?? {});
  if (!entries.length) return null;
  return h("details", { class: "fold" }, h("summary", null, `${entries.length} not measured, and why`), h("ul", { class: "reasons" }, entries.map(([name, why]) => h("li", null, h("b", null, said(METRICS[name]?.title ?? name)), ": ", said(why)))));
}

/** Numbers per attribute, as bars. @param {Context} context */
export function perAttribute(context) {
  const metrics = context.run.run.evaluation?.metrics ?? {};
  const charts = Object.entries(metrics)
    .map(([name, metric]) => ({ name, parts: shares(metric) }))
    .filter(({ parts }) => parts.length > 0);
  if (!charts.length) return null;
  return section(
    "Attribute by attribute",
    null,
    h(
      "div",
      { class: "cards" },
      charts.slice(0, 6).map(({ name, parts }) =>
        h("figure", { class: "card" }, h("figcaption", null, said(METRICS[name]?.title ?? name)), barList(parts.map(([label, value]) => ({ name: label, value, said: METRICS[name]?.share ? percent(value) : fixed(value, 2) })), 1)),
      ),
    ),
  );
}

/** The shares by attribute in a metric's details. @param {Metric} metric @returns {[string, number][]} */
function shares(metric) {
  const detail = Object.entries(metric).find(([key, value]) => /^per_(attribute|factor)$/.test(key) && value && typeof value === "object" && !Array.isArray(value));
  if (!detail) return [];
  /** @type {[string, number][]} */
  const found = [];
  for (const [name, value] of Object.entries(/** @type {object} */ (detail[1]))) {
    const one = typeof value === "number" ? value : value?.accuracy ?? value?.value;
    if (typeof one === "number" && one >= 0 && one <= 1) found.push([name, one]);
  }
  return found;
}
