/** @import {Context, State, View} from "../base/context" */
import { fill, freshId, h } from "../base/dom.js";
import { GLOSSARY } from "../base/glossary.js";
import { explained } from "../base/tips.js";
import { LAYERS, legendOf, statusOf } from "../map/legend.js";
import { Plane } from "../map/plane.js";
import { mapChoices } from "../map/source.js";
import { zoomButtons } from "../map/zoom.js";
import { pathControl } from "../parts/path.js";

/** The glossary's word for each kind of map. */
const KINDS = /** @type {const} */ ({ pair: "pair", pca: "PCA", tsne: "t-SNE", umap: "UMAP" });

/** The codes of all images in a plane. @param {Context} context @returns {View} */
export function mapView(context) {
  const { run, state } = context;
  const path = run.kind === "classes" || run.kind === "plain" ? pathControl(context) : null;
  const plane = new Plane(context, { path: path !== null });
  const legend = h("div", { class: "legend" });
  const status = h("p", { class: "map-status" });
  const bar = toolbar(context, plane);
  bar.sync();

  const tell = () => {
    const next = legendOf(context, plane);
    if (!refreshed(legend, next)) fill(legend, next);
    fill(status, statusOf(context, plane));
    bar.sync();
  };
  plane.changed.push(tell);
  state.on(["layer", "borders"], () => plane.alive && tell());

  return {
    element: h(
      "div",
      { class: "map-view" },
      bar.element,
      h("div", { class: "plane-frame" }, plane.element, zoomButtons(plane)),
      h("div", { class: "map-below" }, legend, status),
      path?.element,
    ),
    enter() {
      plane.resize();
      plane.open().catch(context.fail);
      path?.enter();
    },
    leave: () => path?.leave(),
  };
}

/**
 * Take over what is pressed where the classes are the same, so that the focus stays; tells whether they are.
 * @param {HTMLElement} legend @param {HTMLElement | null} next
 */
function refreshed(legend, next) {
  const [shown, wanted] = [legend, next].map((each) => /** @type {HTMLElement[]} */ ([...(each?.querySelectorAll(".chip") ?? [])]));
  const same = (/** @type {HTMLElement} */ chip, /** @type {number} */ i) =>
    chip.textContent === wanted[i].textContent && chip.style.cssText === wanted[i].style.cssText;
  if (!shown.length || shown.length !== wanted.length || !shown.every(same)) return false;
  shown.forEach((chip, i) => chip.setAttribute("aria-pressed", String(wanted[i].getAttribute("aria-pressed"))));
  const [all, offered] = [legend, next].map((each) => /** @type {HTMLElement | null} */ (each?.querySelector(".button") ?? null));
  if (!all && offered) shown[0].parentElement?.append(offered);
  if (all && !offered) {
    if (/** @type {Document | ShadowRoot} */ (all.getRootNode()).activeElement === all) shown.at(-1)?.focus();
    all.remove();
  }
  return true;
}

/** @param {Context} context @param {Plane} plane */
function toolbar({ run, state }, plane) {
  const maps = h(
    "select",
    { "aria-label": "Map" },
    mapChoices(run).map(({ key, name }) => h("option", { value: key, dir: "auto" }, name.slice(0, 80))),
    run.free.length > 2 ? h("option", { value: "own" }, "Any two latents…") : null,
  );
  const axes = [0, 1].map((axis) =>
    h(
      "select",
      { "aria-label": axis ? "Latent upwards" : "Latent to the right" },
      run.run.latents.map(({ index, label }) => h("option", { value: index, dir: "auto" }, label.slice(0, 60))),
    ),
  );
  const pair = h("span", { class: "pair" }, axes[0], " and ", axes[1]);
  const usePair = () => state.set({ map: `${axes[0].value}x${axes[1].value}` });
  axes.forEach((select) => select.addEventListener("change", usePair));
  maps.addEventListener("change", () => {
    if (maps.value === "own") {
      axes[0].value = String(run.free[0]);
      axes[1].value = String(run.free[1]);
      usePair();
    } else state.set({ map: maps.value });
  });
  const colours = h(
    "select",
    { "aria-label": "Colour by", onchange: () => state.set({ colour: run.run.attributes[colours.selectedIndex].name, hidden: new Set() }) },
    run.run.attributes.map(({ name }) => h("option", { dir: "auto" }, name.slice(0, 80))),
  );
  const borders = h("input", { type: "checkbox", onchange: () => state.set({ borders: borders.checked }) });
  const withBorders = h("label", { class: "check" }, borders, "Borders");
  const layer = layers(state.values.layer, run.run.points.thumbnails !== null, (chosen) => state.set({ layer: chosen }));
  const kind = h("span", { class: "kind" });
  return {
    element: h(
      "div",
      { class: "toolbar" },
      h("label", { class: "field" }, h("span", null, "Map"), maps),
      pair,
      run.run.attributes.length ? h("label", { class: "field" }, h("span", null, "Colour"), colours) : null,
      layer.element,
      withBorders,
      kind,
    ),
    sync() {
      const { map, colour } = state.values;
      const own = /^(\d+)x(\d+)$/.exec(map);
      maps.value = own ? "own" : map;
      pair.hidden = !own;
      if (own) axes.forEach((select, i) => (select.value = own[i + 1]));
      colours.selectedIndex = run.run.attributes.findIndex((each) => each.name === colour);
      borders.checked = state.values.borders;
      withBorders.hidden = !plane.regions;
      layer.show(state.values.layer);
      const about = GLOSSARY[KINDS[plane.source?.kind ?? "pair"]];
      const [decodes, how] = plane.source?.exact ? ["Click decodes this exact point", GLOSSARY.exact] : ["Click decodes a nearby blend", GLOSSARY.nearby];
      fill(kind, explained(decodes, `${about} ${how}`));
    },
  };
}

/** What stands on the map. @param {State["layer"]} chosen @param {boolean} thumbnails @param {(layer: State["layer"]) => void} onInput */
function layers(chosen, thumbnails, onInput) {
  const group = freshId("layer");
  const names = /** @type {State["layer"][]} */ (Object.keys(LAYERS)).filter((name) => thumbnails || name !== "thumbnails");
  const inputs = names.map((name) => h("input", { type: "radio", name: group, id: `${group}-${name}`, onchange: () => onInput(name) }));
  const show = (/** @type {State["layer"]} */ layer) => inputs.forEach((input, i) => (input.checked = names[i] === layer));
  show(chosen);
  return {
    element: h(
      "div",
      { class: "segments small", role: "radiogroup", "aria-label": "Show" },
      names.map((name, i) => h("div", { class: "segment" }, inputs[i], h("label", { for: inputs[i].id, "data-tip": LAYERS[name].about }, LAYERS[name].title))),
    ),
    show,
  };
}
