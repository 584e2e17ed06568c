/** @import {Context, View} from "../base/context" */
import { fill, h, said } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { fixed } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { likeliest } from "../model/likeliest.js";
import { Latest, imageData, paint, pictureCanvas, planesToImage } from "../parts/painter.js";
import { openPicture } from "../picture/open.js";
import { savePng } from "../picture/save.js";

/** A picture of the reader's own: encoded here, changed here. @param {Context} context @returns {View} */
export function own(context) {
  const { run, state } = context;
  const { channels, width, height } = run.pixels;
  const chooser = h("input", { type: "file", accept: "image/*", class: "unseen", id: "distaff-file", tabindex: -1, "aria-label": "Choose a picture" });
  const given = pictureCanvas(run.pixels, "Your picture as the model takes it");
  const before = pictureCanvas(run.pixels, "Your picture drawn back from its code");
  const after = pictureCanvas(run.pixels, "Your picture with your changes");
  const changes = h("p", { class: "changes", "aria-live": "polite" });
  const error = h("p", { class: "warn", role: "alert" });
  const result = h("div", { class: "own-result", hidden: true });
  /** @type {{code: Float32Array, condition: import("../model/run.js").Values, name: string} | null} */
  let mine = null;

  /** @param {Blob} file @param {string} name */
  const take = async (file, name) => {
    fill(error);
    try {
      const planes = await openPicture(file, run.pixels, run.run.image.crop ?? null);
      const image = Float32Array.from(planes.data, (each) => each / 255);
      const code = await run.encode(image, {});
      const condition = await likeliest(run, code, image);
      mine = { code, condition, name };
      paint(given, planesToImage(planes.data, channels, width, height));
      given.dataset.name = name;
      paint(before, imageData(await run.decode([code], run.conditionCode(condition)), 0));
      result.hidden = false;
      context.show(code, { condition });
      result.dataset.code = Array.from(code).join(",");
      context.announce("Your picture is encoded.");
    } catch (failure) {
      fill(error, said(failure instanceof Error ? failure.message : failure));
    }
  };

  const follow = new Latest(async () => {
    const { code, condition, mixed } = state.values;
    paint(after, imageData(await run.decode([code], mixed ?? run.conditionCode(condition)), 0));
    if (mine) fill(changes, changed(context, mine));
  }, context.fail);
  state.on(["code", "condition", "mixed"], () => element.isConnected && !result.hidden && follow.ask(null));

  chooser.addEventListener("change", () => {
    const file = chooser.files?.[0];
    if (file) take(file, file.name);
    chooser.value = "";
  });
  const drop = h(
    "div",
    { class: "drop" },
    icon("open"),
    h("p", null, h("b", null, "Drop a picture here"), " or ", h("button", { type: "button", class: "button", onclick: () => chooser.click() }, "choose a file")),
    h("p", { class: "note" }, `PNG, JPEG, WebP or GIF of any size. It is cut to the middle, made ${width} × ${height}${channels === 1 ? " and grey" : ""}, and never leaves this page.`),
    chooser,
  );
  /** @param {DragEvent} event */
  const over = (event) => {
    event.preventDefault();
    drop.classList.toggle("over", event.type === "dragover");
  };
  const element = h(
    "div",
    { class: "own" },
    h("div", { class: "view-head" }, h("div", null, h("h2", null, "Your own picture"), h("p", { class: "note" }, "The ", term("encoder"), " turns it into a ", term("code"), "; change the code with the controls beside the live picture, and see what becomes of it."))),
    drop,
    error,
    result,
  );
  fill(
    result,
    h(
      "div",
      { class: "triple" },
      h("figure", null, given, h("figcaption", null, "Your picture, as the model takes it")),
      h("figure", null, before, h("figcaption", null, "Before: drawn back from its code")),
      h("figure", null, after, h("figcaption", null, "After: with your changes")),
    ),
    changes,
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: () => mine && context.show(mine.code, { condition: mine.condition }) }, icon("reset"), "Undo changes"),
      h("button", { type: "button", class: "button", onclick: () => savePng(after, `${run.run.name}-edited.png`, Math.max(1, Math.round(256 / width))) }, icon("save"), "Save after"),
      h("button", { type: "button", class: "button", onclick: () => mine && use("from") }, "Use as A of a mix"),
      h("button", { type: "button", class: "button", onclick: () => mine && use("to") }, "Use as B"),
    ),
  );
  /** @param {"from" | "to"} which */
  const use = (which) => {
    const end = { code: state.values.code, condition: state.values.condition, name: "your picture" };
    state.set({ [which]: end, t: 0, view: "mix" });
  };
  for (const kind of ["dragover", "dragleave", "drop"]) element.addEventListener(kind, /** @type {EventListener} */ (over));
  element.addEventListener("drop", (event) => {
    const file = event.dataTransfer?.files[0];
    if (file) take(file, file.name);
  });
  /** @param {ClipboardEvent} event */
  const paste = (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
    if (file) take(file, "pasted");
  };
  return {
    element,
    enter() {
      document.addEventListener("paste", paste);
      run.loadEncoder().catch(context.fail);
      if (!result.hidden) follow.ask(null);
    },
    leave: () => document.removeEventListener("paste", paste),
  };
}

/** What is no longer as it was. @param {Context} context @param {{code: Float32Array, condition: import("../model/run.js").Values}} mine */
function changed({ run, state }, mine) {
  const found = [];
  const [was, is] = [run.read(mine.code), run.read(state.values.code)];
  for (const name of Object.keys(is)) if (Math.abs(is[name] - was[name]) > 1e-6) found.push([name, run.label(name, was[name]), run.label(name, is[name])]);
  for (const name of run.run.condition) {
    const [before, after] = [mine.condition[name], state.values.condition[name]];
    if (!Object.is(before, after)) found.push([name, run.label(name, before), run.label(name, after)]);
  }
  for (const { index, attribute, label } of run.run.latents) {
    if (attribute === null && Math.abs(mine.code[index] - state.values.code[index]) > 1e-5) {
      found.push([label, fixed(mine.code[index], 2), fixed(state.values.code[index], 2)]);
    }
  }
  if (!found.length) return "Nothing changed yet: move a control beside the live picture.";
  return ["Changed: ", found.slice(0, 6).map(([name, from, to], i) => [i ? ", " : "", h("b", null, said(name)), " ", said(from), " → ", said(to)]), found.length > 6 ? ` and ${found.length - 6} more` : ""];
}
