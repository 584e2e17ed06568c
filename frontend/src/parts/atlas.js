/** @import {Planes} from "../image/resize.js" */
/** @import {RunModel} from "../model/run.js" */

/** The thumbnails of the test images, all on one sheet. */
export class Atlas {
  /** @param {RunModel} run */
  constructor(run) {
    this.run = run;
    const stored = run.run.points.thumbnails;
    this.columns = stored?.columns ?? 1;
    this.width = stored?.width ?? stored?.side ?? run.pixels.width;
    this.height = stored?.height ?? stored?.side ?? run.pixels.height;
    /** Only the first so many images have one. */
    this.count = stored ? stored.count ?? run.count : 0;
    /** @type {ImageBitmap | null} */
    this.sheet = null;
    /** @type {Promise<void> | null} */
    this.opening = null;
  }

  open() {
    this.opening ??= this.read();
    return this.opening;
  }

  async read() {
    const stored = this.run.run.points.thumbnails;
    if (!stored || typeof stored.block === "string") return;
    const bytes = await this.run.blocks.bytes(stored.block);
    this.sheet = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  }

  /** @param {number} row */
  has(row) {
    return this.sheet !== null && row >= 0 && row < this.count;
  }

  /**
   * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} to
   * @param {number} row
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  draw(to, row, x, y, width, height) {
    if (!this.sheet || !this.has(row)) return false;
    const left = (row % this.columns) * this.width;
    const top = Math.floor(row / this.columns) * this.height;
    to.drawImage(this.sheet, left, top, this.width, this.height, x, y, width, height);
    return true;
  }

  /** The levels of a thumbnail, null where there is none. @param {number} row @returns {Planes | null} */
  planes(row) {
    const { width, height } = this;
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (!context || !this.draw(context, row, 0, 0, width, height)) return null;
    const { data } = context.getImageData(0, 0, width, height);
    const channels = this.run.pixels.channels > 2 ? 3 : 1;
    const planes = new Uint8Array(channels * width * height);
    for (let i = 0; i < width * height; i++) for (let c = 0; c < channels; c++) planes[c * width * height + i] = data[4 * i + c];
    return { channels, width, height, data: planes };
  }
}

/** @type {WeakMap<RunModel, Atlas>} */
const opened = new WeakMap();

/** The one atlas of a run. @param {RunModel} run */
export function atlasOf(run) {
  let atlas = opened.get(run);
  if (!atlas) opened.set(run, (atlas = new Atlas(run)));
  return atlas;
}
