import { fill, h } from "../base/dom.js";

/** Narrower than this, everything stands in one column; as in the style. */
const NARROW = "(max-width: 760px)";

/**
 * Put the parts of the page in place. On a narrow screen the image and the view come first: the controls follow below
 * the view, and the summary of the run comes last.
 * @param {HTMLElement} body
 * @param {{glance: HTMLElement, stage: {element: HTMLElement, controls: HTMLElement}, main: HTMLElement}} parts
 */
export function arrange(body, { glance, stage, main }) {
  const narrow = matchMedia(NARROW);
  const work = h("div", { class: "work" });
  const place = () => {
    if (narrow.matches) {
      fill(work, stage.element, main, stage.controls);
      fill(body, work, glance);
    } else {
      stage.element.append(stage.controls);
      fill(work, stage.element, main);
      fill(body, glance, work);
    }
  };
  narrow.addEventListener("change", place);
  place();
  return { stop: () => narrow.removeEventListener("change", place) };
}
