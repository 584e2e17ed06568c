import { dataText, freshId, h } from "../base/dom.js";

/** More values than this, or longer ones, make a list to open rather than buttons side by side. */
const MOST_SIDE_BY_SIDE = 12;
const LONGEST_SIDE_BY_SIDE = 120;

/**
 * One of some values. Choosing the value that is shown already sets it, too.
 * @param {object} options
 * @param {string} options.name
 * @param {string[]} options.values
 * @param {(index: number) => void} options.onInput
 */
export function choice(options) {
  const { values } = options;
  const long = values.length > MOST_SIDE_BY_SIDE || values.join("").length > LONGEST_SIDE_BY_SIDE;
  return long ? list(options) : segments(options);
}

/** @param {Parameters<typeof choice>[0]} options */
function segments({ name, values, onInput }) {
  const group = freshId("choice");
  // Unlike a change, a click also comes for the value that is chosen already, and from the keyboard.
  const inputs = values.map((_, i) =>
    h("input", { type: "radio", name: group, id: `${group}-${i}`, value: i, onclick: () => onInput(i) }),
  );
  return {
    element: h(
      "div",
      { class: "segments", role: "radiogroup", "aria-label": name },
      values.map((text, i) => h("div", { class: "segment" }, inputs[i], h("label", { for: `${group}-${i}` }, dataText(text)))),
    ),
    /** @param {number} value */
    show(value) {
      inputs.forEach((input, i) => (input.checked = i === value));
    },
  };
}

/** @param {Parameters<typeof choice>[0]} options */
function list({ name, values, onInput }) {
  // A browser says nothing when the option that is shown is chosen again, so what is shown is an option of its own,
  // hidden in the opened list, just before the one of the same name.
  const shown = h("option", { value: -1, hidden: true, dir: "auto" });
  const options = values.map((text, i) => h("option", { value: i, dir: "auto" }, text.slice(0, 200)));
  const select = h("select", { "aria-label": name, onchange: () => onInput(Number(select.value)) }, shown, options);
  return {
    element: select,
    /** @param {number} value */
    show(value) {
      shown.textContent = options[value]?.textContent ?? "";
      select.insertBefore(shown, options[value] ?? options[0]);
      select.value = "-1";
    },
  };
}
