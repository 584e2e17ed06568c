import { dataText, freshId, h, svg } from "../base/dom.js";
import { icon } from "../base/icons.js";

/** Keys that set a value. */
const KEYS = new Set(["Home", "End", "PageUp", "PageDown", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);

/**
 * A slider with its name, its value, a histogram of the images' values, and a button that resets it.
 * @param {object} options
 * @param {string} options.name
 * @param {number} options.low
 * @param {number} options.high
 * @param {number} options.home the value after a reset: by the button, a double click or Delete
 * @param {number} [options.step]
 * @param {boolean} [options.again] whether choosing the value that is shown already sets it, too
 * @param {number[]} [options.spread] bars from 0 to 1 behind the track
 * @param {(value: number) => string} options.format
 * @param {(value: number) => void} options.onInput
 */
export function slider({ name, low, high, home, step, again, spread, format, onInput }) {
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
  const reset = h(
    "button",
    { type: "button", class: "icon-button quiet back", "aria-label": `Reset ${name}`, onclick: () => choose(home) },
    icon("reset"),
  );
  const element = h(
    "div",
    { class: "slider" },
    h("div", { class: "slider-head" }, h("span", { class: "slider-name" }, dataText(name)), output, reset),
    h("div", { class: "slider-track" }, spread && bars(spread), input),
  );
  let current = home;
  /** Whether the browser told of a change since the key or the pointer went down. */
  let heard = false;
  let pressed = "";

  /** @param {number} value */
  const show = (value) => {
    current = value;
    // A code from outside may lie beyond the percentiles.
    input.min = String(Math.min(low, value));
    input.max = String(Math.max(high, value));
    input.value = String(value);
    const from = Number(input.min);
    input.style.setProperty("--share", String((value - from) / (Number(input.max) - from || 1)));
    output.textContent = format(value);
    input.setAttribute("aria-valuetext", format(value));
    reset.toggleAttribute("disabled", Math.abs(value - home) < 1e-6);
  };
  /** @param {number} value */
  const choose = (value) => {
    show(value);
    onInput(value);
    if (reset.contains(element.ownerDocument.activeElement)) input.focus();
  };
  input.addEventListener("input", () => {
    heard = true;
    choose(Number(input.value));
  });
  input.addEventListener("dblclick", () => choose(home));
  input.addEventListener("keydown", (event) => {
    heard = false;
    pressed = event.key;
    if (event.key === "Delete" || event.key === "Backspace") choose(home);
  });
  if (again) {
    // The browser tells of changes only.
    input.addEventListener("pointerdown", () => (heard = false));
    input.addEventListener("click", () => heard || choose(current));
    input.addEventListener("keyup", ({ key }) => key === pressed && KEYS.has(key) && !heard && choose(current));
  }
  show(home);
  return { element, input, show };
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
