/** @import {Context, State} from "./base/context" */
/** @import {Host} from "./types" */
import { Blocks, BundleError, checkManifest } from "./bundle/blocks.js";
import { dataText, fill, h } from "./base/dom.js";
import { fromHash, writeCode } from "./base/hash.js";
import { Store } from "./base/store.js";
import { acceptFiles, followAddress, followTheme, report } from "./base/surroundings.js";
import { installTips } from "./base/tips.js";
import { Engine } from "./engine/client.js";
import { firstMap } from "./map/source.js";
import { pathAt } from "./model/interpolation.js";
import { clearest } from "./model/prediction.js";
import { RunModel } from "./model/run.js";
import { defaultEnds, nameOf } from "./parts/ends.js";
import { glance } from "./parts/glance.js";
import { header } from "./parts/header.js";
import { arrange } from "./parts/layout.js";
import { stage } from "./parts/stage.js";
import { tabs } from "./parts/tabs.js";

/**
 * Build the page in an element.
 * @param {HTMLElement} root
 * @param {Host} host
 */
export async function mount(root, host) {
  checkManifest(host.manifest);
  const blocks = new Blocks(host);
  const engine = new Engine(host);
  const runs = host.manifest.runs.map((run, index) => new RunModel(run, index, blocks, engine));
  const wanted = fromHash(host.kind === "notebook" ? "" : location.hash, runs);
  const first = runs[wanted.run ?? 0];
  // What the first image needs is loaded in parallel; other runs load when they are chosen.
  const decoder = first.loadDecoder();
  decoder.catch(() => {});
  await first.open();

  const state = new Store(begin(first, wanted));
  const live = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const alarm = h("div", { class: "alarm", role: "alert", hidden: true });
  let link = () => "";
  /** @type {Context} */
  const context = {
    root,
    host,
    engine,
    runs,
    state,
    get run() {
      return runs[state.values.run];
    },
    show(code, { origin, row = -1, condition, doubt = null }) {
      state.set({ code, origin, row, edited: false, doubt, blended: null, condition: condition ?? state.values.condition });
    },
    showRow(row) {
      context.show(context.run.codeOf(row), { origin: "test", row, condition: context.run.conditionOf(row) });
    },
    edit({ code, condition }) {
      const { values } = state;
      const doubt = code && values.doubt === "place" ? null : values.doubt;
      state.set({ code: code ?? values.code, condition: condition ?? values.condition, blended: condition ? null : values.blended, doubt, edited: true });
    },
    go(view) {
      state.set({ view });
      const main = root.querySelector(".main");
      // On a narrow page the views lie below the image.
      if (main && main.getBoundingClientRect().top > innerHeight * 0.5) main.scrollIntoView({ block: "start" });
    },
    announce: (text) => (live.textContent = text),
    fail(error) {
      console.warn(error);
      const sentence = error instanceof Error ? error.message : String(error);
      fill(alarm, dataText(error instanceof BundleError ? sentence : `Something went wrong: ${sentence}`));
      alarm.hidden = false;
    },
    link: () => (host.kind === "notebook" ? null : link()),
  };
  await decoder;

  const body = h("div", { class: "body" });
  fill(root, header(context), alarm, body, live);
  installTips(root);
  followTheme(context);
  acceptFiles(context);

  /** @type {{stop: () => void}[]} */
  let parts = [];
  const build = () => {
    parts.forEach((part) => part.stop());
    const shown = stage(context);
    const views = tabs(context, shown.small);
    parts = [shown, views, arrange(body, { glance: glance(context), stage: shown, main: views.element })];
    views.start();
  };
  build();
  state.on(["run"], async () => {
    try {
      await context.run.open();
      const { theme, dark, view, run } = state.values;
      state.set({ ...begin(context.run, { run, view }), theme, dark });
      build();
    } catch (error) {
      context.fail(error);
    }
  });
  report(context);
  if (host.kind !== "notebook") link = followAddress(context, completed);
  root.dataset.ready = "true";
  return context;
}

/** What is shown at first. @param {RunModel} run @param {Partial<State>} wanted @returns {State} */
function begin(run, wanted) {
  const row = run.typicalRow;
  const [from, to] = defaultEnds(run);
  const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  return {
    run: run.index,
    view: run.kind === "attributes" || run.kind === "conditional" ? "traversals" : "map",
    code: run.codeOf(row),
    condition: run.conditionOf(row),
    blended: null,
    origin: "test",
    row,
    edited: false,
    doubt: null,
    theme: "auto",
    dark: false,
    map: firstMap(run),
    colour: run.predictor.attribute ?? clearest(run, run.run.attributes.map(({ name }) => name)) ?? "",
    borders: true,
    layer: "points",
    hidden: new Set(),
    from,
    to,
    path: "linear",
    t: 0,
    latent: -1,
    ...completed(run, given),
  };
}

/** What follows from the parts of the state that an address holds. @param {RunModel} run @param {Partial<State>} given @returns {Partial<State>} */
function completed(run, given) {
  const { from, to, code, row = -1 } = given;
  const found = { ...given };
  if (code) Object.assign(found, row >= 0 ? { origin: "test", edited: writeCode(code) !== writeCode(run.codeOf(row)) } : { origin: "given", edited: false });
  if (!from || !to) return found;
  for (const end of [from, to]) end.name = nameOf(run, end.code, end.condition, writeCode);
  const here = pathAt(run, { from, to, path: given.path ?? "linear" }, given.t ?? 0);
  if (code && row < 0 && writeCode(here.code) === writeCode(code)) Object.assign(found, { origin: "path", blended: here.blended });
  return found;
}
