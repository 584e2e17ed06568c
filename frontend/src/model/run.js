/** @import {Attribute, Images, Run} from "../types" */
/** @import {Blocks} from "../bundle/blocks.js" */
/** @import {Engine} from "../engine/client.js" */
import { labelOf, readBlock, sizeOf, writeBlock } from "./attributes.js";
import { LatentClassifier } from "./classifier.js";
import { Predictor } from "./prediction.js";
import { Support } from "./support.js";

/** @typedef {Record<string, number>} Values class index or number by attribute; NaN unknown */

/** One run of the bundle with what is needed to encode, decode, read and write. */
export class RunModel {
  /**
   * @param {Run} run
   * @param {number} index
   * @param {Blocks} blocks
   * @param {Engine} engine
   */
  constructor(run, index, blocks, engine) {
    this.run = run;
    this.index = index;
    this.blocks = blocks;
    this.engine = engine;
    this.width = run.latents.length;
    this.pixels = { width: run.image.width, height: run.image.height, channels: run.image.channels };
    /** @type {Map<string, Attribute>} */
    this.attributes = new Map(run.attributes.map((each) => [each.name, each]));
    this.attributeBlocks = run.blocks_of_z.filter((block) => block.attribute !== null);
    /** @type {Map<string, Float32Array>} */
    this.prototypes = new Map();
    /** Codes of the test images [count, D], from `open` on. @type {Float32Array} */
    this.codes = new Float32Array(0);
    this.count = run.points.count;
    /** @type {LatentClassifier | null} */
    this.classifier = null;
    /** @type {Map<string, Float32Array>} */
    this.labels = new Map();
    /** The code [K, D] of each class, by attribute. @type {Map<string, Float32Array>} */
    this.ends = new Map();
    /** The latents that no attribute stands for. */
    this.free = run.latents.map(({ index }) => index).filter((index) => !this.attributeBlocks.some(({ start, stop }) => index >= start && index < stop));
    /** The latents that a path may bend among. */
    this.gaussian = run.latents.filter((latent) => latent.kind === "gaussian").map((latent) => latent.index);
    this.predictor = new Predictor(this);
    /** Where the codes of training images lie. */
    this.support = new Support(new Float32Array(0), [], [], 1);
  }

  /** What kind of model this is: it decides what the page shows first. */
  get kind() {
    if (this.attributeBlocks.length) return /** @type {const} */ ("attributes");
    if (this.run.condition.length) return /** @type {const} */ ("conditional");
    if (this.run.classifier) return /** @type {const} */ ("classes");
    return /** @type {const} */ ("plain");
  }

  /** Read what every view needs; the networks load at the same time. */
  async open() {
    const { run, blocks } = this;
    this.codes = await blocks.floats(run.points.codes);
    if (run.classifier) this.classifier = await LatentClassifier.open(run.classifier, blocks);
    this.predictor = new Predictor(this);
    const { columns, scale, unit, codes } = run.training;
    this.support = new Support(await blocks.floats(codes), columns, scale, unit);
    for (const block of this.attributeBlocks) {
      if (block.prototypes) this.prototypes.set(block.name, await blocks.floats(block.prototypes));
    }
    await Promise.all([
      ...Object.entries(run.class_ends.codes).map(async ([name, reference]) => {
        this.ends.set(name, await blocks.floats(reference));
      }),
      ...Object.entries(run.points.attributes).map(async ([name, reference]) => {
        if (this.attributes.has(name)) this.labels.set(name, await blocks.floats(reference));
      }),
    ]);
  }

  /** @param {number} row */
  codeOf(row) {
    // The codes of all images are rounded; the one that the figures traverse is kept exactly.
    const { typical } = this.run.points;
    if (row === typical.row) return Float32Array.from(typical.code);
    return this.codes.slice(row * this.width, (row + 1) * this.width);
  }

  /** How many of the latents that stand for no attribute are in use. */
  get active() {
    return this.free.filter((index) => this.run.latents[index].active).length;
  }

  /** Whether there are latents that stand for no attribute, and all are unused. */
  get ignoresItsLatents() {
    return this.free.length > 0 && this.active === 0;
  }

  /** The row of a typical image, the one that the figures traverse. */
  get typicalRow() {
    return this.run.points.typical.row;
  }

