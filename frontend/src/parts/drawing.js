/** @import {Pixels} from "../image/open.js" */
/** @import {RunModel} from "../model/run.js" */
import { h } from "../base/dom.js";
import { atlasOf } from "./atlas.js";

/** Pixels along the longer side. */
const SIDE = 280;
/** Test images whose edges are looked at. */
const SAMPLE = 50;
const DARK = 64;
const WIDTHS = /** @type {[string, number][]} */ ([["thin", 0.04], ["medium", 0.08], ["thick", 0.14]]);

/**
 * A canvas to draw on, with the background that the model's images have.
 * @param {RunModel} run
 * @param {(pixels: Pixels) => void} onStroke called while a stroke is drawn
 */
export function drawing(run, onStroke) {
  const { channels } = run.pixels;
  const scale = SIDE / Math.max(run.pixels.width, run.pixels.height);
  const [width, height] = [Math.round(run.pixels.width * scale), Math.round(run.pixels.height * scale)];
  const canvas = h("canvas", { class: "drawing-canvas", width, height, role: "img", "aria-label": "Canvas to draw on with the pointer" });
  const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const thickness = h("select", { "aria-label": "Width of the pen" }, WIDTHS.map(([name, share]) => h("option", { value: share }, name)));
  thickness.selectedIndex = 1;
  const colour = h("input", { type: "color", "aria-label": "Colour of the pen", value: "#ffffff" });
  let background = "#000000";
  let empty = true;
  /** @type {[number, number] | null} */
  let last = null;

  const clear = () => {
    empty = true;
    to.fillStyle = background;
    to.fillRect(0, 0, width, height);
  };
  /** @param {PointerEvent} event */
  const stroke = (event) => {
    const box = canvas.getBoundingClientRect();
    const place = /** @type {[number, number]} */ ([((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height]);
    to.strokeStyle = colour.value;
    to.lineWidth = Number(thickness.value) * SIDE;
    to.lineCap = to.lineJoin = "round";
    to.beginPath();
    to.moveTo(...(last ?? place));
    to.lineTo(...place);
    to.stroke();
    last = place;
    empty = false;
    const { data } = to.getImageData(0, 0, width, height);
    onStroke({ data: new Uint8Array(data.buffer), width, height });
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) stroke(event);
  });
  clear();

  return {
    element: h(
      "div",
      { class: "drawing" },
      canvas,
      h("div", { class: "buttons" }, thickness, channels > 1 ? colour : null, h("button", { type: "button", class: "button", onclick: clear }, "Clear")),
    ),
    /** Take the background from the test images, once their thumbnails are there. */
    prepare() {
      if (!empty) return;
      const edge = edgeColour(run);
      const bright = (edge[0] + edge[1] + edge[2]) / 3;
      // What is nearly black or white is so but for what reaches the edge.
      background = bright < DARK ? "#000000" : bright > 255 - DARK ? "#ffffff" : `rgb(${edge.join(" ")})`;
      colour.value = bright > 127 ? "#000000" : "#ffffff";
      clear();
    },
  };
}

/** The mean colour of the test images along their edges. @param {RunModel} run */
function edgeColour(run) {
  const atlas = atlasOf(run);
  const sums = [0, 0, 0];
  let count = 0;
  for (let row = 0; row < SAMPLE; row++) {
    const planes = atlas.planes(row);
    if (!planes) break;
    const { channels, data, width, height } = planes;
    for (let i = 0; i < width * height; i++) {
      const [x, y] = [i % width, Math.floor(i / width)];
      if (x && y && x < width - 1 && y < height - 1) continue;
      for (let c = 0; c < 3; c++) sums[c] += data[(channels > 2 ? c : 0) * width * height + i];
      count++;
    }
  }
  return sums.map((sum) => Math.round(sum / (count || 1)));
}
