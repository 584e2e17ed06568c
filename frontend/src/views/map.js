/** @import {Context, View} from "../base/context" */
import { colourOf, unknownColour } from "../base/colours.js";
import { fill, h, said } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { count } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { labelOf } from "../model/attributes.js";
import { Plane, rangeOf } from "../map/plane.js";
import { zoomPlane } from "../map/pointer.js";
import { mapChoices } from "../map/source.js";
import { atlasOf } from "../parts/atlas.js";
import { walk } from "../parts/walk.js";

/** The codes of all pictures in the plane. @param {Context} context @returns {View} */
export function mapView(context) {
  const { run, state } = context;
  const plane = new Plane(context, { path: run.kind === "classes" });
  const legend = h("div", { class: "legend" });
  const status = h("p", { class: "map-status" });
  const way = run.kind === "classes" || run.kind === "plain" ? walk(context) : null;
  if (way) plane.withPath = true;
  const bar = toolbar(context, plane);

  const tell = () => {
    const page = /** @type {Document | ShadowRoot} */ (legend.getRootNode());
    const focused = [...legend.querySelectorAll("button")].indexOf(/** @type {HTMLButtonElement} */ (page.activeElement));
    fill(legend, legendOf(context, plane));
    // The legend is drawn anew; the keyboard stays where it was, or if that is gone, at the end.
    if (focused >= 0) [...legend.querySelectorAll("button")].slice(0, focused + 1).pop()?.focus();
    fill(status, statusOf(context, plane));
    bar.sync();
  };
  plane.changed.push(tell);
  state.on(["thumbnails", "borders"], () => plane.alive && tell());

  const element = h(
    "div",
    { class: "map-view" },
    bar.element,
    h("div", { class: "plane-frame" }, plane.element, zoomButtons(plane)),
    h("div", { class: "map-below" }, legend, status),
    way?.element,
  );
  return {
    element,
    enter() {
      plane.resize();
      plane.open().catch(context.fail);
      way?.enter();
    },
    leave: () => way?.leave(),
  };
}

/** @param {Plane} plane */
export function zoomButtons(plane) {
  return h(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    h("button", { type: "button", "aria-label": "Closer", onclick: () => zoomPlane(plane, 1.5) }, icon("plus")),
    h("button", { type: "button", "aria-label": "Farther", onclick: () => zoomPlane(plane, 1 / 1.5) }, icon("minus")),
    h("button", { type: "button", "aria-label": "Whole map", onclick: () => zoomPlane(plane, 0) }, icon("whole")),
  );
}

/** @param {Context} context @param {Plane} plane */
function toolbar({ run, state }, plane) {
  const choices = mapChoices(run);
  const pairs = run.free.length > 2;
  const maps = h(
    "select",
    { "aria-label": "Map" },
    choices.map(({ key, name }) => h("option", { value: key, dir: "auto" }, name.slice(0, 80))),
    pairs ? h("option", { value: "own" }, "Any two latents…") : null,
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
  const borders = check("Borders", (on) => state.set({ borders: on }));
  const pictures = check("Pictures", (on) => state.set({ thumbnails: on }));
  const kind = h("span", { class: "kind" });
  return {
    element: h(
      "div",
      { class: "toolbar" },
      h("label", { class: "field" }, h("span", null, "Map"), maps),
      pair,
      run.run.attributes.length ? h("label", { class: "field" }, h("span", null, "Colour"), colours) : null,
      borders.element,
      run.run.points.thumbnails ? pictures.element : null,
      kind,
    ),
    sync() {
      const { map, colour, borders: withBorders, thumbnails } = state.values;
      const own = /^(\d+)x(\d+)$/.exec(map);
      maps.value = own ? "own" : map;
      pair.hidden = !own;
      if (own) axes.forEach((select, i) => (select.value = own[i + 1]));
      colours.selectedIndex = run.run.attributes.findIndex((each) => each.name === colour);
      borders.input.checked = withBorders;
      borders.element.hidden = !plane.regions;
      pictures.input.checked = thumbnails;
      const name = { pair: "pair", pca: "PCA", tsne: "t-SNE", umap: "UMAP" }[plane.source?.kind ?? "pair"];
      fill(
        kind,
        term(/** @type {any} */ (name), name === "pair" ? "two latents" : name),
        " · ",
        plane.source?.exact ? term("exact") : h("span", { class: "warn" }, term("approximate")),
      );
    },
  };
}

/** @param {string} text @param {(on: boolean) => void} onInput */
function check(text, onInput) {
  const input = h("input", { type: "checkbox", onchange: () => onInput(input.checked) });
  return { element: h("label", { class: "check" }, input, text), input };
}

/** What the colours mean; classes can be hidden. @param {Context} context @param {Plane} plane */
function legendOf({ run, state }, plane) {
  const attribute = run.attributes.get(state.values.colour);
  if (!attribute) return null;
  const { dark, hidden } = state.values;
  const { classes } = plane;
  if (!classes) {
    const range = attribute.values ? /** @type {[number, number]} */ ([0, attribute.values.length - 1]) : rangeOf(run.labels.get(attribute.name));
    const colour = colourOf(attribute, dark, range);
    const stops = Array.from({ length: 12 }, (_, i) => colour(range[0] + ((range[1] - range[0]) * i) / 11));
    return h(
      "div",
      { class: "scale" },
      h("span", null, said(labelOf(attribute, range[0]))),
      h("span", { class: "scale-bar", style: { "--stops": stops.join(",") } }),
      h("span", null, said(labelOf(attribute, range[1]))),
    );
  }
  const colour = colourOf(classes, dark, [0, 1]);
  const values = (classes.values ?? []).map((text, value) => ({ text: String(text), value }));
  const unknown = run.labels.get(classes.name)?.some(Number.isNaN);
  const entries = unknown ? [...values, { text: "unknown", value: -1 }] : values;
  return h(
    "div",
    { class: "chips", role: "group", "aria-label": "Shown classes" },
    entries.map(({ text, value }) => {
      const chip = h(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": String(!hidden.has(value)),
          style: { "--colour": value < 0 ? unknownColour(dark) : colour(value) },
        },
        h("span", { class: "dot", "aria-hidden": "true" }),
        said(text),
      );
      chip.addEventListener("click", () => {
        const next = new Set(state.values.hidden);
        if (!next.delete(value)) next.add(value);
        state.set({ hidden: next });
      });
      return chip;
    }),
    hidden.size ? h("button", { type: "button", class: "button small", onclick: () => state.set({ hidden: new Set() }) }, "Show all") : null,
  );
}

/** @param {Context} context @param {Plane} plane */
function statusOf({ run, state }, plane) {
  const { total, split } = run.run.points;
  const words = [`${count(plane.shown)} of ${count(total)} ${split} pictures shown`];
  if (state.values.thumbnails) {
    const atlas = atlasOf(run);
    words.push(`${count(plane.drawn)} of them as pictures${atlas.count < run.count ? `, from the first ${count(atlas.count)}` : ""}`);
  }
  const region = plane.regions?.region;
  return [
    words.join(", "),
    region ? [" · areas by the ", term(region.reader === "classifier" ? "classifier" : "10-NN", region.reader === "classifier" ? "latent classifier" : "10 nearest pictures"), ", fainter where less ", term("confidence", "sure")] : null,
  ];
}
