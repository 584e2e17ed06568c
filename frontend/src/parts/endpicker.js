/** @import {Context, End} from "../base/context" */
import { h } from "../base/dom.js";
import { endAttribute, endOfClass, endOfRow } from "./ends.js";
import { Latest, imageData, paint, imageCanvas } from "./canvas.js";

/**
 * One end of an interpolation: its image, and a list of other ends.
 * @param {Context} context
 * @param {"from" | "to"} which
 */
export function endPicker(context, which) {
  const { run, state } = context;
  const letter = which === "from" ? "A" : "B";
  const canvas = imageCanvas(run.pixels, `Image ${letter}`);
  const attribute = endAttribute(run);
  const values = (attribute?.values ?? []).map(String);
  // The present end is an option of its own, which the closed list shows.
  const own = h("option", { value: "own", dir: "auto" });
  const select = h(
    "select",
    { "aria-label": `${letter}, where the path ${which === "from" ? "begins" : "ends"}` },
    own,
    values.length ? h("optgroup", { label: `centre of a ${attribute?.name}`.slice(0, 60) }, values.map((text, i) => h("option", { value: i, dir: "auto" }, text.slice(0, 80)))) : null,
    h("optgroup", { label: "or" }, h("option", { value: "current" }, "the current image"), h("option", { value: "random" }, `a random ${run.run.points.split} image`)),
  );
  /** @param {End} end */
  const set = (end) => state.set(which === "from" ? { from: end, t: 0 } : { to: end, t: 0 });
  select.addEventListener("change", () => {
    const { value } = select;
    select.value = "own";
    if (value === "current") set({ code: state.values.code, condition: state.values.condition, name: "current image" });
    else if (value === "random") set(endOfRow(run, Math.floor(Math.random() * run.count)));
    else if (value !== "own" && attribute) {
      const end = endOfClass(run, attribute.name, Number(value));
      if (end) set(end);
      else context.announce("There is no test image of that class.");
    }
  });
  const painter = new Latest(async (/** @type {End} */ end) => {
    const images = await run.decode([end.code], run.conditionCode(end.condition));
    paint(canvas, imageData(images, 0));
  }, context.fail);
  const draw = () => {
    const end = state.values[which];
    own.textContent = end.name.slice(0, 80);
    select.value = "own";
    painter.ask(end);
  };
  state.on([which], () => element.isConnected && draw());
  const element = h("div", { class: "end", "data-end": letter }, h("span", { class: "letter", "aria-hidden": "true" }, letter), canvas, select);
  return { element, enter: draw };
}
