/** @import {Context, End} from "../base/context" */
/** @import {Grid} from "./grid.js" */
/** @import {Source} from "./source.js" */
import { MOST_COLOURED, colourOf } from "../base/colours.js";
import { eachFrame, freshId, h } from "../base/dom.js";
import { atlasOf } from "../parts/atlas.js";
import { pointColours } from "./colouring.js";
import { DecodedLayer } from "./decoded.js";
import { gridOf } from "./grid.js";
import { hoverCard } from "./hover.js";
import { Nearby } from "./nearby.js";
import { drawOverlay } from "./overlay.js";
import { handle } from "./pointer.js";
import { Raster, packed } from "./raster.js";
import { Reach } from "./reach.js";
import { Regions } from "./regions.js";
import { openMap } from "./source.js";
import { drawThumbnails } from "./thumbnails.js";
import { Viewport } from "./viewport.js";

/** More points than this are drawn as single pixels. */
const CROWD = 30_000;
/** A click on an embedding takes the image of a point within so many pixels. */
const ON_POINT = 6;

const HELP = "Arrow keys move the marked place and decode it. With Shift they move the map. Plus and minus zoom, 0 fits the map to the data.";
const ENDS_HELP = " A and B set that end of the path to the marked place.";

/** A map of the codes: move about in it, decode places, hover over images. */
export class Plane {
  /** @param {Context} context @param {{path: boolean}} options whether to draw the interpolation */
  constructor(context, options) {
    this.context = context;
    this.withPath = options.path;
    this.run = context.run;
    this.viewport = new Viewport();
    this.base = h("canvas", { "aria-hidden": "true" });
    const points = h("canvas", { "aria-hidden": "true" });
    this.raster = new Raster(points);
    this.over = h("canvas", { "aria-hidden": "true" });
    this.hover = hoverCard(this);
    const help = freshId("help");
    this.surface = h("div", {
      class: "plane-surface",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "map",
      "aria-label": "Map of the codes",
      "aria-describedby": help,
    });
    this.element = h("div", { class: "plane" }, this.base, points, this.over, this.surface, this.hover.element, h("p", { class: "unseen", id: help }, HELP + (options.path ? ENDS_HELP : "")));
    /** @type {Source | null} */
    this.source = null;
    /** @type {Reach | null} */
    this.reach = null;
    /** @type {Regions | null} */
    this.regions = null;
    /** @type {Map<string, Promise<Grid>>} */
    this.grids = new Map();
    this.decoded = new DecodedLayer(this);
    this.colours = new Uint32Array(0);
    /** @type {Nearby | null} */
    this.nearby = null;
    this.hovered = -1;
    /** Points that are shown, and images that stand for some of them. */
    this.shown = 0;
    this.images = 0;
    this.ratio = 1;
    /** Where codes were picked on an embedding, which does not tell by itself. @type {WeakMap<Float32Array, [number, number]>} */
    this.picked = new WeakMap();
    /** Where the names of the classes stand, and for what. @type {Map<number, [number, number]>} */
    this.places = new Map();
    this.labelled = "";
    this.computing = 0;
    /** @type {(() => void)[]} */
    this.changed = [];
    this.refresh = eachFrame(() => this.draw());
    this.refreshOver = eachFrame(() => this.drawOver());
    handle(this);
    new ResizeObserver(() => this.resize()).observe(this.element);
    this.listen();
  }

  listen() {
    const { state } = this.context;
    state.on(["map"], () => this.alive && this.open());
    state.on(["colour", "hidden", "dark"], () => this.alive && this.working(this.recolour()));
    state.on(["borders", "layer"], () => this.alive && this.refresh());
    state.on(["code", "row", "edited", "from", "to", "path", "t"], () => this.alive && this.refreshOver());
    state.on(["code", "condition", "blended"], () => this.alive && this.decoded.follow());
  }

  /** Only what is in the page is kept up to date. */
  get alive() {
    return this.element.isConnected;
  }

  open() {
    return this.working(this.load());
  }

  /** Let assistive technology wait, as the regions add what can be used. @param {Promise<void>} work */
  async working(work) {
    this.computing += 1;
    this.element.setAttribute("aria-busy", "true");
    try {
      await work;
    } finally {
      this.computing -= 1;
      if (!this.computing) this.element.removeAttribute("aria-busy");
    }
  }

  async load() {
    const { state } = this.context;
    const key = state.values.map;
    if (this.source?.key !== key) {
      const source = await openMap(this.run, key);
      if (state.values.map !== key) return;
      this.source = source;
      this.reach = new Reach(source);
      this.picked = new WeakMap();
      this.viewport.frame(source.points, source.count);
    }
    await this.recolour();
    atlasOf(this.run).open().then(this.refresh, this.context.fail);
  }

  /** The attribute that colours the points, if each of its classes has a colour. */
  get classes() {
    const attribute = this.run.attributes.get(this.context.state.values.colour);
    const size = attribute?.values?.length ?? 0;
    return attribute && attribute.kind === "categorical" && size <= MOST_COLOURED ? attribute : null;
  }

  async recolour() {
    const { source, run } = this;
    if (!source) return;
    const { colour: name, dark, hidden } = this.context.state.values;
    this.colours = pointColours(run, source.count, name, dark, hidden);
    this.shown = this.colours.reduce((sum, each) => sum + (each ? 1 : 0), 0);
    this.nearby = new Nearby(source.points, this.colours);
    this.hovered = -1;
    if (!source.regions.some((each) => each.attribute === name)) this.regions = null;
    this.refresh();
    this.changed.forEach((tell) => tell());
    await this.shade(name, dark);
    this.refresh();
    this.changed.forEach((tell) => tell());
  }

