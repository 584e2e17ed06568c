import { h, svg } from "../base/dom.js";

/**
 * A dial for circular values: drag it, or use the arrow keys.
 * @param {object} options
 * @param {string} options.name
 * @param {number} options.size how many values there are
 * @param {number} options.period how many make a full turn
 * @param {(value: number) => string} options.format
 * @param {(value: number) => void} options.onInput
 */
export function dial({ name, size, period, format, onInput }) {
  const hand = svg("line", { x1: 32, y1: 32, x2: 32, y2: 9, class: "dial-hand" });
  const knob = svg("circle", { cx: 32, cy: 9, r: 5, class: "dial-knob" });
  const marks = Array.from({ length: Math.min(size, 40) }, (_, i) => {
    const angle = (i / Math.min(period, 40)) * 2 * Math.PI;
    const [x, y] = [Math.sin(angle), -Math.cos(angle)];
    return svg("line", { x1: 32 + 27 * x, y1: 32 + 27 * y, x2: 32 + 29.5 * x, y2: 32 + 29.5 * y, class: "dial-mark" });
  });
  const face = h(
    "div",
    {
      class: "dial",
      role: "slider",
      tabindex: 0,
      "aria-label": name,
      "aria-valuemin": 0,
      "aria-valuemax": size - 1,
    },
    svg("svg", { viewBox: "0 0 64 64", "aria-hidden": "true" }, svg("circle", { cx: 32, cy: 32, r: 23, class: "dial-ring" }), ...marks, hand, knob),
  );
  const output = h("output", null);
  let current = 0;

  /** @param {number} value */
  const show = (value) => {
    current = value;
    const angle = (value / period) * 360;
    for (const part of [hand, knob]) part.setAttribute("transform", `rotate(${angle} 32 32)`);
    face.setAttribute("aria-valuenow", String(value));
    face.setAttribute("aria-valuetext", format(value));
    output.textContent = format(value);
  };
  /** @param {number} value */
  const choose = (value) => {
    const whole = ((Math.round(value) % period) + period) % period;
    show(Math.min(whole, size - 1));
    onInput(current);
  };
  face.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (steps) choose(current + steps);
    else if (event.key === "Home") choose(0);
    else if (event.key === "End") choose(size - 1);
    else return;
    event.preventDefault();
  });
  /** @param {PointerEvent} event */
  const turn = (event) => {
    const box = face.getBoundingClientRect();
    const angle = Math.atan2(event.clientX - box.left - box.width / 2, -(event.clientY - box.top - box.height / 2));
    choose((angle / (2 * Math.PI)) * period);
  };
  face.addEventListener("pointerdown", (event) => {
    face.setPointerCapture(event.pointerId);
    face.focus();
    turn(event);
    event.preventDefault();
  });
  face.addEventListener("pointermove", (event) => {
    if (face.hasPointerCapture(event.pointerId)) turn(event);
  });
  show(0);
  return { element: h("div", { class: "dial-row" }, face, output), show };
}
