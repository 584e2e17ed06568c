/** @import {Context} from "../base/context" */
import { fill, h, svg } from "../base/dom.js";
import { icon } from "../base/icons.js";

/** The page's top line: whose it is, which run, light or dark. @param {Context} context */
export function header(context) {
  const { runs, state } = context;
  const theme = h("button", { type: "button", class: "icon-button" });
  theme.addEventListener("click", () => state.set({ theme: state.values.dark ? "light" : "dark" }));
  const dress = () => {
    fill(theme, icon(state.values.dark ? "sun" : "moon"));
    theme.setAttribute("aria-label", state.values.dark ? "Light page" : "Dark page");
  };
  state.on(["dark"], dress);
  dress();
  const select = h(
    "select",
    { "aria-label": "Run", onchange: () => state.set({ run: select.selectedIndex }) },
    runs.map(({ run }) => h("option", { dir: "auto" }, run.name.slice(0, 120))),
  );
  select.selectedIndex = state.values.run;
  state.on(["run"], () => (select.selectedIndex = state.values.run));
  return h(
    "header",
    { class: "top" },
    h("div", { class: "brand" }, mark(), h("span", null, "distaff")),
    runs.length > 1 ? h("label", { class: "run-choice" }, h("span", null, "Run"), select) : null,
    h("span", { class: "grow" }),
    h("span", { class: "private" }, "Everything runs in this page; nothing you drop into it leaves it."),
    theme,
  );
}

/** A staff with fibres wound about it. */
function mark() {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", width: 22, height: 22, "aria-hidden": "true", class: "mark" },
    svg("path", { d: "M12 2v20", class: "mark-staff" }),
    svg("path", { d: "M12 4.500c4 1.500 5 4.500 5 6.500s-1.500 4.500-5 5.500c-3.500-1-5-3.500-5-5.500s1-5 5-6.500z", class: "mark-wool" }),
    svg("path", { d: "M7.600 8.500c3 1.600 6 1.600 8.800 0M7 11.500c3.300 1.700 6.700 1.700 10 0M8.300 14.300c2.400 1.100 5 1.100 7.400 0", class: "mark-line" }),
  );
}
