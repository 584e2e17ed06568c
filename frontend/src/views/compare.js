/** @import {Context, View} from "../base/context" */
/** @import {RunModel} from "../model/run.js" */
import { fill, h, dataText } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { fixed } from "../base/numbers.js";
import { explained, term } from "../base/tips.js";
import { METRIC_NAMES, metricOf } from "../base/metrics.js";
import { assign, correlations } from "../model/matching.js";
import { headline } from "../parts/glance.js";
import { Latest, imageData, paint, imageCanvas } from "../parts/canvas.js";

const MOST_RUNS = 4;
const MOST_IMAGES = 2000;
const STEPS = 5;

/**
 * Two to four runs side by side: the same image, and their latents matched to the first run's.
 * @param {Context} context
 * @returns {View}
 */
export function compare(context) {
  const runs = context.runs.slice(0, MOST_RUNS);
  const body = h("div", { class: "compare-body" }, h("p", { class: "note" }, "Opening the other runs…"));
  const element = h(
    "div",
    { class: "compare" },
    h("div", { class: "view-head" }, h("div", null, h("h2", null, "Runs side by side"), h("p", { class: "note" }, "The latents of the other runs are matched to those of the first run by ", term("correlation"), " over the same images. Each match can be changed."))),
    body,
  );
  let opened = false;
  return {
    element,
    async enter() {
      if (opened) return;
      opened = true;
      try {
        await Promise.all(runs.map((run) => run.open()));
        fill(body, sideBySide(context, runs));
      } catch (error) {
        context.fail(error);
      }
    },
  };
}

/** @param {Context} context @param {RunModel[]} runs */
function sideBySide(context, runs) {
  const [first] = runs;
  const sameData = runs.every((run) => run.run.provenance.data === first.run.provenance.data && run.count === first.count);
  const columns = { "--runs": runs.length };
  let row = first.typicalRow;
  const canvases = runs.map((run) => imageCanvas(run.pixels, `The image decoded by ${run.run.name}`.slice(0, 120)));
  const painters = runs.map(
    (run, i) =>
      new Latest(async () => {
        const at = Math.min(row, run.count - 1);
        paint(canvases[i], imageData(await run.decode([run.codeOf(at)], run.conditionCode(run.conditionOf(at))), 0));
      }, context.fail),
  );
  const matched = matches(context, runs, () => row, sameData);
  const draw = () => {
    painters.forEach((painter) => painter.ask(null));
    matched.draw();
  };
  const another = h(
    "button",
    {
      type: "button",
      class: "button",
      onclick: () => {
        row = Math.floor(Math.random() * Math.min(...runs.map((run) => run.count)));
        draw();
      },
    },
    icon("dice"),
    "Random test image",
  );
  draw();
  return [
    h(
      "div",
      { class: "compare-grid", style: columns },
      h("div", { class: "compare-name" }, h("b", null, "Run"), another),
      runs.map(({ run }, i) => h("div", { class: "compare-run" }, canvases[i], h("b", { class: "clip" }, dataText(run.name)), h("span", { class: "note clip3" }, dataText(run.about)))),
      scoreRows(context, runs),
    ),
    sameData ? null : h("p", { class: "warn" }, "These runs have different images, so their latents cannot be matched by correlation and stand in order."),
    matched.element,
  ];
}

/** The metrics that all runs share. @param {Context} context @param {RunModel[]} runs */
function scoreRows(context, runs) {
  const shared = METRIC_NAMES.filter((name) => runs.filter(({ run }) => typeof run.evaluation?.metrics[name]?.value === "number").length > 1);
  return shared.slice(0, 6).map((name) => {
    const values = runs.map(({ run }) => run.evaluation?.metrics[name]);
    const numbers = values.map((each) => (typeof each?.value === "number" ? each.value : NaN));
    const known = numbers.filter(Number.isFinite);
    const { title, about, better } = metricOf(context.host.manifest, name);
    const best = better === "higher" ? Math.max(...known) : better === "lower" ? Math.min(...known) : NaN;
    return [
      h("div", { class: "compare-name" }, explained(title, about)),
      runs.map((run, i) => {
        const metric = values[i];
        const own = Object.create(context, { run: { value: run } });
        return h("div", { class: `compare-value${numbers[i] === best ? " best" : ""}` }, metric && Number.isFinite(numbers[i]) ? headline(name, metric, own) : "–");
      }),
    ];
  });
}

