/** @import {Context, View} from "../base/context" */
/** @import {Planes} from "../image/resize.js" */
/** @import {Encoded} from "../model/own.js" */
import { dataText, fill, h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { fixed } from "../base/numbers.js";
import { term } from "../base/tips.js";
import { fitImage, openImage } from "../image/open.js";
import { savePng } from "../image/save.js";
import { ErrorLimit, encodeOwn, inverted, isBetterInverted } from "../model/own.js";
import { atlasOf } from "../parts/atlas.js";
import { Latest, imageCanvas, imageData, paint, planesToImage } from "../parts/canvas.js";
import { drawing } from "../parts/drawing.js";

const MOST_CHANGES = 6;

/** The user's own image, from a file or drawn: encoded here, edited here. @param {Context} context @returns {View} */
export function own(context) {
  const { run, state } = context;
  const { channels, width, height } = run.pixels;
  const chooser = h("input", { type: "file", accept: "image/*", class: "unseen", id: "distaff-file", tabindex: -1, "aria-label": "Choose an image" });
  const given = imageCanvas(run.pixels, "Your image as the model takes it");
  const before = imageCanvas(run.pixels, "Your image decoded from its code");
  const after = imageCanvas(run.pixels, "Your image decoded after your edits");
  const changes = h("p", { class: "changes", "aria-live": "polite" });
  const error = h("p", { class: "warn", role: "alert" });
  const notice = h("div", { class: "notice", role: "status" });
  const result = h("div", { class: "own-result", hidden: true });
  const limit = new ErrorLimit(run, (row) => atlasOf(run).planes(row));
  /** @type {{planes: Planes, encoded: Encoded, wasInverted: boolean} | null} */
  let mine = null;

  /** @param {Planes} planes @param {boolean} wasInverted */
  const use = async (planes, wasInverted) => {
    const encoded = await encodeOwn(run, planes);
    const { code, condition } = encoded;
    mine = { planes, encoded, wasInverted };
    paint(given, planesToImage(planes.data, channels, width, height));
    paint(before, planesToImage(encoded.bytes, channels, width, height));
    result.hidden = false;
    context.show(code, { origin: "own", condition });
    result.dataset.code = Array.from(code).join(",");
    checking.ask(mine);
  };
  const checking = new Latest(async (/** @type {NonNullable<typeof mine>} */ current) => {
    const { planes, encoded, wasInverted } = current;
    await atlasOf(run).open();
    const dark = !wasInverted && (await isBetterInverted(run, planes, encoded));
    const unlike = await limit.isUnlike(planes, encoded);
    if (mine !== current) return;
    if (unlike && state.values.origin === "own") state.set({ doubt: "error" });
    fill(notice, notes(unlike || run.support.isFar(encoded.code), dark, wasInverted));
  }, context.fail);
  /** @param {boolean} far @param {boolean} dark @param {boolean} wasInverted */
  const notes = (far, dark, wasInverted) => [
    far ? h("p", { class: "warn" }, term("unlike", "Far from any training image"), ": what the model makes of it is a guess.") : null,
    dark ? h("p", null, "Light and dark seem to be exchanged. ", h("button", { type: "button", class: "button small", onclick: () => invert(true) }, "Invert?")) : null,
    wasInverted ? h("p", null, "The image was inverted. ", h("button", { type: "button", class: "button small", onclick: () => invert(false) }, "Undo")) : null,
  ];
  /** @param {boolean} wasInverted */
  const invert = (wasInverted) => taking.ask(async () => {
      if (mine) await use(inverted(mine.planes), wasInverted);
    });

  const taking = new Latest(async (/** @type {() => Promise<void>} */ take) => {
    fill(error);
    fill(notice);
    try {
      await take();
    } catch (failure) {
      fill(error, dataText(failure instanceof Error ? failure.message : failure));
    }
  }, context.fail);
  /** @param {File} file */
  const open = (file) =>
    taking.ask(async () => {
      await use(await openImage(file, run.pixels, run.run.image.crop ?? null), false);
      context.announce("Your image is encoded.");
    });
  const pad = drawing(run, (pixels) => taking.ask(() => use(fitImage(pixels, run.pixels, null), false)));

  const follow = new Latest(async () => {
    const { code, condition, blended } = state.values;
    paint(after, imageData(await run.decode([code], blended ?? run.conditionCode(condition)), 0));
    if (mine) fill(changes, changed(context, mine.encoded));
  }, context.fail);
  state.on(["code", "condition", "blended"], () => element.isConnected && !result.hidden && follow.ask(null));

  chooser.addEventListener("change", () => {
    const file = chooser.files?.[0];
    if (file) open(file);
    chooser.value = "";
  });
  context.root.addEventListener("distaff:file", (event) => element.isConnected && open(/** @type {CustomEvent<File>} */ (event).detail));
  const reset = () => mine && context.show(mine.encoded.code, { origin: "own", condition: mine.encoded.condition });
  /** @param {"from" | "to"} which */
  const useAs = (which) => state.set({ [which]: { code: state.values.code, condition: state.values.condition, name: "your image" }, t: 0, view: "interpolation" });
  const drop = h(
    "div",
    { class: "drop" },
    icon("open"),
    h("p", null, h("b", null, "Drop or paste an image"), " or ", h("button", { type: "button", class: "button", onclick: () => chooser.click() }, "choose a file")),
    h("p", { class: "note" }, `PNG, JPEG, WebP or GIF of any size. The centre is resized to ${width} × ${height}${channels === 1 ? " and made grey" : ""}. The image stays in this page.`),
    chooser,
  );
  fill(
    result,
    h(
      "div",
      { class: "triple" },
      h("figure", null, given, h("figcaption", null, "Your image as the model takes it")),
      h("figure", null, before, h("figcaption", null, "Decoded from its code")),
      h("figure", null, after, h("figcaption", null, "Decoded after your edits")),
    ),
    changes,
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: reset }, icon("reset"), "Undo edits"),
      h("button", { type: "button", class: "button", onclick: () => savePng(after, `${run.run.name}-edited.png`, Math.max(1, Math.round(256 / width))) }, icon("save"), "Save edited image"),
      h("button", { type: "button", class: "button", onclick: () => mine && useAs("from") }, "Use as A of an interpolation"),
      h("button", { type: "button", class: "button", onclick: () => mine && useAs("to") }, "Use as B"),
    ),
  );
  const element = h(
    "div",
    { class: "own" },
    h("div", { class: "view-head" }, h("div", null, h("h2", null, "Your image"), h("p", { class: "note" }, "The ", term("encoder"), " computes the ", term("code"), " of your image. Edit the code with the controls beside the decoded image."))),
    h("div", { class: "own-input" }, drop, h("div", { class: "draw" }, h("p", null, h("b", null, "Or draw one")), pad.element)),
    error,
    notice,
    result,
  );
  return {
    element,
    enter() {
      run.loadEncoder().catch(context.fail);
      atlasOf(run).open().then(pad.prepare, context.fail);
      if (!result.hidden) follow.ask(null);
    },
  };
}

/** What differs from the code and condition of the image. @param {Context} context @param {Encoded} mine */
function changed({ run, state }, mine) {
  const found = [];
  const [was, is] = [run.read(mine.code), run.read(state.values.code)];
  for (const name of Object.keys(is)) if (Math.abs(is[name] - was[name]) > 1e-6) found.push([name, run.label(name, was[name]), run.label(name, is[name])]);
  for (const name of run.run.condition) {
    const [before, after] = [mine.condition[name], state.values.condition[name]];
    if (!Object.is(before, after)) found.push([name, run.label(name, before), run.label(name, after)]);
  }
  for (const index of run.free) {
    const { label } = run.run.latents[index];
    if (Math.abs(mine.code[index] - state.values.code[index]) > 1e-5) {
      found.push([label, fixed(mine.code[index], 2), fixed(state.values.code[index], 2)]);
    }
  }
  if (!found.length) return "No edits yet.";
  const more = found.length - MOST_CHANGES;
  return ["Edited: ", found.slice(0, MOST_CHANGES).map(([name, from, to], i) => [i ? ", " : "", h("b", null, dataText(name)), " ", dataText(from), " → ", dataText(to)]), more > 0 ? ` and ${more} more` : ""];
}
