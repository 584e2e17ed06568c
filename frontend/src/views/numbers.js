/** @import {Context, View} from "../base/context" */
import { fill, h, said } from "../base/dom.js";
import { fixed, megabytes } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { barList } from "../parts/chart.js";
import { evaluation, perAttribute } from "../parts/evaluation.js";
import { heatMap } from "../parts/heatmap.js";
import { history } from "../parts/history.js";
import { section } from "../parts/section.js";

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
