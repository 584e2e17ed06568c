/** @import {RunModel} from "../model/run.js" */

/** The test pictures as thumbnails, all in one picture. */
export class Atlas {
  /** @param {RunModel} run */
  constructor(run) {
    this.run = run;
    const stored = run.run.points.thumbnails;
    this.columns = stored?.columns ?? 1;
    this.width = stored?.width ?? stored?.side ?? run.pixels.width;
    this.height = stored?.height ?? stored?.side ?? run.pixels.height;
    /** Only the first so many have one. */
    this.count = stored ? stored.count ?? run.count : 0;
    /** @type {ImageBitmap | null} */
    this.image = null;
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
    this.image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  }

  /** @param {number} row */
  has(row) {
    return this.image !== null && row >= 0 && row < this.count;
  }

  /**
   * @param {CanvasRenderingContext2D} to
   * @param {number} row
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  draw(to, row, x, y, width, height) {
    if (!this.image || !this.has(row)) return false;
    const left = (row % this.columns) * this.width;
    const top = Math.floor(row / this.columns) * this.height;
    to.drawImage(this.image, left, top, this.width, this.height, x, y, width, height);
    return true;
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
