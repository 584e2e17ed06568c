/** @import {Plane} from "./plane.js" */
import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";

/** @param {Plane} plane @param {number} factor 0 for the whole map */
export function zoomPlane(plane, factor) {
  if (factor) plane.viewport.zoomAt(factor, plane.viewport.width / 2, plane.viewport.height / 2);
  else plane.viewport.whole();
  plane.refresh();
}

/** @param {Plane} plane */
export function zoomButtons(plane) {
  return h(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    h("button", { type: "button", "aria-label": "Zoom in", onclick: () => zoomPlane(plane, 1.5) }, icon("plus")),
    h("button", { type: "button", "aria-label": "Zoom out", onclick: () => zoomPlane(plane, 1 / 1.5) }, icon("minus")),
    h("button", { type: "button", "aria-label": "Fit to data", onclick: () => zoomPlane(plane, 0) }, icon("whole")),
  );
}
