/** @import {Context, View} from "../base/context" */
/** @import {Metric} from "../types" */
import { fill, h, said } from "../base/dom.js";
import { fixed, megabytes, number, percent } from "../base/numbers.js";
import { METRICS } from "../base/glossary.js";
import { term } from "../base/tips.js";
import { barList } from "../parts/chart.js";
import { headline } from "../parts/glance.js";
import { heatMap } from "../parts/heatmap.js";
import { history } from "../parts/history.js";

/** The evaluation, what each latent holds, the training, and where all of it comes from. @param {Context} context @returns {View} */
export function numbers(context) {
  const later = h("div", { class: "numbers-later" });
  const element = h("div", { class: "numbers" }, evaluation(context), perAttribute(context), latentsInUse(context), later, source(context));
  let opened = false;
  const open = async () => {
    fill(later, await heatMap(context), await history(context));
  };
  context.state.on(["dark"], () => opened && element.isConnected && open().catch(context.fail));
  return {
    element,
    enter() {
      if (opened) return;
      opened = true;
      open().catch(context.fail);
    },
  };
}

/** @param {Context} context */
function evaluation(context) {
  const { evaluation: found } = context.run.run;
  const metrics = Object.entries(found?.metrics ?? {});
  if (!metrics.length) {
    return section("How good it is", null, h("p", { class: "note" }, "This run was not measured. ", h("code", null, "distaff evaluate"), " does, and the next export shows it here."));
  }
  const order = Object.keys(METRICS);
  const rank = (/** @type {string} */ name) => (order.indexOf(name) + 1 || order.length + 1);
  metrics.sort(([a], [b]) => rank(a) - rank(b));
  const settings = found?.settings ?? {};
  return section(
    "How good it is",
    ["Measured on ", term("test pictures"), settings.test_pictures ? ` (${number(Number(settings.test_pictures))})` : "", "."],
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of metrics" },
      h(
        "table",
        { class: "table" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Measure"), h("th", { scope: "col", class: "right" }, "Value"), h("th", { scope: "col" }, "Better"), h("th", { scope: "col" }, "What it says"))),
        h("tbody", null, metrics.map(([name, metric]) => metricRow(context, name, metric))),
      ),
    ),
    leftOut(found?.left_out),
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
function perAttribute(context) {
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
  const detail = Object.entries(metric).find(([key, value]) => /^per_(attribute|factor)$/.test(key) && value && typeof value === "object");
  if (!detail) return [];
  /** @type {[string, number][]} */
  const found = [];
  for (const [name, value] of Object.entries(/** @type {object} */ (detail[1]))) {
    const one = typeof value === "number" ? value : value?.accuracy ?? value?.value;
    if (typeof one === "number" && one >= 0 && one <= 1) found.push([name, one]);
  }
  return found;
}

/** @param {Context} context */
function latentsInUse({ run }) {
  const known = run.run.latents.filter((latent) => latent.kl !== null && latent.attribute === null).sort((a, b) => Number(b.kl) - Number(a.kl));
  if (!known.length) return null;
  return section(
    "What each latent carries",
    ["In ", term("nats"), " per picture (", term("KL"), "); ", term("idle"), " ones are faint."],
    h("div", { class: "card" }, barList(known.slice(0, 30).map(({ label, kl, active }) => ({ name: label, value: Number(kl), said: fixed(Number(kl), 2), faint: !active })), Number(known[0].kl))),
  );
}

/** @param {Context} context */
function source({ run, host, engine }) {
  const facts = Object.entries(run.run.provenance).filter(([, value]) => typeof value !== "object" || value === null);
  const packages = /** @type {Record<string, string>} */ (run.run.provenance.packages ?? {});
  return section(
    "Where it comes from",
    ["The ", term("recipe"), " makes the same model again from the same data and ", term("seed"), "."],
    h("details", { class: "fold", open: true }, h("summary", null, "Recipe"), h("pre", { class: "code", tabindex: 0 }, run.run.recipe)),
    h(
      "details",
      { class: "fold" },
      h("summary", null, "Provenance"),
      h("dl", { class: "facts-list" }, [...facts, ...Object.entries(packages)].map(([name, value]) => [h("dt", null, said(name)), h("dd", null, said(value ?? "–"))])),
    ),
    h("p", { class: "note" }, run.run.size ? `This run takes ${megabytes(run.run.size)} of the bundle. ` : "", `distaff ${host.manifest.version ?? ""}; the model runs in ${engine.place === "worker" ? "a worker of this page" : "this page itself"}.`),
  );
}

/** @param {string} title @param {import("../base/dom.js").Child} note @param {...import("../base/dom.js").Child} content */
export function section(title, note, ...content) {
  return h("section", { class: "number-section" }, h("h2", null, title), note ? h("p", { class: "note" }, note) : null, content);
}
