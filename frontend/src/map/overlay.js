/** @import {Plane} from "./plane.js" */
import { classColours } from "../base/colours.js";
import { number, ticks } from "../base/numbers.js";
import { between } from "../model/paths.js";

const STEPS = 80;

/** What lies above the dots: class names, the way of a mix, the marked place, the scales. @param {Plane} plane */
export function drawOverlay(plane) {
  const { over, lens, ratio, source, context } = plane;
  const to = over.getContext("2d");
  if (!to || !source) return;
  const { dark } = context.state.values;
  const ink = dark ? "#f2f4f6" : "#1c1e21";
  const paper = dark ? "#14171b" : "#ffffff";
  to.setTransform(1, 0, 0, 1, 0, 0);
  to.clearRect(0, 0, over.width, over.height);
  to.lineJoin = "round";
  if (source.axes) scales(to, plane, dark ? "#c4cad1" : "#454b52", paper);
  if (!context.state.values.thumbnails) names(to, plane, ink, paper);
  if (plane.withPath) way(to, plane, ink, paper);
  if (plane.hovered >= 0) {
    const [x, y] = lens.toScreen(source.points[2 * plane.hovered], source.points[2 * plane.hovered + 1]);
    ring(to, x, y, 6 * ratio, ink, paper, ratio);
  }
  const [x, y] = plane.marker;
  ring(to, x, y, 9 * ratio, ink, paper, ratio);
  to.fillStyle = ink;
  to.beginPath();
  to.arc(x, y, 2.5 * ratio, 0, 7);
  to.fill();
  plane.element.dataset.marker = `${(x / ratio).toFixed(1)},${(y / ratio).toFixed(1)}`;
}

/** @param {CanvasRenderingContext2D} to @param {number} x @param {number} y @param {number} radius @param {string} ink @param {string} paper @param {number} ratio */
function ring(to, x, y, radius, ink, paper, ratio) {
  for (const [colour, width] of /** @type {[string, number][]} */ ([[paper, 5], [ink, 2]])) {
    to.strokeStyle = colour;
    to.lineWidth = width * ratio;
    to.beginPath();
    to.arc(x, y, radius, 0, 7);
    to.stroke();
  }
}

/** @param {CanvasRenderingContext2D} to @param {Plane} plane @param {string} ink @param {string} paper */
function scales(to, plane, ink, paper) {
  const { lens, ratio, source } = plane;
  to.font = `${11 * ratio}px system-ui, sans-serif`;
  to.fillStyle = ink;
  to.strokeStyle = paper;
  to.lineWidth = 3 * ratio;
  const [left, top] = lens.toMap(0, 0);
  const [right, bottom] = lens.toMap(lens.width, lens.height);
  const wanted = Math.max(2, lens.width / (130 * ratio));
  /** @param {string} text @param {number} x @param {number} y */
  const write = (text, x, y) => {
    to.strokeText(text, x, y);
    to.fillText(text, x, y);
  };
  to.textAlign = "center";
  to.textBaseline = "bottom";
  for (const tick of ticks(left, right, wanted)) {
    const [x] = lens.toScreen(tick, 0);
    if (x > 40 * ratio && x < lens.width - 24 * ratio) write(number(tick), x, lens.height - 6 * ratio);
  }
  to.textAlign = "left";
  to.textBaseline = "middle";
  for (const tick of ticks(bottom, top, wanted * (lens.height / lens.width))) {
    const [, y] = lens.toScreen(0, tick);
    if (y > 30 * ratio && y < lens.height - 24 * ratio) write(number(tick), 8 * ratio, y);
  }
  to.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  to.textBaseline = "bottom";
  to.textAlign = "right";
  write(`${clip(source?.axes?.[0] ?? "")} →`, lens.width - 8 * ratio, lens.height - 22 * ratio);
  to.textAlign = "left";
  to.textBaseline = "top";
  write(`↑ ${clip(source?.axes?.[1] ?? "")}`, 8 * ratio, 8 * ratio);
}

/** @param {string} text */
const clip = (text) => (text.length > 44 ? `${text.slice(0, 43)}…` : text);

