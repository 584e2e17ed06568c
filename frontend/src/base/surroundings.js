/** @import {Context, State} from "./context" */
import { fromHash, toHash } from "./hash.js";

/** Light or dark as the system is, unless the user chose. @param {Context} context */
export function followTheme({ root, state }) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { theme: chosen } = state.values;
    const dark = chosen === "auto" ? system.matches : chosen === "dark";
    root.dataset.theme = dark ? "dark" : "light";
    if (root.parentElement === document.body) document.documentElement.dataset.theme = root.dataset.theme;
    state.set({ dark });
  };
  system.addEventListener("change", apply);
  state.on(["theme"], apply);
  apply();
}

/**
 * Keep the address up to date, and follow it when it is changed.
 * @param {Context} context
 * @param {(run: Context["run"], given: Partial<State>) => Partial<State>} completed
 * @returns {() => string} the address of what is shown now
 */
export function followAddress({ runs, state }, completed) {
  let timer = 0;
  let own = "";
  const ends = [state.values.from, state.values.to];
  const write = () => {
    timer = 0;
    const { from, to, t, view, run } = state.values;
    const withPath = view === "interpolation" || t > 0 || from !== ends[0] || to !== ends[1];
    own = `#${toHash(state.values, runs[run], withPath)}`;
    history.replaceState(null, "", own);
    return location.href;
  };
  state.on(/** @type {(keyof State)[]} */ (Object.keys(state.values)), () => {
    timer ||= window.setTimeout(write, 250);
  });
  addEventListener("hashchange", () => {
    if (location.hash === own) return;
    const { run, ...wanted } = fromHash(location.hash, runs);
    if (run === state.values.run) state.set(completed(runs[run], wanted));
    else location.reload();
  });
  return write;
}

/** Tell a notebook what is shown, at most every tenth of a second. @param {Context} context */
export function report({ host, state }) {
  if (!host.onChange) return;
  let timer = 0;
  state.on(["code", "row", "edited", "run"], () => {
    timer ||= window.setTimeout(() => {
      timer = 0;
      host.onChange?.(selectionOf(state.values));
    }, 100);
  });
}

/** What a notebook hears of. @param {State} state */
export const selectionOf = ({ code, row, run }) => ({ latents: Array.from(code), selection: row, run });

/** Take an image that is dropped or pasted anywhere on the page to its view. @param {Context} context */
export function acceptFiles(context) {
  const { root, host } = context;
  /** @param {DataTransfer | null} data */
  const take = (data) => {
    const file = [...(data?.files ?? [])].find((each) => each.type.startsWith("image/")) ?? data?.files[0];
    if (!file) return false;
    context.go("own");
    root.dispatchEvent(new CustomEvent("distaff:file", { detail: file }));
    return true;
  };
  for (const kind of ["dragover", "dragleave", "drop"]) {
    root.addEventListener(kind, (event) => {
      const { dataTransfer, relatedTarget } = /** @type {DragEvent} */ (event);
      event.preventDefault();
      // Between two parts of the page, what is dragged leaves the one for the other.
      const inside = kind === "dragover" || (kind === "dragleave" && relatedTarget instanceof Node && root.contains(relatedTarget));
      root.classList.toggle("dragging", inside && Boolean(dataTransfer?.types.includes("Files")));
      if (kind === "drop") take(dataTransfer);
    });
  }
  document.addEventListener("paste", (event) => {
    // What is pasted into a notebook's own cells is the notebook's.
    if (host.kind !== "notebook" || event.composedPath().includes(root)) take(event.clipboardData);
  });
}
