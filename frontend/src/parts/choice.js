import { freshId, h, said } from "../base/dom.js";

/** More than this many values make a list to open rather than buttons side by side. */
const MOST_SIDE_BY_SIDE = 12;

/**
 * One of some values.
 * @param {object} options
 * @param {string} options.name
 * @param {string[]} options.values
 * @param {(index: number) => void} options.onInput
 */
export function choice({ name, values, onInput }) {
  const long = values.length > MOST_SIDE_BY_SIDE || values.join("").length > 120;
  if (long) {
    const select = h(
      "select",
      { "aria-label": name, onchange: () => onInput(select.selectedIndex) },
      values.map((text) => h("option", { dir: "auto" }, text.slice(0, 200))),
    );
    return {
      element: select,
      /** @param {number} value */
      show(value) {
        select.selectedIndex = Number.isNaN(value) ? -1 : value;
      },
    };
  }
  const group = freshId("choice");
  const inputs = values.map((_, i) =>
    h("input", { type: "radio", name: group, id: `${group}-${i}`, value: i, onchange: () => onInput(i) }),
  );
  const element = h(
    "div",
    { class: "segments", role: "radiogroup", "aria-label": name },
    values.map((text, i) => h("div", { class: "segment" }, inputs[i], h("label", { for: `${group}-${i}` }, said(text)))),
  );
  return {
    element,
    /** @param {number} value */
    show(value) {
      inputs.forEach((input, i) => (input.checked = i === value));
    },
  };
}
