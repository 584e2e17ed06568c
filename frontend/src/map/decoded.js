/** @import {Plane} from "./plane.js" */
import { Latest, imageData } from "../parts/canvas.js";

/** Pixels from image to image, at least. */
const SIDE = 36;
/** Images that are decoded at a time, so that the live image need not wait. */
const BATCH = 16;
const MOST_KEPT = 2000;
/** Milliseconds without a change after which images that depend on the current code are decoded anew. */
const REST = 150;
/** Nearness to the data below which nothing is decoded. */
const LEAST_REACH = 0.05;

/** Images decoded at regular places of the map. */
export class DecodedLayer {
  /** @param {Plane} plane */
  constructor(plane) {
    this.plane = plane;
    /** @type {Map<string, OffscreenCanvas>} */
    this.images = new Map();
    /** What the images depend on beside their place. */
    this.basis = "";
    this.timer = 0;
    /** @type {{key: string, x: number, y: number}[]} */
    this.wanted = [];
    this.decoding = new Latest(() => this.decode(), plane.context.fail);
  }

  /** The places' distance in map units: a power of two times a root of two, so that images can be kept while one moves. */
  get step() {
    const { ratio, viewport } = this.plane;
    return 2 ** (Math.ceil(2 * Math.log2((SIDE * ratio) / viewport.scale)) / 2);
  }

  /** Wait for the code to come to rest, if the images depend on it. */
  follow() {
    clearTimeout(this.timer);
    if (this.plane.context.state.values.layer === "decoded" && this.basis !== this.basisNow()) this.timer = window.setTimeout(this.plane.refresh, REST);
  }

  basisNow() {
    const { source, context, run } = this.plane;
    const { code, condition, blended } = context.state.values;
    return [source?.key, ...(blended ?? run.conditionCode(condition) ?? []), ...(source?.sliced ? code : [])].join();
  }

  /** @returns {number} how many images are drawn */
  draw() {
    const { source, viewport, raster, reach } = this.plane;
    if (!source || !reach) return 0;
    const basis = this.basisNow();
    if (basis !== this.basis || this.images.size > MOST_KEPT) this.images.clear();
    this.basis = basis;
    const { step } = this;
    const side = step * viewport.scale;
    const [left, top] = viewport.toMap(0, 0);
    const [right, bottom] = viewport.toMap(viewport.width, viewport.height);
    const to = raster.context;
    to.imageSmoothingEnabled = true;
    this.wanted = [];
    let drawn = 0;
    for (let row = Math.floor(bottom / step); row * step <= top; row++) {
      for (let column = Math.floor(left / step); column * step <= right; column++) {
        const [x, y] = [(column + 0.5) * step, (row + 0.5) * step];
        if (reach.at(x, y) < LEAST_REACH) continue;
        const key = `${step} ${column} ${row}`;
        const image = this.images.get(key);
        if (!image) {
          this.wanted.push({ key, x, y });
          continue;
        }
        const [px, py] = viewport.toScreen(column * step, (row + 1) * step);
        const scale = (side - 2) / Math.max(image.width, image.height);
        to.drawImage(image, px + (side - image.width * scale) / 2, py + (side - image.height * scale) / 2, image.width * scale, image.height * scale);
        drawn++;
      }
    }
    if (this.wanted.length) this.decoding.ask(null);
    return drawn;
  }

  async decode() {
    const { run, source, context, refresh } = this.plane;
    const { basis } = this;
    while (source && this.wanted.length && basis === this.basis && this.plane.alive) {
      const batch = this.wanted.splice(0, BATCH);
      const { code, condition, blended } = context.state.values;
      const images = await run.decode(batch.map(({ x, y }) => source.toCode(x, y, code)), blended ?? run.conditionCode(condition));
      if (basis !== this.basis || basis !== this.basisNow()) return;
      batch.forEach(({ key }, n) => {
        const canvas = new OffscreenCanvas(images.width, images.height);
        canvas.getContext("2d")?.putImageData(imageData(images, n), 0, 0);
        this.images.set(key, canvas);
      });
      refresh();
    }
  }
}
