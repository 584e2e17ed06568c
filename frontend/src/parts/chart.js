import { fill, h, dataText, svg } from "../base/dom.js";
import { number, ticks } from "../base/numbers.js";

/** @typedef {{name: string, points: [number, number][], colour: string, dashed?: boolean}} Line */

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [340, 180, 48, 24];

/**
 * Lines over the steps of training.
 * @param {Line[]} lines
 * @param {string} title
 * @param {boolean} log
 */
export function lineChart(lines, title, log) {
  const all = lines.flatMap((line) => line.points).filter(([, y]) => Number.isFinite(y) && (!log || y > 0));
  if (!all.length) return h("p", { class: "note" }, "No numbers were logged for this.");
  const scale = log ? Math.log10 : (/** @type {number} */ y) => y;
  const [x0, x1] = extent(all.map(([x]) => x));
  let [y0, y1] = extent(all.map(([, y]) => scale(y)));
  if (!log && y0 > 0 && y0 < y1 * 0.4) y0 = 0;
  if (y0 === y1) [y0, y1] = [y0 - 1, y1 + 1];
  const px = (/** @type {number} */ x) => LEFT + ((x - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - 12);
  const py = (/** @type {number} */ y) => HEIGHT - BOTTOM - ((scale(y) - y0) / (y1 - y0)) * (HEIGHT - BOTTOM - 12);
  const levels = log ? decades(y0, y1) : ticks(y0, y1, 4);
  const steps = ticks(x0, x1, 3);
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title },
    levels.map((level) => [
      svg("line", { x1: LEFT, x2: WIDTH - 12, y1: py(level), y2: py(level), class: "chart-grid" }),
      svg("text", { x: LEFT - 8, y: py(level) + 4, class: "chart-text end" }, number(level)),
    ]),
    steps.map((step) => svg("text", { x: px(step), y: HEIGHT - 8, class: `chart-text ${px(step) > WIDTH - 40 ? "end" : "middle"}` }, number(step))),
    lines.map((line) =>
      svg("path", {
        d: line.points
          .filter(([, y]) => Number.isFinite(y) && (!log || y > 0))
          .map(([x, y], i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`)
          .join(""),
        stroke: line.colour,
        "stroke-dasharray": line.dashed ? "5 4" : null,
        class: "chart-line",
      }),
    ),
  );
}

/** @param {number} low @param {number} high exponents */
function decades(low, high) {
  const found = [];
  for (let power = Math.ceil(low); power <= high; power++) found.push(10 ** power);
  return found.length > 1 ? found : ticks(10 ** low, 10 ** high, 4).filter((each) => each > 0);
}

/** @param {number[]} values @returns {[number, number]} */
const extent = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];

/**
 * Bars from 0, named at the left, their numbers at the right.
 * @param {{name: string, value: number, text: string, faint?: boolean}[]} bars
 * @param {number} full the value of a full bar
 */
export function barList(bars, full) {
  const list = h("ul", { class: "bars" });
  fill(
    list,
    bars.map(({ name, value, text, faint }) =>
      h(
        "li",
        null,
        h("span", { class: "bar-name" }, dataText(name)),
        h("span", { class: "bar" }, h("span", { class: faint ? "faint" : null, style: { "--share": Math.max(0, Math.min(1, value / (full || 1))) } })),
        h("span", { class: "bar-value" }, text),
      ),
    ),
  );
  return list;
}
