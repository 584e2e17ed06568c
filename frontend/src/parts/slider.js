import { freshId, h, said, svg } from "../base/dom.js";
import { icon } from "../base/icons.js";

/**
 * A slider with its name, its value, how often pictures have each value, and a way back.
 * @param {object} options
 * @param {string} options.name
 * @param {Node} [options.label] what is written, if not the name
 * @param {number} options.low
 * @param {number} options.high
 * @param {number} options.home where a double click, Delete or the arrow back lead
 * @param {number} [options.step]
 * @param {number[]} [options.spread] bars from 0 to 1 behind the track
 * @param {(value: number) => string} options.say
 * @param {(value: number) => void} options.onInput
 */
export function slider({ name, label, low, high, home, step, spread, say, onInput }) {
  const id = freshId("slider");
  const input = h("input", {
    type: "range",
    id,
    min: low,
    max: high,
    // A hair less than a 200th, or rounding may leave the last step, and so the highest value, out of reach.
    step: step ?? (((high - low) / 200) * (1 - 1e-9) || 0.01),
    "aria-label": name,
  });
  const output = h("output", { for: id });
  const back = h(
    "button",
    { type: "button", class: "icon-button quiet back", "aria-label": `Reset ${name}`, onclick: () => choose(home) },
    icon("reset"),
  );
  const element = h(
    "div",
    { class: "slider" },
    h("div", { class: "slider-head" }, h("span", { class: "slider-name" }, label ?? said(name)), output, back),
    h("div", { class: "slider-track" }, spread && bars(spread), input),
  );
  let current = home;

  /** @param {number} value */
  const show = (value) => {
    current = value;
    // A code from outside may lie beyond the percentiles.
    input.min = String(Math.min(low, value));
    input.max = String(Math.max(high, value));
    input.value = String(value);
    const from = Number(input.min);
    input.style.setProperty("--share", String((value - from) / (Number(input.max) - from || 1)));
    output.textContent = say(value);
    input.setAttribute("aria-valuetext", say(value));
    back.toggleAttribute("disabled", Math.abs(value - home) < 1e-6);
  };
  /** @param {number} value */
  const choose = (value) => {
    show(value);
    onInput(value);
    if (back.contains(element.ownerDocument.activeElement)) input.focus();
  };
  input.addEventListener("input", () => choose(Number(input.value)));
  input.addEventListener("dblclick", () => choose(home));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Delete" || event.key === "Backspace") choose(home);
  });
  show(home);
  return { element, input, show, get value() { return current; } };
}

/** @param {number[]} spread */
function bars(spread) {
  const width = 100 / spread.length;
  const path = spread.map((each, i) => `M${i * width} 20v${-each * 19}h${width}v${each * 19}z`).join("");
  return svg(
    "svg",
    { class: "spread", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d: path }),
  );
}

/** How often values fall in each of some bins, the fullest being 1. @param {Float32Array} codes @param {number} width @param {number} column @param {number} low @param {number} high @param {number} count */
export function spreadOf(codes, width, column, low, high, count = 32) {
  const found = new Array(count).fill(0);
  for (let i = column; i < codes.length; i += width) {
    const bin = Math.floor(((codes[i] - low) / (high - low || 1)) * count);
    if (bin >= 0 && bin < count) found[bin]++;
  }
  const most = Math.max(...found, 1);
  return found.map((each) => each / most);
}