/** Each class's name in its middle. @param {CanvasRenderingContext2D} to @param {Plane} plane @param {string} ink @param {string} paper */
function names(to, plane, ink, paper) {
  const { classes, run, source, lens, ratio, context } = plane;
  const labels = classes && run.labels.get(classes.name);
  if (!classes || !labels || !source) return;
  const size = classes.values?.length ?? 0;
  const key = `${source.key}|${classes.name}`;
  if (plane.middlesOf !== key) {
    plane.middles = middles(source.points, labels, source.count, size);
    plane.middlesOf = key;
  }
  const colours = classColours(size, context.state.values.dark);
  const ends = [context.state.values.from, context.state.values.to].map((end) => lens.toScreen(...source.fromCode(end.code, -1)));
  to.font = `700 ${14 * ratio}px system-ui, sans-serif`;
  to.textAlign = "center";
  to.textBaseline = "middle";
  /** @type {{x: number, y: number, half: number, text: string, colour: string}[]} */
  const placed = [];
  let wanted = 0;
  plane.middles.forEach((middle, k) => {
    if (!middle || context.state.values.hidden.has(k)) return;
    const [x, y] = lens.toScreen(...middle);
    // The ends of a way stand in the middle of classes, too.
    if (plane.withPath && ends.some(([endX, endY]) => Math.hypot(endX - x, endY - y) < 22 * ratio)) return;
    wanted++;
    const text = clip(run.label(classes.name, k)).slice(0, 18);
    const half = to.measureText(text).width / 2 + 8 * ratio;
    const free = placed.every((other) => Math.abs(other.x - x) > other.half + half || Math.abs(other.y - y) > 23 * ratio);
    if (free) placed.push({ x, y, half, text, colour: colours[k] });
  });
  // Names in a heap would say that there are groups where there are none.
  if (placed.length < wanted * 0.6) return;
  for (const { x, y, half, text, colour } of placed) {
    to.fillStyle = paper;
    to.globalAlpha = 0.9;
    to.beginPath();
    to.roundRect(x - half, y - 11 * ratio, 2 * half, 22 * ratio, 11 * ratio);
    to.fill();
    to.globalAlpha = 1;
    to.strokeStyle = colour;
    to.lineWidth = 2 * ratio;
    to.stroke();
    to.fillStyle = ink;
    to.fillText(text, x, y + ratio);
  }
}

/** @param {Float32Array} points @param {Float32Array} labels @param {number} count @param {number} size */
function middles(points, labels, count, size) {
  return Array.from({ length: size }, (_, k) => {
    const [xs, ys] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
    for (let i = 0; i < count && xs.length < 2000; i++) {
      if (labels[i] !== k) continue;
      xs.push(points[2 * i]);
      ys.push(points[2 * i + 1]);
    }
    if (!xs.length) return null;
    const [x, y] = [xs, ys].map((each) => each.sort((a, b) => a - b)[each.length >> 1]);
    return /** @type {[number, number]} */ ([x, y]);
  });
}

/** The way of a mix, with its ends. @param {CanvasRenderingContext2D} to @param {Plane} plane @param {string} ink @param {string} paper */
function way(to, plane, ink, paper) {
  const { context, run, source, lens, ratio } = plane;
  const { from, to: end, path } = context.state.values;
  if (!source) return;
  const exact = source.exact;
  const codes = Array.from({ length: exact ? STEPS + 1 : 17 }, (_, i, count = exact ? STEPS : 16) =>
    between(path, from.code, end.code, i / count, run.gaussian),
  );
  const places = codes.map((code) => lens.toScreen(...source.fromCode(code, -1)));
  for (const [colour, width] of /** @type {[string, number][]} */ ([[paper, 6], [ink, 2.5]])) {
    to.strokeStyle = colour;
    to.lineWidth = width * ratio;
    to.setLineDash(exact ? [] : [6 * ratio, 5 * ratio]);
    to.beginPath();
    places.forEach(([x, y], i) => (i ? to.lineTo(x, y) : to.moveTo(x, y)));
    to.stroke();
  }
  to.setLineDash([]);
  for (const [place, letter] of /** @type {[[number, number], string][]} */ ([[places[0], "A"], [places[places.length - 1], "B"]])) {
    to.fillStyle = ink;
    to.strokeStyle = paper;
    to.lineWidth = 3 * ratio;
    to.beginPath();
    to.arc(place[0], place[1], 10 * ratio, 0, 7);
    to.stroke();
    to.fill();
    to.fillStyle = paper;
    to.font = `700 ${11 * ratio}px system-ui, sans-serif`;
    to.textAlign = "center";
    to.textBaseline = "middle";
    to.fillText(letter, place[0], place[1] + ratio);
  }
  plane.element.dataset.path = places.map(([x, y]) => `${(x / ratio).toFixed(0)},${(y / ratio).toFixed(0)}`).join(" ");
}
