/** @import {Attribute} from "../types" */
/** @import {RunModel} from "../model/run.js" */
import { spreadOut } from "./spread.js";

/** Okabe and Ito's eight colours, https://jfly.uni-koeln.de/color/, the hardest to see on white last. */
const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#1c1e21", "#f0e442"];

/**
 * Twenty colours for more classes, found by search: of the first ten any two differ by at least 0.17 in OKLab, and by
 * 0.1 for people who cannot tell red from green.
 */
const TWENTY = [
  "#3360d7", "#ca370a", "#1f7d5d", "#ebc831", "#9a2a95", "#4cbcf6", "#f77799", "#bf8b1f", "#a077fc", "#00ef9f",
  "#44e1f9", "#37b05d", "#d960c3", "#c0429e", "#46b2a6", "#f3a7cb", "#adba27", "#db4475", "#1a98d0", "#35d06a",
];

const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const TURN = ["#2b2147", "#2a5d9f", "#4fb0c6", "#f2d85c", "#e07b28", "#8f2a3c", "#2b2147"];

/** The most classes that each get a colour. */
export const MOST_COLOURED = 20;

/** @param {string} hex @returns {[number, number, number]} */
export function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** @param {[number, number, number]} colour */
const hex = (colour) => `#${colour.map((each) => Math.round(each).toString(16).padStart(2, "0")).join("")}`;

/** @param {string} one @param {string} two @param {number} share of the second */
export function blend(one, two, share) {
  const [a, b] = [rgb(one), rgb(two)];
  /** @param {number} i */
  const channel = (i) => a[i] + (b[i] - a[i]) * share;
  return hex([channel(0), channel(1), channel(2)]);
}

/** @param {string[]} stops @param {number} share from 0 to 1 */
export function along(stops, share) {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const from = Math.min(Math.floor(place), stops.length - 2);
  return blend(stops[from], stops[from + 1], place - from);
}

/** Relative luminance of WCAG 2. @param {string} colour */
function luminance(colour) {
  const [r, g, b] = rgb(colour).map((each) => {
    const part = each / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Luminance between which a colour stands out on a dark and on a light page. */
const [LEAST_DARK, MOST_LIGHT] = [0.125, 0.6];

/**
 * Colours that colour-blind people can distinguish, light enough for a dark page and dark enough for a light one.
 * @param {number} size
 * @param {boolean} dark
 * @returns {string[]}
 */
export function classColours(size, dark) {
  const colours = size <= OKABE_ITO.length ? OKABE_ITO : TWENTY;
  return Array.from({ length: size }, (_, i) => {
    let colour = colours[i % colours.length];
    if (dark && colour === "#1c1e21") colour = "#dfe3e8";
    while (dark && luminance(colour) < LEAST_DARK) colour = blend(colour, "#ffffff", 0.1);
    while (!dark && luminance(colour) > MOST_LIGHT) colour = blend(colour, "#000000", 0.1);
    return colour;
  });
}

/**
 * The colour of each of an attribute's values: a function of class index or number.
 * @param {Attribute} attribute
 * @param {boolean} dark
 * @param {[number, number]} range of a continuous one
 * @param {RunModel} run
 * @returns {(value: number) => string}
 */
export function colourOf(attribute, dark, range, run) {
  const size = attribute.values?.length ?? 0;
  if (attribute.kind === "categorical" && size && size <= MOST_COLOURED) {
    const colours = classColours(size, dark);
    const order = orderOf(attribute, run);
    return (value) => colours[order[value]] ?? unknownColour(dark);
  }
  const [low, high] = size ? [0, attribute.kind === "circular" ? attribute.period ?? size : size - 1] : range;
  const stops = attribute.kind === "circular" ? TURN : VIRIDIS;
  return (value) => (Number.isNaN(value) ? unknownColour(dark) : along(stops, (value - low) / (high - low || 1)));
}

/** Which colour each class has, by attribute: the same in all runs of a page. @type {Map<string, number[]>} */
const orders = new Map();

/** Give classes that lie side by side colours that differ much. @param {Attribute} attribute @param {RunModel} run */
function orderOf({ name, values }, run) {
  const size = values?.length ?? 0;
  const key = `${size} ${name}`;
  const found = orders.get(key) ?? spreadOut(classColours(size, false).map(rgb), run.ends.get(name) ?? new Float32Array(0));
  orders.set(key, found);
  return found;
}

/** @param {boolean} dark */
export const unknownColour = (dark) => (dark ? "#5b626c" : "#b4b9c0");

/** Dark to light, for a heat map on either page. @param {number} share @param {boolean} dark */
export function heat(share, dark) {
  return dark ? along(["#1d2127", "#1e4a6b", "#3f90da", "#bfe0f7"], share) : along(["#f4f5f6", "#b7d5ea", "#4a97c9", "#06548a"], share);
}

/** Black or white, whichever can be read on a colour: one of them always has a contrast of 4.58 or more. @param {string} colour */
export const inkOn = (colour) => (luminance(colour) > Math.sqrt(1.05 * 0.05) - 0.05 ? "#000000" : "#ffffff");
