/** @import {Context} from "../base/context" */
/** @import {Metric} from "../types" */
import { h, dataText } from "../base/dom.js";
import { METRIC_NAMES, metricOf } from "../base/metrics.js";
import { count, fixed, number, percent } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { barList } from "./chart.js";
import { headline } from "./glance.js";
import { section } from "./section.js";

/** The metrics of the run, in a table. @param {Context} context */
export function evaluation(context) {
  const { evaluation: found } = context.run.run;
  const { manifest } = context.host;
  const metrics = Object.entries(found?.metrics ?? {});
  if (!metrics.length) {
    return section("Evaluation", null, h("p", { class: "note" }, "No metrics yet. Run ", h("code", null, "distaff evaluate"), " and export again."));
  }
  const rank = (/** @type {string} */ name) => METRIC_NAMES.indexOf(name) + 1 || METRIC_NAMES.length + 1;
  metrics.sort(([a], [b]) => rank(a) - rank(b));
  const settings = found?.settings ?? {};
  const [study, first] = [true, false].map((wanted) => metrics.filter(([name]) => Boolean(metricOf(manifest, name).study) === wanted));
  return section(
    "Evaluation",
    ["Measured on ", term("test images"), settings.test_images ? ` (${count(Number(settings.test_images))})` : "", "."],
    first.length ? table(context, first, "Metrics") : null,
    study.length ? h("details", { class: "fold", open: !first.length }, h("summary", null, `${study.length} more metrics of disentanglement`), table(context, study, "Metrics of disentanglement")) : null,
    leftOut(context, found?.left_out),
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
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Metric"), h("th", { scope: "col", class: "right" }, "Value"), h("th", { scope: "col" }, "Better"), h("th", { scope: "col" }, "Meaning"))),
      h("tbody", null, metrics.map(([name, metric]) => metricRow(context, name, metric))),
    ),
  );
}

/** @param {Context} context @param {string} name @param {Metric} metric */
function metricRow(context, name, metric) {
  const known = metricOf(context.host.manifest, name);
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, dataText(known.title)),
    h("td", { class: "right strong" }, typeof metric.value === "number" ? headline(name, metric, context) : "–", precision(metric, known.share)),
    h("td", null, known.better === "higher" ? "↑ higher" : known.better === "lower" ? "↓ lower" : "–"),
    h("td", { class: "about-metric" }, dataText(known.about), metric.note ? h("em", null, " ", dataText(metric.note)) : null),
  );
}

/** The standard error and the number of images, as far as they are known. @param {Metric} metric @param {boolean} [share] */
function precision(metric, share) {
  const { standard_error: error, images } = metric;
  const known = [
    typeof error === "number" ? `± ${share ? percent(error) : number(error)}` : null,
    typeof images === "number" ? `n = ${count(images)}` : null,
  ].filter((each) => each !== null);
  return known.length ? h("small", { class: "precision" }, known.join(", ")) : null;
}

/** @param {Context} context @param {Record<string, string> | undefined} reasons */
function leftOut(context, reasons) {
  const entries = Object.entries(reasons ?? {});
  if (!entries.length) return null;
  return h("details", { class: "fold" }, h("summary", null, `${entries.length} left out, with reasons`), h("ul", { class: "reasons" }, entries.map(([name, why]) => h("li", null, h("b", null, dataText(metricOf(context.host.manifest, name).title)), ": ", dataText(why)))));
}

/** The metrics that have a value for each attribute, as bars. @param {Context} context */
export function perAttribute(context) {
  const metrics = context.run.run.evaluation?.metrics ?? {};
  const charts = Object.entries(metrics)
    .map(([name, metric]) => ({ ...metricOf(context.host.manifest, name), parts: shares(metric) }))
    .filter(({ parts }) => parts.length > 0);
  if (!charts.length) return null;
  return section(
    "Metrics per attribute",
    null,
    h(
      "div",
      { class: "cards" },
      charts.slice(0, 6).map(({ title, share, parts }) =>
        h("figure", { class: "card" }, h("figcaption", null, dataText(title)), barList(parts.map(([label, value]) => ({ name: label, value, text: share ? percent(value) : fixed(value, 2) })), 1)),
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
    const one = typeof value === "number" ? value : value?.value ?? value?.accuracy;
    if (typeof one === "number" && one >= 0 && one <= 1) found.push([name, one]);
  }
  return found;
}
