/** @import {Plane} from "./plane.js" */
import { colourOf } from "../base/colours.js";
import { clamp, number, ticks } from "../base/numbers.js";
import { interpolate } from "../model/interpolation.js";
import { labelPlaces, placeAside } from "./labels.js";

/** Points of a path, and where each takes a search among all codes. */
const [STEPS, FEW_STEPS] = [80, 16];

/** What lies above the points: axes, class names, the interpolation, and the marked place. @param {Plane} plane */
export function drawOverlay(plane) {
  const { over, viewport, ratio, source, context } = plane;
  const to = over.getContext("2d");
  if (!to || !source) return;
  const { dark } = context.state.values;
  const ink = dark ? "#f2f4f6" : "#1c1e21";
  const paper = dark ? "#14171b" : "#ffffff";
  to.setTransform(1, 0, 0, 1, 0, 0);
  to.clearRect(0, 0, over.width, over.height);
  to.lineJoin = "round";
  if (source.axes) scales(to, plane, dark ? "#c4cad1" : "#454b52", paper);
  if (plane.withPath) path(to, plane, ink, paper);
  names(to, plane, ink, paper);
  if (plane.hovered >= 0) {
    const [x, y] = viewport.toScreen(source.points[2 * plane.hovered], source.points[2 * plane.hovered + 1]);
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
  const { viewport, ratio, source } = plane;
  to.font = `${11 * ratio}px system-ui, sans-serif`;
  to.fillStyle = ink;
  to.strokeStyle = paper;
  to.lineWidth = 3 * ratio;
  const [left, top] = viewport.toMap(0, 0);
  const [right, bottom] = viewport.toMap(viewport.width, viewport.height);
  const wanted = Math.max(2, viewport.width / (130 * ratio));
  /** @param {string} text @param {number} x @param {number} y */
  const write = (text, x, y) => {
    to.strokeText(text, x, y);
    to.fillText(text, x, y);
  };
  to.textAlign = "center";
  to.textBaseline = "bottom";
  for (const tick of ticks(left, right, wanted)) {
    const [x] = viewport.toScreen(tick, 0);
    if (x > 40 * ratio && x < viewport.width - 24 * ratio) write(number(tick), x, viewport.height - 6 * ratio);
  }
  to.textAlign = "left";
  to.textBaseline = "middle";
  for (const tick of ticks(bottom, top, wanted * (viewport.height / viewport.width))) {
    const [, y] = viewport.toScreen(0, tick);
    if (y > 30 * ratio && y < viewport.height - 24 * ratio) write(number(tick), 8 * ratio, y);
  }
  to.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  to.textBaseline = "bottom";
  to.textAlign = "right";
  write(`${clip(source?.axes?.[0] ?? "")} →`, viewport.width - 8 * ratio, viewport.height - 22 * ratio);
  to.textAlign = "left";
  to.textBaseline = "top";
  write(`↑ ${clip(source?.axes?.[1] ?? "")}`, 8 * ratio, 8 * ratio);
}

/** @param {string} text */
const clip = (text) => (text.length > 44 ? `${text.slice(0, 43)}…` : text);

/** The name of each class, moved aside where it would cover another name or an end of the path. @param {CanvasRenderingContext2D} to @param {Plane} plane @param {string} ink @param {string} paper */
function names(to, plane, ink, paper) {
  const { classes, run, source, viewport, ratio, context } = plane;
  const labels = classes && run.labels.get(classes.name);
  if (!classes || !labels || !source) return;
  const size = classes.values?.length ?? 0;
  const key = `${source.key}|${classes.name}`;
  if (plane.labelled !== key) {
    plane.places = labelPlaces(source.points, labels, source.count, size);
    plane.labelled = key;
  }
  const colour = colourOf(classes, context.state.values.dark, [0, 1], run);
  to.font = `700 ${14 * ratio}px system-ui, sans-serif`;
  to.textAlign = "center";
  to.textBaseline = "middle";
  /** @type {import("./labels.js").Box[]} */
  const taken = plane.withPath ? plane.ends.map(([x, y]) => ({ x, y, halfWidth: 12 * ratio, halfHeight: 12 * ratio })) : [];
  plane.element.dataset.names = "";
  plane.places.forEach((place, k) => {
    if (context.state.values.hidden.has(k)) return;
    const text = clip(run.label(classes.name, k)).slice(0, 18);
    const halfWidth = to.measureText(text).width / 2 + 8 * ratio;
    const [left, top] = viewport.toScreen(...place);
    const inside = left > 0 && left < viewport.width;
    // At the margin of the map a name moves inwards; one that is out of sight stays there.
    const box = { x: inside ? clamp(left, halfWidth + 4 * ratio, viewport.width - halfWidth - 4 * ratio) : left, y: top, halfWidth, halfHeight: 11.5 * ratio };
    const { x, y, halfWidth: half } = placeAside(box, taken);
    taken.push({ ...box, x, y });
    plane.element.dataset.names += `${k} `;
    to.fillStyle = paper;
    to.globalAlpha = 0.9;
    to.beginPath();
    to.roundRect(x - half, y - 11 * ratio, 2 * half, 22 * ratio, 11 * ratio);
    to.fill();
    to.globalAlpha = 1;
    to.strokeStyle = colour(k);
    to.lineWidth = 2 * ratio;
    to.stroke();
    to.fillStyle = ink;
    to.fillText(text, x, y + ratio);
  });
}

/** The interpolation, with its ends. @param {CanvasRenderingContext2D} to @param {Plane} plane @param {string} ink @param {string} paper */
function path(to, plane, ink, paper) {
  const { context, run, source, viewport, ratio, ends } = plane;
  const { from, to: end, path: kind } = context.state.values;
  if (!source) return;
  const steps = source.exact ? STEPS : FEW_STEPS;
  const places = Array.from({ length: steps + 1 }, (_, i) => {
    if (i === 0 || i === steps) return ends[i ? 1 : 0];
    return viewport.toScreen(...source.fromCode(interpolate(kind, from.code, end.code, i / steps, run.gaussian), -1));
  });
  for (const [colour, width] of /** @type {[string, number][]} */ ([[paper, 6], [ink, 2.5]])) {
    to.strokeStyle = colour;
    to.lineWidth = width * ratio;
    to.setLineDash(source.exact ? [] : [6 * ratio, 5 * ratio]);
    to.beginPath();
    places.forEach(([x, y], i) => (i ? to.lineTo(x, y) : to.moveTo(x, y)));
    to.stroke();
  }
  to.setLineDash([]);
  ends.forEach(([x, y], i) => {
    to.fillStyle = ink;
    to.strokeStyle = paper;
    to.lineWidth = 3 * ratio;
    to.beginPath();
    to.arc(x, y, 10 * ratio, 0, 7);
    to.stroke();
    to.fill();
    to.fillStyle = paper;
    to.font = `700 ${11 * ratio}px system-ui, sans-serif`;
    to.textAlign = "center";
    to.textBaseline = "middle";
    to.fillText("AB"[i], x, y + ratio);
  });
  plane.element.dataset.path = places.map(([x, y]) => `${(x / ratio).toFixed(1)},${(y / ratio).toFixed(1)}`).join(" ");
}
