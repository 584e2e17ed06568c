/** @import {Context, View} from "../base/context" */
/** @import {GridRow} from "../parts/grid.js" */
import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { term } from "../base/tips.js";
import { attributeRow, conditionRow, latentRow } from "../model/rows.js";
import { pictureGrid } from "../parts/grid.js";
import { encodeGif } from "../picture/gif.js";
import { saveBlob, savePng } from "../picture/save.js";
import { pixelsOf, sheet, thereAndBack } from "../picture/sheet.js";

const MOST = 10;
/** The grid waits this long for a slider to come to rest. */
const REST = 180;

/** What each attribute and each latent does to the current picture. @param {Context} context @returns {View} */
export function traversals(context) {
  const { run, state } = context;
  let own = false;
  let idle = false;
  let timer = 0;
  const grid = pictureGrid(context, (row, column) => {
    own = true;
    const told = row.told?.(column);
    context.show(row.codes[column], { row: state.values.row, ...(told ? { condition: told } : { mixed: state.values.mixed }) });
    own = false;
  });

  const rows = () => {
    const free = run.run.latents.filter((latent) => latent.attribute === null);
    const active = free.filter((latent) => latent.active).sort((a, b) => (b.kl ?? 0) - (a.kl ?? 0));
    let shown = idle || !active.length ? [...active, ...free.filter((latent) => !latent.active)] : active.slice(0, MOST);
    const asked = run.run.latents[state.values.latent];
    if (asked && !shown.includes(asked)) shown = [asked, ...shown];
    /** @type {GridRow[]} */
    const found = [
      ...run.attributeBlocks.map((block) => attributeRow(run, state.values, String(block.attribute))),
      ...run.run.condition.map((name) => conditionRow(run, state.values, name)),
      ...shown.map((latent) => latentRow(run, state.values, latent)),
    ];
    const key = asked ? (asked.attribute === null ? `z${asked.index}` : `a${asked.attribute}`) : "";
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
  state.on(["code", "condition", "mixed"], later);
  state.on(["latent"], () => element.isConnected && draw().then(point));
  const point = () => element.querySelector(".grid-row.marked")?.scrollIntoView({ block: "nearest" });

  const png = () => grid.rows.length && savePng(sheet(grid.rows), `${run.run.name}-traversals.png`);
  const gif = async () => {
    if (!grid.rows.length) return;
    const columns = Math.max(...grid.rows.map((row) => row.pictures.length));
    const frames = Array.from({ length: columns }, (_, column) => pixelsOf(sheet(grid.rows, column)));
    saveBlob(await encodeGif(thereAndBack(frames), 120), `${run.run.name}-traversals.gif`);
    context.announce("The animation is saved.");
  };
  const idleCount = run.run.latents.filter((latent) => latent.attribute === null && !latent.active).length;
  const showIdle = h("input", {
    type: "checkbox",
    onchange: () => {
      idle = showIdle.checked;
      draw();
    },
  });
  const words = {
    attributes: "Each row changes one thing about the current picture and keeps the rest. Click a picture to go on from it.",
    conditional: "The first row draws the same style as every class; the others move one latent. Click a picture to go on from it.",
    classes: "Each row moves one latent of the current picture from low to high. Click a picture to go on from it.",
    plain: "Each row moves one latent of the current picture from low to high. Click a picture to go on from it.",
  }[run.kind];
  const element = h(
    "div",
    { class: "traversals" },
    h(
      "div",
      { class: "view-head" },
      h("div", null, h("h2", null, "What each ", term(run.kind === "attributes" ? "attribute" : "latent"), " does"), h("p", { class: "note" }, words)),
      h(
        "div",
        { class: "buttons" },
        idleCount ? h("label", { class: "check" }, showIdle, h("span", null, term("idle"), ` (${idleCount})`)) : null,
        h("button", { type: "button", class: "button", onclick: png, "aria-label": "Save the grid as PNG" }, icon("save"), "PNG"),
        h("button", { type: "button", class: "button", onclick: gif, "aria-label": "Save the grid as GIF" }, icon("save"), "GIF"),
      ),
    ),
    grid.element,
  );
  return { element, enter: () => draw().then(point), leave: () => clearTimeout(timer) };
}
