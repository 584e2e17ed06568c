/** @import {Context} from "../base/context" */
/** @import {Source} from "./source.js" */
import { MOST_COLOURED, colourOf, rgb, unknownColour } from "../base/colours.js";
import { eachFrame, freshId, h } from "../base/dom.js";
import { atlasOf } from "../parts/atlas.js";
import { Lens } from "./lens.js";
import { Nearby } from "./nearby.js";
import { drawOverlay } from "./overlay.js";
import { handle } from "./pointer.js";
import { Raster, packed } from "./raster.js";
import { Regions, widen } from "./regions.js";
import { openMap } from "./source.js";
import { hoverCard } from "./hover.js";

/** A map that one can move about in, pick places on and read pictures off. */
export class Plane {
  /** @param {Context} context @param {{path: boolean}} options whether to draw the way of a mix */
  constructor(context, options) {
    this.context = context;
    this.withPath = options.path;
    this.run = context.run;
    this.lens = new Lens();
    this.base = h("canvas", { "aria-hidden": "true" });
    const dots = h("canvas", { "aria-hidden": "true" });
    this.raster = new Raster(dots);
    this.over = h("canvas", { "aria-hidden": "true" });
    this.hover = hoverCard(context);
    const help = freshId("help");
    this.surface = h("div", {
      class: "plane-surface",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "map",
      "aria-label": "Map of the pictures’ codes",
      "aria-describedby": help,
    });
    this.element = h(
      "div",
      { class: "plane" },
      this.base,
      dots,
      this.over,
      this.surface,
      this.hover.element,
      h("p", { class: "unseen", id: help }, "Arrow keys move the marked place and draw its picture. With Shift they move the map. Plus and minus zoom, 0 shows the whole map."),
    );
    /** @type {Source | null} */
    this.source = null;
    /** @type {Regions | null} */
    this.regions = null;
    /** @type {Map<string, import("./regions.js").Grid>} */
    this.wide = new Map();
    this.colours = new Uint32Array(0);
    /** @type {Nearby | null} */
    this.nearby = null;
    this.hovered = -1;
    this.shown = 0;
    /** Thumbnails on the map. */
    this.drawn = 0;
    this.ratio = 1;
    /** @type {{x: number, y: number, code: Float32Array} | null} */
    this.picked = null;
    /** @type {([number, number] | null)[]} where the classes' names stand */
    this.middles = [];
    this.middlesOf = "";
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
    state.on(["colour", "hidden", "dark"], () => this.alive && this.recolour());
    state.on(["borders", "thumbnails"], () => this.alive && this.refresh());
    state.on(["code", "row", "from", "to", "path", "t"], () => this.alive && this.refreshOver());
  }

  /** Only what is in the page is kept up to date. */
  get alive() {
    return this.element.isConnected;
  }

  async open() {
    const { state } = this.context;
    const key = state.values.map;
    if (this.source?.key !== key) {
      const source = await openMap(this.run, key);
      if (state.values.map !== key) return;
      this.source = source;
      this.lens.frame(source.points, source.count);
    }
    await this.recolour();
    atlasOf(this.run).open().then(this.refresh, this.context.fail);
  }

  /** The attribute that colours the dots, if it has one colour for each class. */
  get classes() {
    const attribute = this.run.attributes.get(this.context.state.values.colour);
    const size = attribute?.values?.length ?? 0;
    return attribute && attribute.kind === "categorical" && size <= MOST_COLOURED ? attribute : null;
  }

  async recolour() {
    const { source, run } = this;
    if (!source) return;
    const { colour: name, dark, hidden } = this.context.state.values;
    const attribute = run.attributes.get(name);
    const labels = run.labels.get(name);
    const colours = new Uint32Array(source.count);
    const unknown = packed(rgb(unknownColour(dark)));
    /** @type {Map<number, number>} */
    const known = new Map();
    const colour = attribute && colourOf(attribute, dark, rangeOf(labels));
    for (let i = 0; i < source.count; i++) {
      const value = labels?.[i] ?? NaN;
      if (Number.isNaN(value) || !colour) colours[i] = hidden.has(-1) ? 0 : unknown;
      else {
        let found = known.get(value);
        if (found === undefined) {
          found = attribute?.values && hidden.has(value) ? 0 : packed(rgb(colour(value)));
          known.set(value, found);
        }
        colours[i] = found;
      }
    }
    this.colours = colours;
    this.shown = colours.reduce((sum, each) => sum + (each ? 1 : 0), 0);
    this.nearby = new Nearby(source.points, colours);
    this.hovered = -1;
    await this.shade(name, dark);
    this.refresh();
    this.changed.forEach((tell) => tell());
  }

