import { breathe } from "../base/dom.js";

/**
 * Images that move, GIF89a: a palette of the frames' own colours, exact up to 256 of them.
 * @param {ImageData[]} frames of one size
 * @param {number} milliseconds to show each
 */
export async function encodeGif(frames, milliseconds) {
  const { width, height } = frames[0];
  const { palette, indexOf } = quantise(frames);
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  const word = (/** @type {number} */ value) => [value & 255, value >> 8];
  parts.push(
    Uint8Array.from([
      ...[..."GIF89a"].map((each) => each.charCodeAt(0)),
      ...word(width), ...word(height), 0xf7, 0, 0, ...palette,
      0x21, 0xff, 11, ...[..."NETSCAPE2.0"].map((each) => each.charCodeAt(0)), 3, 1, 0, 0, 0,
    ]),
  );
  for (const frame of frames) {
    parts.push(Uint8Array.from([0x21, 0xf9, 4, 4, ...word(Math.round(milliseconds / 10)), 0, 0, 0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, 8]));
    parts.push(compress(indices(frame, indexOf)));
    await breathe();
  }
  parts.push(Uint8Array.of(0x3b));
  return new Blob(parts, { type: "image/gif" });
}

/** @param {ImageData} frame @param {(colour: number) => number} indexOf */
function indices({ data }, indexOf) {
  const found = new Uint8Array(data.length / 4);
  for (let i = 0; i < found.length; i++) found[i] = indexOf((data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2]);
  return found;
}

/** At most 256 colours, by cutting the most spread box at its median. @param {ImageData[]} frames */
function quantise(frames) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) {
      const colour = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
  }
  let boxes = [[...counts.keys()]];
  while (boxes.length < 256) {
    const ranked = boxes.map((box) => ({ box, ...widest(box) })).sort((a, b) => b.spread - a.spread);
    const { box, shift, spread } = ranked[0];
    if (!spread) break;
    const sorted = box.sort((a, b) => ((a >> shift) & 255) - ((b >> shift) & 255));
    boxes = [...ranked.slice(1).map((each) => each.box), sorted.slice(0, sorted.length >> 1), sorted.slice(sorted.length >> 1)];
    // Few colours are each kept as they are.
    if (counts.size <= 256 && boxes.length >= counts.size) break;
  }
  const palette = new Uint8Array(768);
  /** @type {Map<number, number>} */
  const index = new Map();
  boxes.forEach((box, n) => {
    const total = box.reduce((sum, colour) => sum + (counts.get(colour) ?? 0), 0);
    for (let c = 0; c < 3; c++) {
      const sum = box.reduce((all, colour) => all + ((colour >> (16 - 8 * c)) & 255) * (counts.get(colour) ?? 0), 0);
      palette[3 * n + c] = Math.round(sum / total);
    }
    box.forEach((colour) => index.set(colour, n));
  });
  return { palette, indexOf: (/** @type {number} */ colour) => index.get(colour) ?? 0 };
}

/** @param {number[]} box */
function widest(box) {
  let best = { shift: 16, spread: 0 };
  for (const shift of [16, 8, 0]) {
    let [low, high] = [255, 0];
    for (const colour of box) {
      const value = (colour >> shift) & 255;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (high - low > best.spread) best = { shift, spread: high - low };
  }
  return best;
}

/** Lempel-Ziv-Welch with codes from 9 to 12 bits, in blocks of at most 255 bytes. @param {Uint8Array} pixels */
function compress(pixels) {
  const clear = 256;
  const end = 257;
  /** @type {number[]} */
  const bytes = [];
  let bits = 0;
  let held = 0;
  let size = 9;
  const put = (/** @type {number} */ code) => {
    held |= code << bits;
    bits += size;
    while (bits >= 8) {
      bytes.push(held & 255);
      held >>>= 8;
      bits -= 8;
    }
  };
  /** @type {Map<number, number>} */
  let known = new Map();
  let next = end + 1;
  put(clear);
  let prefix = pixels[0];
  for (let i = 1; i < pixels.length; i++) {
    const key = (prefix << 8) | pixels[i];
    const found = known.get(key);
    if (found !== undefined) {
      prefix = found;
      continue;
    }
    put(prefix);
    if (next < 4096) {
      known.set(key, next);
      if (next === 1 << size) size++;
      next++;
    } else {
      put(clear);
      known = new Map();
      next = end + 1;
      size = 9;
    }
    prefix = pixels[i];
  }
  put(prefix);
  put(end);
  if (bits) bytes.push(held & 255);
  const blocks = [];
  for (let at = 0; at < bytes.length; at += 255) {
    const block = bytes.slice(at, at + 255);
    blocks.push(block.length, ...block);
  }
  blocks.push(0);
  return Uint8Array.from(blocks);
}
