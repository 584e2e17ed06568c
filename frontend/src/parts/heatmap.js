/** @import {Context} from "../base/context" */
import { heat, inkOn } from "../base/colours.js";
import { h, dataText } from "../base/dom.js";
import { fixed } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { section } from "./section.js";

/** The strongest colour stands for at least so much, so that a table of zeros is pale. */
const LEAST = 0.05;

/** A row for each latent, and one for all that stand for the same attribute. @param {import("../model/run.js").RunModel} run */
function rowsOf(run) {
  /** @type {{label: string, indices: number[]}[]} */
  const rows = [];
  for (const { index, attribute, label } of run.run.latents) {
    const block = run.attributeBlocks.find((each) => index >= each.start && index < each.stop);
    if (!block) rows.push({ label, indices: [index] });
    else if (index === block.start) rows.push({ label: String(attribute), indices: Array.from({ length: block.stop - block.start }, (_, i) => index + i) });
  }
  return rows;
}

/** What each latent knows of each attribute. A cell opens the traversal of its latent. @param {Context} context */
export async function heatMap(context) {
  const { run, state } = context;
  const found = Object.values(run.run.importance ?? {})[0];
  if (!found?.attributes.length) return null;
  const values = await run.blocks.floats(found.values);
  const width = found.attributes.length;
  const rows = rowsOf(run);
  const most = values.reduce((top, each) => (each > top ? each : top), LEAST);
  /** @param {number} index */
  const open = (index) => {
    state.set({ latent: index });
    context.go("traversals");
  };
  const cells = rows.map(({ label, indices }) =>
    found.attributes.map((name, column) => {
      const value = Math.max(...indices.map((index) => values[index * width + column]));
      const colour = heat(Math.max(0, value) / most, state.values.dark);
      return h(
        "td",
        null,
        h(
          "button",
          {
            type: "button",
            class: "heat",
            tabindex: -1,
            style: { "--colour": colour, "--ink": inkOn(colour) },
            "aria-label": `${label} and ${name}: ${fixed(value, 2)}. Open its traversal`,
            onclick: () => open(indices[0]),
          },
          fixed(value, 2),
        ),
      );
    }),
  );
  const table = h(
    "table",
    { class: "heat-table" },
    h("thead", null, h("tr", null, h("td", null), found.attributes.map((name) => h("th", { scope: "col" }, h("span", { class: "clip" }, dataText(name)))))),
    h("tbody", null, rows.map(({ label, indices }, row) => h("tr", null, h("th", { scope: "row" }, h("span", { class: "clip" }, dataText(label)), indices.length > 1 ? h("small", null, ` ${indices.length} latents`) : null), cells[row]))),
  );
  const buttons = cells.map((row) => row.map((cell) => /** @type {HTMLButtonElement} */ (cell.firstChild)));
  if (buttons[0]?.[0]) buttons[0][0].tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const row = buttons.findIndex((each) => each.some((button) => button === event.target));
    if (!step || row < 0) return;
    event.preventDefault();
    const column = buttons[row].findIndex((button) => button === event.target);
    const next = buttons[row + step[0]]?.[column + step[1]];
    if (!next) return;
    buttons[row][column].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return section(
    "Latents by attributes",
    [term("mutual information", capital(found.what)), ": the stronger the colour, the more the latent tells about the attribute. A cell opens the traversal of its latent.", run.attributeBlocks.length ? " Of several latents of one attribute, the one that tells most counts." : ""],
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Latents by attributes" }, table),
  );
}

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