/** @param {Context} context @param {RunModel[]} runs @param {() => number} rowNow @param {boolean} sameData */
function matches(context, runs, rowNow, sameData) {
  const [first, ...others] = runs;
  const latents = [...first.run.latents].sort((a, b) => (b.kl ?? 0) - (a.kl ?? 0)).slice(0, 10);
  const tables = others.map((other) => {
    const count = Math.min(first.count, other.count, MOST_IMAGES);
    return sameData
      ? correlations(first.codes.slice(0, count * first.width), other.codes.slice(0, count * other.width), count)
      : first.run.latents.map((_, i) => other.run.latents.map((_, j) => (i === j ? 1 : 0)));
  });
  const chosen = tables.map((table) => assign(table.map((row) => row.map((each) => -Math.abs(each)))));
  /** @type {(() => void)[]} */
  const draws = [];
  const lines = latents.map((latent) => [
    h("div", { class: "compare-name" }, h("b", null, dataText(latent.label)), h("span", { class: "note" }, latent.kl === null ? "" : `${fixed(latent.kl, 2)} nats`)),
    cell(context, first, () => ({ index: latent.index, sign: 1 }), rowNow, draws, null),
    others.map((other, i) => {
      const r = h("span", { class: "r" });
      const select = h(
        "select",
        { "aria-label": `Latent of ${other.run.name} beside ${latent.label}`.slice(0, 160) },
        h("option", { value: -1 }, "none"),
        other.run.latents.map(({ label }, j) => h("option", { value: j, dir: "auto" }, label.slice(0, 50))),
      );
      const sync = () => {
        const j = chosen[i][latent.index];
        select.value = String(j);
        fill(r, sameData && j >= 0 ? [term("correlation", "r"), ` = ${fixed(tables[i][latent.index][j], 2)}`] : "");
      };
      select.addEventListener("change", () => {
        chosen[i][latent.index] = Number(select.value);
        sync();
        draws.forEach((draw) => draw());
      });
      sync();
      const which = () => {
        const index = chosen[i][latent.index];
        return { index, sign: index >= 0 && tables[i][latent.index][index] < 0 ? -1 : 1 };
      };
      return cell(context, other, which, rowNow, draws, h("div", { class: "match" }, select, r));
    }),
  ]);
  return {
    element: h("div", { class: "compare-grid matched", style: { "--runs": runs.length } }, lines),
    draw: () => draws.forEach((draw) => draw()),
  };
}

/** One run's latent, moved from low to high. @param {Context} context @param {RunModel} run @param {() => {index: number, sign: number}} which @param {() => number} rowNow @param {(() => void)[]} draws @param {Node | null} below */
function cell(context, run, which, rowNow, draws, below) {
  const canvases = Array.from({ length: STEPS }, () => imageCanvas(run.pixels, ""));
  canvases.forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
  const strip = h("div", { class: "strip small", style: { "--columns": STEPS } }, canvases);
  const painter = new Latest(async () => {
    const { index, sign } = which();
    strip.hidden = index < 0;
    if (index < 0) return;
    const row = Math.min(rowNow(), run.count - 1);
    const { low, high } = run.run.latents[index];
    const codes = canvases.map((_, step) => {
      const code = run.codeOf(row);
      const share = step / (STEPS - 1);
      // A negative correlation is shown backwards, so that columns can be compared.
      code[index] = sign > 0 ? low + (high - low) * share : high + (low - high) * share;
      return code;
    });
    const images = await run.decode(codes, run.conditionCode(run.conditionOf(row)));
    canvases.forEach((canvas, step) => paint(canvas, imageData(images, step)));
  }, context.fail);
  draws.push(() => painter.ask(null));
  return h("div", { class: "compare-cell" }, strip, below);
}
