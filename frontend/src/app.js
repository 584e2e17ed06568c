/** @import {Context, State} from "./base/context" */
/** @import {Host} from "./types" */
import { Blocks, BundleError, checkManifest } from "./bundle/blocks.js";
import { fill, h, said } from "./base/dom.js";
import { fromHash, toHash, write as writeCode } from "./base/hash.js";
import { Store } from "./base/store.js";
import { installTips } from "./base/tips.js";
import { Engine } from "./engine/client.js";
import { firstMap } from "./map/source.js";
import { clearest } from "./model/reading.js";
import { RunModel } from "./model/run.js";
import { glance } from "./parts/glance.js";
import { header } from "./parts/header.js";
import { stage } from "./parts/stage.js";
import { tabs } from "./parts/tabs.js";
import { defaultEnds, nameOf } from "./parts/ends.js";
import { wayAt } from "./model/way.js";

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
  const addressed = host.kind === "notebook" ? "" : location.hash;
  const wanted = fromHash(addressed, runs);
  const first = runs[wanted.run ?? 0];
  // What the first picture needs is fetched side by side; the rest of the runs follow when asked for.
  const decoder = first.loadDecoder();
  decoder.catch(() => {});
  await first.open();

  const state = new Store(begin(first, wanted));
  const live = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const alarm = h("div", { class: "alarm", role: "alert", hidden: true });
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
    show(code, { row = -1, condition, mixed = null } = {}) {
      state.set({ code, row, mixed, condition: condition ?? state.values.condition });
    },
    go(view) {
      state.set({ view });
      const main = root.querySelector(".main");
      // On a narrow page the views lie below the picture and its controls.
      if (main && main.getBoundingClientRect().top > innerHeight * 0.5) main.scrollIntoView({ block: "start" });
    },
    announce: (text) => (live.textContent = text),
    fail(error) {
      console.warn(error);
      const sentence = error instanceof Error ? error.message : String(error);
      fill(alarm, said(error instanceof BundleError ? sentence : `Something went wrong: ${sentence}`));
      alarm.hidden = false;
    },
  };
  await decoder;

  const body = h("div", { class: "body" });
  fill(root, header(context), alarm, body, live);
  installTips(root);
  theme(context);

  /** @type {ReturnType<typeof stage> | null} */
  let shown = null;
  /** @type {ReturnType<typeof tabs> | null} */
  let views = null;
  const build = () => {
    shown?.stop();
    views?.stop();
    shown = stage(context);
    views = tabs(context, shown.small);
    fill(body, glance(context), h("div", { class: "work" }, shown.element, views.element));
    views.start();
  };
  build();
  state.on(["run"], async () => {
    try {
      await context.run.open();
      const { theme: kept, dark, view } = state.values;
      state.set({ ...begin(context.run, { run: state.values.run, view }), theme: kept, dark });
      build();
    } catch (error) {
      context.fail(error);
    }
  });
  report(context);
  address(context);
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
    mixed: null,
    row,
    theme: "auto",
    dark: false,
    map: firstMap(run),
    colour: run.reader.attribute ?? clearest(run, run.run.attributes.map(({ name }) => name)) ?? "",
    borders: true,
    thumbnails: false,
    hidden: new Set(),
    from,
    to,
    path: "straight",
    t: 0,
    latent: -1,
    ...completed(run, given),
  };
}

/** What an address leaves out because it follows from the rest. @param {RunModel} run @param {Partial<State>} given @returns {Partial<State>} */
function completed(run, given) {
  const { from, to, code } = given;
  if (!from || !to) return given;
  for (const end of [from, to]) end.name = nameOf(run, end.code, end.condition, writeCode);
  if (!code || given.view !== "mix") return given;
  const here = wayAt(run, { from, to, path: given.path ?? "straight" }, given.t ?? 0);
  return writeCode(here.code) === writeCode(code) ? { ...given, mixed: here.mixed } : given;
}

/** Light or dark as the reader's system is, unless they chose. @param {Context} context */
function theme({ root, state }) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { theme: chosen } = state.values;
    const dark = chosen === "auto" ? system.matches : chosen === "dark";
    root.dataset.theme = dark ? "dark" : "light";
    if (root.parentElement === document.body) document.documentElement.dataset.theme = root.dataset.theme;
    state.set({ dark });
  };
  system.addEventListener("change", apply);
  state.on(["theme"], apply);
  apply();
}

/** Keep the address up to date, and follow it when it is changed. @param {Context} context */
function address({ host, runs, state }) {
  if (host.kind === "notebook") return;
  let timer = 0;
  let own = "";
  const write = () => {
    timer = 0;
    own = `#${toHash(state.values, runs[state.values.run])}`;
    history.replaceState(null, "", own);
  };
  const keys = /** @type {(keyof State)[]} */ (Object.keys(state.values));
  state.on(keys, () => {
    timer ||= window.setTimeout(write, 250);
  });
  addEventListener("hashchange", () => {
    if (location.hash === own) return;
    const { run, ...wanted } = fromHash(location.hash, runs);
    if (run === state.values.run) state.set(completed(runs[run], wanted));
    else location.reload();
  });
}

/** Tell a notebook what is shown, at most every tenth of a second. @param {Context} context */
function report({ host, state }) {
  if (!host.onChange) return;
  let timer = 0;
  state.on(["code", "row", "run"], () => {
    timer ||= window.setTimeout(() => {
      timer = 0;
      const { code, row, run } = state.values;
      host.onChange?.({ latents: Array.from(code), selection: row, run });
    }, 100);
  });
}
