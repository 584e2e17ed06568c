/** @import {Context, End} from "../base/context" */
import { colourOf, inkOn } from "../base/colours.js";
import { dataText, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { term } from "../base/tips.js";
import { classesAlong, pathAt } from "../model/interpolation.js";
import { endPicker } from "./endpicker.js";

const SECONDS = 5;
const STEPS = 60;

/**
 * The path between two ends: choose them, scrub, play. Below the slider stand the classes along the path.
 * @param {Context} context
 */
export function pathControl(context) {
  const { run, state, root } = context;
  const ribbon = h("div", { class: "ribbon", "aria-hidden": "true" });
  const classes = h("p", { class: "path-classes", "aria-live": "polite" });
  const scrub = h("input", { type: "range", min: 0, max: 1, step: 0.005, value: 0, class: "scrub", "aria-label": "Place on the path from A to B" });
  const play = h("button", { type: "button", class: "button primary play" });
  let playing = 0;
  let last = 0;

  /** @param {number} now */
  const step = (now) => {
    if (!element.isConnected) return stop();
    const t = Math.min(1, state.values.t + (now - last) / 1000 / SECONDS);
    last = now;
    goTo(context, t);
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
    goTo(context, Number(scrub.value));
  });
  const swap = () => state.set({ from: state.values.to, to: state.values.from, t: 0 });

  const follow = () => {
    scrub.value = String(state.values.t);
    scrub.style.setProperty("--share", String(state.values.t));
    scrub.setAttribute("aria-valuetext", `${Math.round(state.values.t * 100)} % of the path`);
  };
  const redraw = () => {
    const found = classesAlong(run, state.values, STEPS);
    const attribute = run.predictor.attribute ? run.attribute(run.predictor.attribute) : null;
    if (!found.length || !attribute) {
      fill(ribbon);
      const [a, b] = [state.values.from, state.values.to].map((end) => h("b", null, dataText(conditionOf(run, end))));
      fill(classes, run.run.condition.length ? ["From ", a, " to ", b, ": the ", term("condition"), " is interpolated, too."] : "");
      return;
    }
    const colour = colourOf(attribute, state.values.dark, [0, 1], run);
    fill(
      ribbon,
      found.map(({ value, share }) =>
        h("span", { style: { "--grow": share, "--colour": colour(value), "--on": inkOn(colour(value)) } }, share > 0.05 ? run.label(attribute.name, value).slice(0, 14) : ""),
      ),
    );
    fill(
      classes,
      found.length > 1 ? "Classes along the path: " : "One class along the path: ",
      found.map(({ value }, i) => [i ? " → " : "", h("b", null, dataText(run.label(attribute.name, value)))]),
      ", predicted by ",
      term(run.predictor.method, run.predictor.title),
    );
  };
  state.on(["from", "to", "path", "dark"], () => element.isConnected && redraw());
  state.on(["t"], follow);
  root.addEventListener("distaff:play", () => element.isConnected && !playing && start());
  const [a, b] = [endPicker(context, "from"), endPicker(context, "to")];
  const element = h(
    "section",
    { class: "path", "aria-label": "Path from one image to another" },
    a.element,
    h("div", { class: "path-middle" }, h("div", { class: "path-row" }, play, h("div", { class: "scrubber" }, scrub, ribbon), h("button", { type: "button", class: "icon-button", "aria-label": "Swap A and B", onclick: swap }, icon("swap"))), classes),
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

/** Show the code at a share of the path. @param {Context} context @param {number} t */
export function goTo({ run, state }, t) {
  const { code, blended } = pathAt(run, state.values, t);
  state.set({ t, code, blended, origin: "path", row: -1, edited: false, doubt: null });
}

/** The condition of an end in words. @param {Context["run"]} run @param {End} end */
const conditionOf = (run, end) => run.run.condition.map((name) => run.label(name, end.condition[name] ?? NaN)).join(", ");
