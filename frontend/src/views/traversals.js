/** @import {Context, View} from "../base/context" */
/** @import {GridRow} from "../parts/grid.js" */
import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { term } from "../base/tips.js";
import { attributeRow, conditionRow, latentRow } from "../model/rows.js";
import { imageGrid } from "../parts/grid.js";
import { encodeGif } from "../image/gif.js";
import { saveBlob, savePng } from "../image/save.js";
import { pixelsOf, sheet, thereAndBack } from "../image/sheet.js";

const MOST = 10;
/** Milliseconds without a change after which the grid is decoded anew. */
const REST = 180;

/** What each attribute and each latent changes in the current image. @param {Context} context @returns {View} */
export function traversals(context) {
  const { run, state } = context;
  const free = run.free.map((index) => run.run.latents[index]);
  const active = free.filter((latent) => latent.active).sort((a, b) => (b.kl ?? 0) - (a.kl ?? 0));
  const unused = free.filter((latent) => !latent.active);
  /** Whether there are rows without the unused latents. */
  const otherRows = active.length + run.attributeBlocks.length + run.run.condition.length > 0;
  let own = false;
  let withUnused = false;
  let timer = 0;
  const grid = imageGrid(context, (row, column) => {
    own = true;
    context.edit({ code: row.codes[column], condition: row.conditionOf?.(column) });
    own = false;
  });

  const rows = () => {
    let shown = withUnused || !otherRows ? [...active, ...unused] : active.slice(0, MOST);
    const asked = run.run.latents[state.values.latent];
    if (asked && !shown.includes(asked)) shown = [asked, ...shown];
    /** @type {GridRow[]} */
    const found = [
      ...run.attributeBlocks.map((block) => attributeRow(run, state.values, String(block.attribute))),
      ...run.run.condition.map((name) => conditionRow(run, state.values, name)),
      ...shown.map((latent) => latentRow(run, state.values, latent)),
    ];
    const key = asked ? (run.free.includes(asked.index) ? `z${asked.index}` : `a${asked.attribute}`) : "";
    found.forEach((row) => (row.marked = row.key === key));
    return found;
  };
  const draw = async () => {
    try {
      await grid.show(rows());
    } catch (error) {
      context.fail(error);
    }
  };
  const later = () => {
    if (own || !element.isConnected) return;
    clearTimeout(timer);
    timer = window.setTimeout(draw, REST);
  };
  state.on(["code", "condition", "blended"], later);
  state.on(["latent"], () => element.isConnected && draw().then(point));
  // A page that is opened stays at its top.
  const point = () => context.root.dataset.ready && element.querySelector(".grid-row.marked")?.scrollIntoView({ block: "nearest" });

  const png = () => grid.rows.length && savePng(sheet(grid.rows), `${run.run.name}-traversals.png`);
  const gif = async () => {
    if (!grid.rows.length) return;
    const columns = Math.max(...grid.rows.map((row) => row.images.length));
    const frames = Array.from({ length: columns }, (_, column) => pixelsOf(sheet(grid.rows, column)));
    saveBlob(await encodeGif(thereAndBack(frames), 120), `${run.run.name}-traversals.gif`);
    context.announce("The animation is saved.");
  };
  const showUnused = h("input", {
    type: "checkbox",
    onchange: () => {
      withUnused = showUnused.checked;
      draw();
    },
  });
  const words = {
    attributes: "Each row sets one attribute of the current image, or moves one latent, and keeps the rest. Click an image to continue from it.",
    conditional: "The first row decodes the same code under every condition; the others move one latent. Click an image to continue from it.",
    classes: "Each row moves one latent of the current code from low to high. Click an image to continue from it.",
    plain: "Each row moves one latent of the current code from low to high. Click an image to continue from it.",
  }[run.kind];
  const element = h(
    "div",
    { class: "traversals" },
    h(
      "div",
      { class: "view-head" },
      h("div", null, h("h2", null, term("traversal", "Traversals"), " of ", term(run.kind === "attributes" ? "attribute" : "latents", run.kind === "attributes" ? "attributes and latents" : "latents")), h("p", { class: "note" }, words, otherRows ? null : [" All latents are ", term("unused"), ", so nothing changes."])),
      h(
        "div",
        { class: "buttons" },
        unused.length && otherRows ? h("label", { class: "check" }, showUnused, h("span", null, term("unused"), ` (${unused.length})`)) : null,
        h("button", { type: "button", class: "button", onclick: png, "aria-label": "Save the grid as PNG" }, icon("save"), "PNG"),
        h("button", { type: "button", class: "button", onclick: gif, "aria-label": "Save the grid as GIF" }, icon("save"), "GIF"),
      ),
    ),
    grid.element,
  );
  return { element, enter: () => draw().then(point), leave: () => clearTimeout(timer) };
}
