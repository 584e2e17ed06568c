import { h } from "../base/dom.js";

/** A part of a view with its title. @param {string} title @param {import("../base/dom.js").Child} note @param {...import("../base/dom.js").Child} content */
export function section(title, note, ...content) {
  return h("section", { class: "number-section" }, h("h2", null, title), note ? h("p", { class: "note" }, note) : null, content);
}
