/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * Make an element. Children that are text stay text and are never parsed as markup.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any> | null} [props] on* listeners, `class`, `style` of custom properties, attributes
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  set(element, props ?? {});
  append(element, children);
  return element;
}

/**
 * @param {string} tag
 * @param {Record<string, any>} props
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, props, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, props);
  append(element, children);
  return element;
}

/** @param {Element} element @param {Record<string, any>} props */
export function set(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") {
      const { style } = /** @type {HTMLElement} */ (element);
      for (const [property, each] of Object.entries(value)) style.setProperty(property, String(each));
    } else if (name === "value" && "value" in element) /** @type {any} */ (element).value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {Element} element @param {Child[]} children */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(typeof child === "number" ? String(child) : child);
  }
}

/** Put other children in place of an element's own. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** Text that came with the data, isolated so that its writing direction does not change the rest. @param {unknown} text */
export function dataText(text) {
  return h("bdi", { class: "data-text" }, String(text));
}

let ids = 0;
/** @param {string} stem */
export function freshId(stem) {
  return `distaff-${stem}-${++ids}`;
}

/** Run at most once a frame, with the last arguments. @template {any[]} A @param {(...args: A) => void} run */
export function eachFrame(run) {
  let waiting = 0;
  /** @type {A} */
  let last;
  return (/** @type {A} */ ...args) => {
    last = args;
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      run(...last);
    });
  };
}

/** Let the browser paint and answer before going on. */
export const breathe = () => new Promise((resolve) => setTimeout(resolve));

/**
 * Put text on the clipboard.
 * @param {string} text
 * @param {HTMLElement} root
 * @returns {Promise<boolean>} whether the browser allowed it
 */
export async function copyText(text, root) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Some browsers have no clipboard on pages from a file; there, text that is selected can be copied.
    const field = h("textarea", { class: "unseen", "aria-hidden": "true" }, text);
    root.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}