  /**
   * The condition of a test image. One without a label gets the first class: without any condition the decoder would
   * be used in a way that it was not trained for.
   * @param {number} row
   * @returns {Values}
   */
  conditionOf(row) {
    return Object.fromEntries(
      this.run.condition.map((name) => {
        const value = this.labels.get(name)?.[row] ?? NaN;
        const attribute = this.attribute(name);
        return [name, Number.isNaN(value) ? (sizeOf(attribute) ? 0 : attribute.mean ?? 0) : value];
      }),
    );
  }

  /** The attributes that a code holds in their own latents. @param {ArrayLike<number>} code @returns {Values} */
  read(code) {
    return Object.fromEntries(
      this.attributeBlocks.map((block) => {
        const name = /** @type {string} */ (block.attribute);
        return [name, readBlock(block, code, sizeOf(this.attribute(name)))];
      }),
    );
  }

  /**
   * A code with some attributes set; the others become the pure code of what they read, as in Python.
   * @param {Float32Array} code
   * @param {Values} values
   */
  write(code, values) {
    const written = Float32Array.from(code);
    const all = { ...this.read(code), ...values };
    for (const block of this.attributeBlocks) {
      const name = /** @type {string} */ (block.attribute);
      const size = sizeOf(this.attribute(name));
      written.set(writeBlock(block, all[name], size, this.prototypes.get(block.name) ?? null), block.start);
    }
    return written;
  }

  /** @param {string} name @returns {Attribute} */
  attribute(name) {
    return /** @type {Attribute} */ (this.attributes.get(name));
  }

  /** @param {string} name @param {number} value */
  label(name, value) {
    return labelOf(this.attribute(name), value);
  }

  /**
   * The condition as the models take it: one-hot classes, standardised numbers, zeros where unknown.
   * @param {Values} values
   * @returns {Float32Array | null} [k]
   */
  conditionCode(values) {
    if (!this.run.condition.length) return null;
    const row = [];
    for (const name of this.run.condition) {
      const attribute = this.attribute(name);
      const value = values[name] ?? NaN;
      const size = sizeOf(attribute);
      if (size) for (let k = 0; k < size; k++) row.push(Math.round(value) === k ? 1 : 0);
      else row.push(Number.isNaN(value) ? 0 : (value - (attribute.mean ?? 0)) / (attribute.std || 1));
    }
    return Float32Array.from(row);
  }

  loadDecoder() {
    return this.engine.load(`${this.index}/decoder`, () => this.blocks.bytes(this.run.models.decoder));
  }

  loadEncoder() {
    return this.engine.load(`${this.index}/encoder`, () => this.blocks.bytes(this.run.models.encoder));
  }

  /**
   * @param {Float32Array[]} codes
   * @param {Float32Array | null | (Float32Array | null)[]} condition one for all codes, or one each
   * @returns {Promise<Images>}
   */
  async decode(codes, condition) {
    await this.loadDecoder();
    const each = Array.isArray(condition) ? condition : codes.map(() => condition);
    return this.engine.decode(`${this.index}/decoder`, joined(codes), joined(each), codes.length);
  }

  /** As `decode`, in numbers from 0 to 1: [n, c, h, w]. @param {Float32Array[]} codes @param {(Float32Array | null)[]} conditions @returns {Promise<Float32Array>} */
  async decodeFloats(codes, conditions) {
    await this.loadDecoder();
    return this.engine.ask("decode", { key: `${this.index}/decoder`, code: joined(codes), condition: joined(conditions), count: codes.length, floats: true });
  }

  /**
   * The code of an image.
   * @param {Float32Array} image [c, h, w] in [0, 1]
   * @param {Values} condition as far as it is known
   */
  async encode(image, condition) {
    await this.loadEncoder();
    const { channels, height, width } = this.pixels;
    return this.engine.encode(`${this.index}/encoder`, image, [channels, height, width], this.conditionCode(condition), 1);
  }
}

/**
 * @template {(Float32Array | null)[]} T
 * @param {T} rows
 * @returns {T extends Float32Array[] ? Float32Array : Float32Array | null}
 */
function joined(rows) {
  const width = rows[0]?.length ?? 0;
  if (!rows[0]) return /** @type {any} */ (null);
  const all = new Float32Array(width * rows.length);
  rows.forEach((row, n) => all.set(/** @type {Float32Array} */ (row), n * width));
  return /** @type {any} */ (all);
}
