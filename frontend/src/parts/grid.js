/** @import {Context} from "../base/context" */
import { h, dataText } from "../base/dom.js";
import { imageData, paint, imageCanvas } from "./canvas.js";

/**
 * A row of a grid: its name, and the code and condition of each of its images.
 * @typedef {object} GridRow
 * @property {string} key
 * @property {string} name
 * @property {string} detail
 * @property {Float32Array[]} codes
 * @property {(Float32Array | null)[]} conditions
 * @property {(column: number) => import("../model/run.js").Values | undefined} [conditionOf] the condition's values by column, where the row changes them
 * @property {string[]} heads the value of each column
 * @property {number} centre the column of the image the row began with, -1 if none
 * @property {boolean} [marked]
 */

/**
 * Rows of images. The arrow keys move between them and Enter chooses one.
 * @param {Context} context
 * @param {(row: GridRow, column: number) => void} choose
 */
export function imageGrid(context, choose) {
  const { run } = context;
  const element = h("div", { class: "grid", role: "grid", "aria-label": "Images" });
  /** @type {{row: GridRow, cells: HTMLButtonElement[], canvases: HTMLCanvasElement[], images: ImageData[]}[]} */
  let lines = [];
  let turn = 0;

  /** @param {GridRow[]} rows */
  const show = async (rows) => {
    const mine = ++turn;
    if (!same(rows)) build(rows);
    lines.forEach((line, i) => (line.row = rows[i]));
    for (const line of lines) {
      const images = await run.decode(line.row.codes, line.row.conditions);
      if (mine !== turn) return;
      line.images = line.canvases.map((canvas, n) => {
        const image = imageData(images, n);
        paint(canvas, image);
        return image;
      });
    }
    element.dataset.done = String(mine);
  };

  /** @param {GridRow[]} rows */
  const same = (rows) =>
    rows.length === lines.length && rows.every((row, i) => row.key === lines[i].row.key && row.codes.length === lines[i].cells.length && row.marked === lines[i].row.marked);

  /** @param {GridRow[]} rows */
  const build = (rows) => {
    lines = rows.map((row) => {
      const canvases = row.codes.map(() => imageCanvas(run.pixels, ""));
      canvases.forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
      const cells = canvases.map((canvas, column) =>
        h("button", { type: "button", class: `cell${column === row.centre ? " own" : ""}`, tabindex: -1, "aria-label": `${row.name}: ${row.heads[column]}` }, canvas),
      );
      return { row, cells, canvases, images: [] };
    });
    element.replaceChildren(
      ...lines.map((line) =>
        h(
          "div",
          { class: `grid-row${line.row.marked ? " marked" : ""}`, role: "row" },
          h("div", { class: "grid-name", role: "rowheader" }, h("b", null, dataText(line.row.name)), h("span", null, dataText(line.row.detail))),
          h("div", { class: "grid-cells", role: "presentation", style: { "--columns": line.cells.length } }, line.cells.map((cell) => h("div", { role: "gridcell" }, cell))),
        ),
      ),
    );
    lines[0]?.cells[Math.max(lines[0].row.centre, 0)]?.setAttribute("tabindex", "0");
    lines.forEach((line) =>
      line.cells.forEach((cell, column) => {
        cell.addEventListener("click", () => {
          element.querySelectorAll(".chosen").forEach((each) => each.classList.remove("chosen"));
          cell.classList.add("chosen");
          choose(line.row, column);
        });
      }),
    );
  };

  element.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -99], End: [0, 99] }[event.key];
    if (!step) return;
    const row = lines.findIndex((line) => line.cells.some((cell) => cell === event.target));
    if (row < 0) return;
    event.preventDefault();
    const column = lines[row].cells.findIndex((cell) => cell === event.target);
    const nextRow = lines[Math.min(Math.max(row + step[0], 0), lines.length - 1)];
    const next = nextRow.cells[Math.min(Math.max(column + step[1], 0), nextRow.cells.length - 1)];
    lines[row].cells[column].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return {
    element,
    show,
    /** The images, for a file. */
    get rows() {
      return lines.filter((line) => line.images.length).map((line) => ({ label: line.row.name, images: line.images }));
    },
  };
}
