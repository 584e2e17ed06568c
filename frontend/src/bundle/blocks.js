/** @import {BlockRef, Host, Manifest} from "../types" */
import { sha256 } from "./sha256.js";

/** A damaged or unknown bundle; the message is a sentence for the user. */
export class BundleError extends Error {}

/** Blocks by reference, each fetched, checked against its sha256 and read once. */
export class Blocks {
  /** @param {Host} host */
  constructor(host) {
    this.host = host;
    /** @type {Map<string, Promise<ArrayBuffer>>} */
    this.bytesOf = new Map();
    /** @type {Map<string, Promise<Float32Array>>} */
    this.floatsOf = new Map();
  }

  /**
   * @param {BlockRef} reference
   * @returns {Promise<ArrayBuffer>}
   */
  bytes(reference) {
    let found = this.bytesOf.get(reference.block);
    if (!found) {
      found = this.fetch(reference);
      this.bytesOf.set(reference.block, found);
    }
    return found;
  }

  /** @param {BlockRef} reference */
  async fetch(reference) {
    let bytes;
    try {
      bytes = await this.host.block(reference.block);
    } catch (error) {
      throw new BundleError(`The part “${reference.block}” of this bundle cannot be read. ${messageOf(error)}`);
    }
    if (bytes.byteLength !== reference.bytes || (await sha256(bytes)) !== reference.sha256) {
      throw new BundleError(
        `The part “${reference.block}” of this bundle was changed or damaged after it was made, so nothing of it is shown. Copy or download the file again, or export the run again.`,
      );
    }
    return bytes;
  }

  /**
   * Numbers as float32, whatever they are kept as.
   * @param {BlockRef} reference
   * @returns {Promise<Float32Array>}
   */
  floats(reference) {
    let found = this.floatsOf.get(reference.block);
    if (!found) {
      found = this.bytes(reference).then((bytes) =>
        reference.dtype === "float16" ? fromHalf(new Uint16Array(bytes)) : new Float32Array(bytes),
      );
      this.floatsOf.set(reference.block, found);
    }
    return found;
  }

  /** @param {BlockRef} reference */
  async byteArray(reference) {
    return new Uint8Array(await this.bytes(reference));
  }
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** IEEE 754 half precision to single. @param {Uint16Array} halves */
export function fromHalf(halves) {
  const table = new Float32Array(65536);
  const filled = new Uint8Array(65536);
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    if (!filled[half]) {
      const exponent = (half >> 10) & 31;
      const fraction = half & 1023;
      const sign = half >> 15 ? -1 : 1;
      const size =
        exponent === 31
          ? fraction ? NaN : Infinity
          : exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
      table[half] = sign * size;
      filled[half] = 1;
    }
    floats[i] = table[half];
  }
  return floats;
}

/** Refuse what this page cannot read, in one sentence. @param {Manifest} manifest */
export function checkManifest(manifest) {
  if (manifest?.schema !== 1) {
    throw new BundleError(
      `This bundle has schema ${manifest?.schema ?? "unknown"}; this page reads schema 1. Export the run again with the distaff that made this page.`,
    );
  }
  if (!manifest.runs?.length) throw new BundleError("This bundle holds no run.");
}
