/** @import {Context} from "../base/context" */
import { colourOf, inkOn } from "../base/colours.js";
import { fill, h, said } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { term } from "../base/tips.js";
import { crossed, wayAt } from "../model/way.js";
import { endPicker } from "./endpicker.js";

const SECONDS = 5;
const STEPS = 60;

/** What an end is told. @param {import("../model/run.js").RunModel} run @param {import("../base/context").End} end */
const toldOf = (run, end) => run.run.condition.map((name) => run.label(name, end.condition[name] ?? NaN)).join(", ");

/**
 * The way between two ends: choose them, scrub, play; below the slider the classes that it crosses.
 * @param {Context} context
 */
export function walk(context) {
  const { run, state, root } = context;
  const ribbon = h("div", { class: "ribbon", "aria-hidden": "true" });
  const crossing = h("p", { class: "crossing", "aria-live": "polite" });
  const scrub = h("input", { type: "range", min: 0, max: 1, step: 0.005, value: 0, class: "scrub", "aria-label": "Place on the way from A to B" });
  const play = h("button", { type: "button", class: "button primary play" });
  let playing = 0;
  let last = 0;

  /** @param {number} t */
  const go = (t) => {
    const { code, mixed } = wayAt(run, state.values, t);
    state.set({ t, code, mixed, row: -1 });
  };
  /** @param {number} now */
  const step = (now) => {
    if (!element.isConnected) return stop();
    const t = Math.min(1, state.values.t + (now - last) / 1000 / SECONDS);
    last = now;
    go(t);
    if (t < 1) playing = requestAnimationFrame(step);
    else stop();
  };
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    dress();
  };
  const start = () => {
    if (state.values.t >= 1) state.set({ t: 0 });
    last = performance.now();
    playing = requestAnimationFrame(step);
    dress();
  };
  const dress = () => fill(play, icon(playing ? "pause" : "play"), playing ? "Pause" : "Play");
  play.addEventListener("click", () => (playing ? stop() : start()));
  scrub.addEventListener("input", () => {
    if (playing) stop();
    go(Number(scrub.value));
  });
  const swap = () => state.set({ from: state.values.to, to: state.values.from, t: 0 });

  const follow = () => {
    scrub.value = String(state.values.t);
    scrub.style.setProperty("--share", String(state.values.t));
    scrub.setAttribute("aria-valuetext", `${Math.round(state.values.t * 100)} % of the way`);
  };
  const redraw = () => {
    const parts = crossed(run, state.values, STEPS);
    const attribute = run.reader.attribute ? run.attribute(run.reader.attribute) : null;
    if (!parts.length || !attribute) {
      fill(ribbon);
      fill(crossing, run.run.condition.length ? ["Goes from ", h("b", null, said(toldOf(run, state.values.from))), " to ", h("b", null, said(toldOf(run, state.values.to))), ": the ", term("condition"), " is mixed along with the code."] : "");
      return;
    }
    const colour = colourOf(attribute, state.values.dark, [0, 1]);
    fill(
      ribbon,
      parts.map(({ value, share }) =>
        h("span", { style: { "--grow": share, "--colour": colour(value), "--on": inkOn(colour(value)) } }, share > 0.05 ? run.label(attribute.name, value).slice(0, 14) : ""),
      ),
    );
    fill(
      crossing,
      parts.length > 1 ? "Crosses " : "Stays in ",
      parts.map(({ value }, i) => [i ? " → " : "", h("b", null, said(run.label(attribute.name, value)))]),
      " by the ",
      term(run.reader.how, run.reader.by),
    );
  };
  state.on(["from", "to", "path", "dark"], () => element.isConnected && redraw());
  state.on(["t"], follow);
  root.addEventListener("distaff:play", () => element.isConnected && !playing && start());
  const [a, b] = [endPicker(context, "from"), endPicker(context, "to")];
  const element = h(
    "section",
    { class: "walk", "aria-label": "Way from one picture to another" },
    a.element,
    h("div", { class: "walk-middle" }, h("div", { class: "walk-row" }, play, h("div", { class: "scrubber" }, scrub, ribbon), h("button", { type: "button", class: "icon-button", "aria-label": "Swap A and B", onclick: swap }, icon("swap"))), crossing),
    b.element,
  );
  return {
    element,
    enter() {
      follow();
      dress();
      redraw();
      a.enter();
      b.enter();
    },
    leave: stop,
  };
}