  /** @param {string} name @param {boolean} dark */
  async shade(name, dark) {
    const { source, run, reach } = this;
    const region = source?.regions.find((each) => each.attribute === name);
    const attribute = run.attributes.get(name);
    if (!source || !reach || !region || !attribute) return;
    const key = `${source.key}|${name}`;
    const computing = this.grids.get(key) ?? gridOf(run, source, region, reach);
    this.grids.set(key, computing);
    const grid = await computing;
    const { colour, dark: darkNow } = this.context.state.values;
    if (this.source !== source || colour !== name || darkNow !== dark) return;
    this.regions = new Regions(grid, colourOf(attribute, dark, [0, 1], run), attribute.values?.length ?? 0, dark);
  }

  resize() {
    const { clientWidth, clientHeight } = this.element;
    if (!clientWidth || !clientHeight) return;
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(clientWidth * this.ratio), Math.round(clientHeight * this.ratio)];
    if (this.base.width !== width || this.base.height !== height) {
      for (const canvas of [this.base, this.over]) [canvas.width, canvas.height] = [width, height];
      this.raster.resize(width, height);
    }
    this.viewport.resize(width, height);
    this.draw();
  }

  draw() {
    if (!this.alive || !this.source) return;
    const started = performance.now();
    const base = /** @type {CanvasRenderingContext2D} */ (this.base.getContext("2d"));
    base.clearRect(0, 0, this.base.width, this.base.height);
    const { borders, dark, layer } = this.context.state.values;
    this.regions?.draw(base, this.viewport, dark ? "#f4f6f8" : "#1c1e21", borders);
    const edge = this.source.count > CROWD ? 0 : packed(dark ? [20, 23, 27] : [255, 255, 255]);
    // Between decoded images points would only be noise.
    const colours = layer === "decoded" ? new Uint32Array(0) : this.colours;
    this.raster.draw(this.viewport, this.source.points, colours, this.pointRadius, edge);
    const images = layer === "thumbnails" ? drawThumbnails(this) : layer === "decoded" ? this.decoded.draw() : 0;
    this.element.dataset.milliseconds = (performance.now() - started).toFixed(2);
    if (images !== this.images) {
      this.images = images;
      this.changed.forEach((tell) => tell());
    }
    this.drawOver();
  }

  /** 10,000 points show a crowd, a few dozen must each be seen. */
  get pointRadius() {
    const count = this.source?.count ?? 0;
    const plain = count > CROWD ? 1 : Math.max(1.4, 4 - Math.log10(Math.max(count, 30) / 30));
    return Math.min(6, plain * this.ratio * Math.max(this.viewport.zoom, 1) ** 0.35);
  }

  drawOver() {
    if (this.alive && this.source) drawOverlay(this);
  }

  /** The code that a place stands for. @param {number} px @param {number} py in canvas pixels @param {Float32Array} rest where the other latents come from @returns {{code: Float32Array, row: number}} */
  codeAt(px, py, rest) {
    const source = /** @type {Source} */ (this.source);
    const [x, y] = this.viewport.toMap(px, py);
    // A point of an embedding has a code, the places between do not.
    const row = source.exact ? -1 : this.nearby?.find(x, y, (ON_POINT * this.ratio) / this.viewport.scale) ?? -1;
    const code = row >= 0 ? this.run.codeOf(row) : source.toCode(x, y, rest);
    if (!source.exact) this.picked.set(code, row >= 0 ? [source.points[2 * row], source.points[2 * row + 1]] : [x, y]);
    return { code, row };
  }

  /** Whether no point is near a place. @param {number} px @param {number} py in canvas pixels */
  isEmptyAt(px, py) {
    return this.reach?.at(...this.viewport.toMap(px, py)) === 0;
  }

  /** Decode a place. @param {number} px @param {number} py in canvas pixels */
  pick(px, py) {
    if (!this.source) return;
    const { code, row } = this.codeAt(px, py, this.context.state.values.code);
    this.context.show(code, row >= 0 ? { origin: "test", row, condition: this.run.conditionOf(row) } : { origin: "map", doubt: this.isEmptyAt(px, py) ? "place" : null });
  }

  /** Put an end of the interpolation at a place, and show it. @param {"from" | "to"} which @param {number} px @param {number} py in canvas pixels */
  putEnd(which, px, py) {
    if (!this.source) return;
    const { state } = this.context;
    /** @type {End} */
    const old = state.values[which];
    const { code, row } = this.codeAt(px, py, old.code);
    const end = { code, condition: row >= 0 ? this.run.conditionOf(row) : old.condition, name: row >= 0 ? `${this.run.run.points.split} image ${row + 1}` : "a place on the map" };
    state.set({ [which]: end, t: which === "from" ? 0 : 1 });
    this.context.show(code, { origin: "path", condition: end.condition, doubt: this.isEmptyAt(px, py) ? "place" : null });
  }

  /** Where a code is, in canvas pixels. @param {Float32Array} code @param {number} row @returns {[number, number]} */
  placeOf(code, row) {
    if (!this.source) return [0, 0];
    return this.viewport.toScreen(...(this.picked.get(code) ?? this.source.fromCode(code, row)));
  }

  /** Where the current code is, in canvas pixels. */
  get marker() {
    const { code, row, edited } = this.context.state.values;
    return this.placeOf(code, edited ? -1 : row);
  }

  /** Where the ends of the interpolation are, in canvas pixels. */
  get ends() {
    const { from, to } = this.context.state.values;
    return [this.placeOf(from.code, -1), this.placeOf(to.code, -1)];
  }
}