  /** @param {string} name @param {boolean} dark */
  async shade(name, dark) {
    const { source, run } = this;
    const region = source?.regions.find((each) => each.attribute === name);
    const attribute = run.attributes.get(name);
    this.regions = null;
    if (!source || !region || !attribute) return;
    const [labels, confidence] = await Promise.all([run.blocks.small(region.labels), run.blocks.small(region.confidence)]);
    const size = attribute.values?.length ?? 0;
    const colour = colourOf(attribute, dark, [0, 1]);
    const show = (/** @type {import("./regions.js").Grid} */ grid) => {
      this.regions = new Regions(grid, colour, size, dark);
    };
    show(this.wide.get(`${source.key}|${name}`) ?? { region: atCentres(region), labels, confidence });
    const { classifier } = run;
    if (region.reader !== "classifier" || classifier?.attribute !== name || this.wide.has(`${source.key}|${name}`)) return;
    const { x, y, spanX, spanY } = this.lens.home;
    const aspect = Math.max(this.lens.width / this.lens.height, spanX / spanY, 2);
    const [halfX, halfY] = [0.7 * Math.max(spanY * aspect, spanX), 0.7 * Math.max(spanY, spanX / aspect)];
    const code = this.context.state.values.code;
    widen(region, (a, b) => classifier.chances(source.toCode(a, b, code)), { x: [x - halfX, x + halfX], y: [y - halfY, y + halfY] }).then((grid) => {
      this.wide.set(`${source.key}|${name}`, grid);
      if (this.source !== source || this.context.state.values.colour !== name) return;
      this.shade(name, this.context.state.values.dark).then(() => this.refresh());
    }, this.context.fail);
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
    this.lens.resize(width, height);
    this.draw();
  }

  draw() {
    if (!this.alive || !this.source) return;
    const started = performance.now();
    const base = /** @type {CanvasRenderingContext2D} */ (this.base.getContext("2d"));
    base.clearRect(0, 0, this.base.width, this.base.height);
    const { borders, dark, thumbnails } = this.context.state.values;
    this.regions?.draw(base, this.lens, dark ? "#f4f6f8" : "#1c1e21", borders);
    const { count } = this.source;
    const many = count > 30_000;
    // 10,000 dots show a crowd, a few dozen must each be seen.
    const plain = many ? 1 : Math.max(1.5, 4 - Math.log10(Math.max(count, 30) / 30));
    const radius = Math.min(6, plain * this.ratio * Math.max(this.lens.zoom, 1) ** 0.35);
    const edge = !many && radius >= 2 ? packed(dark ? [22, 25, 29] : [255, 255, 255], 235) : 0;
    this.raster.draw(this.lens, this.source.points, this.colours, radius, edge);
    if (thumbnails) this.drawThumbnails();
    this.element.dataset.milliseconds = (performance.now() - started).toFixed(2);
    this.drawOver();
  }

  /** Pictures in place of dots, as many as fit side by side. */
  drawThumbnails() {
    const { source, lens, colours, raster } = this;
    if (!source) return;
    const atlas = atlasOf(this.run);
    const side = Math.round(30 * this.ratio);
    const columns = Math.ceil(lens.width / side);
    const taken = new Uint8Array(columns * Math.ceil(lens.height / side));
    const to = raster.context;
    to.imageSmoothingEnabled = true;
    let drawn = 0;
    for (let i = 0; i < Math.min(source.count, atlas.count); i++) {
      if (!colours[i]) continue;
      const [x, y] = lens.toScreen(source.points[2 * i], source.points[2 * i + 1]);
      const cell = Math.floor(y / side) * columns + Math.floor(x / side);
      if (x < 0 || y < 0 || x >= lens.width || y >= lens.height || taken[cell]) continue;
      taken[cell] = 1;
      const [left, top] = [Math.floor(x / side) * side, Math.floor(y / side) * side];
      const colour = colours[i];
      to.fillStyle = `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
      to.fillRect(left + 1, top + 1, side - 2, side - 2);
      if (atlas.draw(to, i, left + 3, top + 3, side - 6, side - 6)) drawn++;
    }
    this.drawn = drawn;
    this.changed.forEach((tell) => tell());
  }

  drawOver() {
    if (this.alive && this.source) drawOverlay(this);
  }

  /** Draw the picture of a place. @param {number} px @param {number} py in canvas pixels */
  pick(px, py) {
    if (!this.source) return;
    const [x, y] = this.lens.toMap(px, py);
    // On a map that cannot be turned back, a dot is at least a picture that is.
    const row = this.source.exact ? -1 : this.nearby?.find(x, y, (6 * this.ratio) / this.lens.scale) ?? -1;
    const code = row >= 0 ? this.run.codeOf(row) : this.source.toCode(x, y, this.context.state.values.code);
    this.picked = { x, y, code };
    this.context.show(code, { row });
  }

  /** Where the current code is, in canvas pixels. @returns {[number, number]} */
  get marker() {
    const { code, row } = this.context.state.values;
    if (!this.source) return [0, 0];
    const place = this.picked?.code === code ? /** @type {[number, number]} */ ([this.picked.x, this.picked.y]) : this.source.fromCode(code, row);
    return this.lens.toScreen(...place);
  }
}

/** A stored grid divides its extent into cells; what is drawn reaches from the first centre to the last. @param {import("../types").Region} region */
function atCentres({ x, y, ...rest }) {
  const [halfX, halfY] = [(x[1] - x[0]) / rest.width / 2, (y[1] - y[0]) / rest.height / 2];
  return { ...rest, x: /** @type {[number, number]} */ ([x[0] + halfX, x[1] - halfX]), y: /** @type {[number, number]} */ ([y[0] + halfY, y[1] - halfY]) };
}

/** The 1st and 99th percentiles of known values. @param {Float32Array | undefined} values @returns {[number, number]} */
export function rangeOf(values) {
  const known = values?.filter((each) => !Number.isNaN(each)).sort() ?? new Float32Array(0);
  return known.length ? [known[Math.floor(known.length * 0.01)], known[Math.floor((known.length - 1) * 0.99)]] : [0, 1];
}
