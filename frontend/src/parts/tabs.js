/** @import {Context, View} from "../base/context" */
import { h } from "../base/dom.js";
import { compare } from "../views/compare.js";
import { mapView } from "../views/map.js";
import { interpolation } from "../views/interpolation.js";
import { metrics } from "../views/metrics.js";
import { own } from "../views/own.js";
import { traversals } from "../views/traversals.js";

/** @type {{name: string, title: string, make: (context: Context) => View, fits: (context: Context) => boolean}[]} */
const VIEWS = [
  { name: "map", title: "Map", make: mapView, fits: ({ run }) => run.run.maps.length > 0 || run.free.length > 1 },
  { name: "traversals", title: "Traversals", make: traversals, fits: () => true },
  { name: "own", title: "Your image", make: own, fits: ({ run }) => run.pixels.channels === 1 || run.pixels.channels === 3 },
  { name: "interpolation", title: "Interpolation", make: interpolation, fits: () => true },
  { name: "compare", title: "Compare", make: compare, fits: ({ runs }) => runs.length > 1 },
  { name: "metrics", title: "Metrics", make: metrics, fits: () => true },
];

/**
 * The views as tabs; each is made when it is first opened.
 * @param {Context} context
 * @param {HTMLElement} small the decoded image, for when the large one is out of sight
 */
export function tabs(context, small) {
  const { state } = context;
  const fitting = VIEWS.filter((view) => view.fits(context));
  /** @type {Map<string, View>} */
  const made = new Map();
  const buttons = fitting.map(({ name, title }) =>
    h("button", { type: "button", role: "tab", id: `distaff-tab-${name}`, "aria-controls": "distaff-view", onclick: () => state.set({ view: name }) }, title),
  );
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Views" }, buttons);
  const panel = h("div", { class: "view", role: "tabpanel", id: "distaff-view", tabindex: -1 });
  let current = "";

  const open = () => {
    const wanted = fitting.find((view) => view.name === state.values.view) ?? fitting[0];
    if (wanted.name === current) return;
    made.get(current)?.leave?.();
    current = wanted.name;
    let view = made.get(current);
    if (!view) {
      view = wanted.make(context);
      made.set(current, view);
    }
    buttons.forEach((button, i) => {
      const mine = fitting[i] === wanted;
      button.setAttribute("aria-selected", String(mine));
      button.tabIndex = mine ? 0 : -1;
    });
    panel.replaceChildren(view.element);
    panel.setAttribute("aria-labelledby", `distaff-tab-${current}`);
    reveal(list, buttons[fitting.indexOf(wanted)]);
    view.enter?.();
  };
  list.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((button) => button.getAttribute("aria-selected") === "true");
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + buttons.length) % buttons.length;
    state.set({ view: fitting[next].name });
    buttons[next].focus();
  });
  const stop = state.on(["view"], open);
  return {
    element: h("main", { class: "main" }, h("div", { class: "tab-bar" }, list, small), panel),
    start: open,
    stop() {
      stop();
      made.get(current)?.leave?.();
    },
  };
}

/** Scroll the tabs, and not the page, until one of them is in sight. @param {HTMLElement} list @param {HTMLElement} tab */
function reveal(list, tab) {
  const [outer, inner] = [list.getBoundingClientRect(), tab.getBoundingClientRect()];
  if (inner.left < outer.left) list.scrollLeft -= outer.left - inner.left;
  else if (inner.right > outer.right) list.scrollLeft += inner.right - outer.right;
}
