import { freshId, h } from "./dom.js";
import { GLOSSARY } from "./glossary.js";

/**
 * A word with an explanation on hover and on focus.
 * @param {keyof typeof GLOSSARY} word
 * @param {string} [text] what is written, if not the word
 */
export function term(word, text) {
  return explained(text ?? word, GLOSSARY[word]);
}

/** Text with an explanation on hover and on focus. @param {string} text @param {string} tip */
export const explained = (text, tip) => h("button", { type: "button", class: "term", "data-tip": tip }, text);

/**
 * The one tooltip of a page: shown for whatever carries `data-tip`, hidden by Escape.
 * @param {HTMLElement} root
 */
export function installTips(root) {
  const id = freshId("tip");
  const tip = h("div", { class: "tip", role: "tooltip", id, hidden: true });
  root.append(tip);
  /** @type {HTMLElement | null} */
  let target = null;

  const hide = () => {
    target?.removeAttribute("aria-describedby");
    target = null;
    tip.hidden = true;
  };
  /** @param {Event} event */
  const show = (event) => {
    const found = /** @type {Element | null} */ (event.target)?.closest?.("[data-tip]");
    if (!found || found === target) return;
    hide();
    target = /** @type {HTMLElement} */ (found);
    tip.textContent = target.dataset.tip ?? "";
    target.setAttribute("aria-describedby", id);
    tip.hidden = false;
    const box = target.getBoundingClientRect();
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left + box.width / 2 - width / 2), innerWidth - width - 8);
    const above = box.top - height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : box.bottom + 8}px`;
  };
  root.addEventListener("pointerover", (event) => {
    const inside = /** @type {Element} */ (event.target).closest?.("[data-tip], .tip");
    if (inside) show(event);
    else if (target && root.querySelector(":focus") !== target) hide();
  });
  root.addEventListener("focusin", show);
  root.addEventListener("focusout", hide);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && target) {
      event.stopPropagation();
      hide();
    }
  });
  root.ownerDocument.addEventListener("scroll", hide, { passive: true, capture: true });
}
