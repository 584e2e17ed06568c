/** @import {Context, View} from "../base/context" */
import { fill, h, dataText } from "../base/dom.js";
import { fixed, megabytes } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { barList } from "../parts/chart.js";
import { evaluation, perAttribute } from "../parts/evaluation.js";
import { heatMap } from "../parts/heatmap.js";
import { history } from "../parts/history.js";
import { section } from "../parts/section.js";
import { snapshots } from "../parts/snapshots.js";

/** A bar is never full below so many nats: then all latents are unused. */
const LEAST_NATS = 0.1;

/** The evaluation, the KL of each latent, the training history, and the recipe. @param {Context} context @returns {View} */
export function metrics(context) {
  const later = h("div", { class: "metrics-later" });
  const element = h("div", { class: "metrics" }, evaluation(context), perAttribute(context), klPerLatent(context), snapshots(context), later, source(context));
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
function klPerLatent({ run }) {
  const known = run.run.latents.filter((latent) => latent.kl !== null && run.free.includes(latent.index)).sort((a, b) => Number(b.kl) - Number(a.kl));
  if (!known.length) return null;
  return section(
    "KL per latent",
    [term("KL"), " in ", term("nats"), " per image. ", term("unused", "Unused"), " latents are faint. ", dataText(run.run.collapse.sentence)],
    h("div", { class: "card" }, barList(known.slice(0, 30).map(({ label, kl, active }) => ({ name: label, value: Number(kl), text: fixed(Number(kl), 2), faint: !active })), Math.max(Number(known[0].kl), LEAST_NATS))),
  );
}

/** @param {Context} context */
function source({ run, host, engine }) {
  const facts = Object.entries(run.run.provenance).filter(([, value]) => typeof value !== "object" || value === null);
  const packages = /** @type {Record<string, string>} */ (run.run.provenance.packages ?? {});
  return section(
    "Recipe and provenance",
    ["The ", term("recipe"), " trains the same model again from the same data and ", term("seed"), "."],
    h("details", { class: "fold", open: true }, h("summary", null, "Recipe"), h("pre", { class: "code", tabindex: 0 }, run.run.recipe)),
    h(
      "details",
      { class: "fold" },
      h("summary", null, "Provenance"),
      h("dl", { class: "facts-list" }, [...facts, ...Object.entries(packages)].map(([name, value]) => [h("dt", null, dataText(name)), h("dd", null, dataText(value ?? "–"))])),
    ),
    h("p", { class: "note" }, run.run.size ? `Size of this run in the page: ${megabytes(run.run.size)}. ` : "", `distaff ${host.manifest.version ?? ""}; the networks run in ${engine.place === "worker" ? "a worker of this page" : "this page"}.`),
  );
}
