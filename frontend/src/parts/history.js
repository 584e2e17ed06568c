/** @import {Context} from "../base/context" */
import { classColours } from "../base/colours.js";
import { fill, h, dataText } from "../base/dom.js";
import { term } from "../base/tips.js";
import { lineChart } from "./chart.js";
import { section } from "./section.js";

const BESIDE = new Set(["step", "seconds", "split", "lr", "epoch"]);
/** Charts that are shown without asking. */
const MOST = 12;

/** A small chart for each quantity of the training, since their sizes differ by orders of magnitude. @param {Context} context */
export async function history(context) {
  const { run, state } = context;
  const stored = run.run.history;
  if (!stored) return null;
  const data = await run.blocks.floats(stored.data);
  const { columns } = stored;
  const width = columns.length;
  const [step, split] = ["step", "split"].map((name) => columns.indexOf(name));
  const rows = Array.from({ length: data.length / width }, (_, i) => i * width);
  /** @param {string} name @param {number} part 0 training, 1 validation @returns {[number, number][]} */
  const points = (name, part) =>
    rows
      .filter((row) => split < 0 || data[row + split] === part)
      .map((row) => /** @type {[number, number]} */ ([data[row + step], data[row + columns.indexOf(name)]]))
      .filter(([, y]) => Number.isFinite(y));
  const weight = (/** @type {string} */ name) => name.startsWith("weight.");
  const logged = columns.filter((name) => !BESIDE.has(name) && (points(name, 0).length > 1 || points(name, 1).length > 1));
  // A weight that never changes stands in the recipe.
  const moving = logged.filter((name) => !weight(name) || new Set(points(name, 0).map(([, y]) => y)).size > 1);
  const latents = moving.filter((name) => /^kl\../.test(name));
  const names = [...moving.filter((name) => !latents.includes(name) && !weight(name)), ...moving.filter(weight), ...latents];
  if (!names.length) return null;
  const log = h("input", { type: "checkbox" });
  const body = h("div", { class: "cards" });
  const [training, validation] = classColours(2, state.values.dark);
  /** @param {string} name */
  const chart = (name) => {
    const lines = [
      { name: "training", points: points(name, 0), colour: training },
      // A weight is the same for every image.
      { name: "validation", points: weight(name) ? [] : points(name, 1), colour: validation, dashed: true },
    ].filter((line) => line.points.length > 1);
    const title = weight(name) ? [term("weight", "weight"), " of ", dataText(name.slice("weight.".length))] : dataText(name);
    return h("figure", { class: "card" }, h("figcaption", null, title), lineChart(lines, `${name} over the training steps`, log.checked && !weight(name)));
  };
  const draw = () => fill(body, names.slice(0, MOST).map(chart));
  log.addEventListener("change", draw);
  draw();
  const more = names.slice(MOST);
  const rest = h("details", { class: "fold" }, h("summary", null, `${more.length} more`));
  rest.addEventListener("toggle", () => rest.childElementCount === 1 && rest.append(h("div", { class: "cards" }, more.map(chart))));
  return section(
    "Training history",
    [
      "In ", term("nats"), " per image over training steps; ",
      h("span", { class: "swatch", style: { "--colour": training } }), " training, ",
      h("span", { class: "swatch dashed", style: { "--colour": validation } }), " validation. ",
      h("label", { class: "check" }, log, "logarithmic"),
    ],
    body,
    more.length ? rest : null,
  );
}
