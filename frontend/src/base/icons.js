import { svg } from "./dom.js";

const PATHS = {
  play: "M5 3.5v9l7.5-4.5z",
  pause: "M4.5 3.5h2.5v9H4.5zM9 3.5h2.5v9H9z",
  reset: "M3.2 8a4.8 4.8 0 1 0 1.5-3.5M4.5 2v2.8h2.8",
  dice: "M3 3h10v10H3zM5.7 5.7h.01M10.3 5.7h.01M8 8h.01M5.7 10.3h.01M10.3 10.3h.01",
  save: "M8 2.5v7.2M5 7l3 3 3-3M3 13h10",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  whole: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  swap: "M3 5.5h9M9.5 3l2.5 2.5L9.5 8M13 10.5H4M6.500 8 4 10.500 6.500 13",
  sun: "M8 5.2a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600M8 1.500v1.400M8 13.100v1.400M1.500 8h1.400M13.100 8h1.400M3.400 3.400l1 1M11.600 11.600l1 1M12.600 3.400l-1 1M4.400 11.600l-1 1",
  moon: "M12.800 9.600A5.300 5.300 0 0 1 6.400 3.200a5.300 5.300 0 1 0 6.400 6.400z",
  open: "M2.500 11.500V4h4l1.300 1.600h5.700v6z",
  link: "M6.800 9.200 9.200 6.800M7.200 4.800l1.300-1.300a2.830 2.830 0 0 1 4 4l-1.300 1.300M8.800 11.200l-1.300 1.300a2.830 2.830 0 0 1-4-4l1.300-1.300",
  arrow: "M3 8h9.500M9 4.500 12.500 8 9 11.500",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  const filled = name === "play" || name === "pause";
  return svg(
    "svg",
    { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", class: "icon" },
    svg("path", {
      d: PATHS[name],
      fill: filled ? "currentColor" : "none",
      stroke: filled ? "none" : "currentColor",
      "stroke-width": 1.5,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }),
  );
}
