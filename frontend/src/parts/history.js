/** @import {Context} from "../base/context" */
/** @import {Line} from "./chart.js" */
import { classColours } from "../base/colours.js";
import { fill, h } from "../base/dom.js";
import { term } from "../base/tips.js";
import { section } from "../views/numbers.js";
import { lineChart, lineKey } from "./chart.js";

const BESIDE = new Set(["step", "seconds", "split", "lr", "epoch"]);

/** How the training went. @param {Context} context */
export async function history(context) {
  const { run, state } = context;
  const stored = run.run.history;
  if (!stored) return null;
  const data = await run.blocks.floats(stored.data);
  const { columns } = stored;
  const width = columns.length;
  const [step, split] = ["step", "split"].map((name) => columns.indexOf(name));
  const rows = Array.from({ length: data.length / width }, (_, i) => i * width);
  /** @param {string} name @param {number} part 0 training, 1 validation */
  const points = (name, part) =>
    rows
      .filter((row) => split < 0 || data[row + split] === part)
      .map((row) => /** @type {[number, number]} */ ([data[row + step], data[row + columns.indexOf(name)]]))
      .filter(([, y]) => Number.isFinite(y));
  const logged = columns.filter((name) => !BESIDE.has(name) && !/^kl\.z?\d/.test(name) && (points(name, 0).length > 1 || points(name, 1).length > 1));
  const groups = {
    "The parts of the loss": logged.filter((name) => !name.startsWith("weight.") && name !== "active_units"),
    Weights: logged.filter((name) => name.startsWith("weight.")),
  };
  const log = h("input", { type: "checkbox" });
  const body = h("div", { class: "cards wide" });
  const draw = () =>
    fill(
      body,
      Object.entries(groups).map(([title, names]) => {
        if (!names.length) return null;
        const shown = names.slice(0, 8);
        const colours = classColours(Math.max(shown.length, 2), state.values.dark);
        const lines = shown.flatMap((name, i) => {
          /** @type {Line[]} */
          const both = [
            { name: name.replace(/^weight\./, ""), points: points(name, 0), colour: colours[i] },
            { name: `${name}, validation`, points: points(name, 1), colour: colours[i], dashed: true },
          ];
          // A weight is the same for every picture.
          return (title === "Weights" ? both.slice(0, 1) : both).filter((line) => line.points.length > 1);
        });
        return h("figure", { class: "card" }, h("figcaption", null, title === "Weights" ? term("weight", "Weights") : title), lineChart(lines, `${title} over the steps of training`, log.checked && title !== "Weights"), lineKey(lines));
      }),
    );
  log.addEventListener("change", draw);
  draw();
  return section("How the training went", ["Losses in ", term("nats"), " per picture, over training steps. ", h("label", { class: "check" }, log, "logarithmic")], body);
}
