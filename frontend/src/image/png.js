/**
 * Reads PNG files exactly. A canvas multiplies colours by their opacity and loses bits, so that an image with
 * transparency would come out other than Pillow reads it.
 */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = /** @type {Record<number, number>} */ ({ 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 });
const MOST_PIXELS = 89_478_485;

/** @typedef {{width: number, height: number, data: Uint8Array, grey: boolean, orientation: number}} Rgba bytes [h, w, 4] */

/** @param {Uint8Array} bytes */
export const isPng = (bytes) => SIGNATURE.every((each, i) => bytes[i] === each);

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<Rgba | null>} null for what is left to the browser: interlaced files
 */
export async function readPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header = { width: 0, height: 0, depth: 8, type: 0, interlaced: false };
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  let palette = new Uint8Array(0);
  let clear = new Uint8Array(0);
  let orientation = 1;
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (name === "IHDR") {
      header = { width: view.getUint32(at + 8), height: view.getUint32(at + 12), depth: body[8], type: body[9], interlaced: body[12] === 1 };
    } else if (name === "PLTE") palette = body;
    else if (name === "tRNS") clear = body;
    else if (name === "IDAT") parts.push(body);
    else if (name === "eXIf") orientation = orientationOf(body);
    else if (name === "IEND") break;
    at += 12 + length;
  }
  const { width, height, depth, type, interlaced } = header;
  const channels = CHANNELS[type];
  if (!channels || !width || !height || !parts.length) throw new Error("This PNG is damaged.");
  if (width * height > MOST_PIXELS) throw new Error("This image is too large.");
  if (interlaced) return null;
  const packed = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = new Uint8Array(await new Response(packed).arrayBuffer());
  const step = Math.max(1, (channels * depth) >> 3);
  const rowBytes = Math.ceil((width * channels * depth) / 8);
  if (raw.length < height * (rowBytes + 1)) throw new Error("This PNG is damaged.");
  const lines = unfilter(raw, height, rowBytes, step);
  const data = new Uint8Array(width * height * 4);
  const sample = reader(lines, rowBytes, channels, depth);
  const white = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * 4;
      const first = sample(x, y, 0);
      let alpha = 255;
      if (type === 3) {
        for (let c = 0; c < 3; c++) data[to + c] = palette[3 * first + c];
        alpha = clear[first] ?? 255;
      } else if (type === 0 || type === 4) {
        const grey = depth === 16 ? (type === 0 ? Math.round((first / 65535) * 255) : first >> 8) : Math.trunc((first * 255) / white);
        data.fill(grey, to, to + 3);
        if (type === 4) alpha = sample(x, y, 1) >> (depth - 8);
        else if (clear.length && first === ((clear[0] << 8) | clear[1])) alpha = 0;
      } else {
        const colour = [first, sample(x, y, 1), sample(x, y, 2)];
        for (let c = 0; c < 3; c++) data[to + c] = colour[c] >> (depth - 8);
        if (type === 6) alpha = sample(x, y, 3) >> (depth - 8);
        else if (clear.length && colour.every((each, c) => each === ((clear[2 * c] << 8) | clear[2 * c + 1]))) alpha = 0;
      }
      data[to + 3] = alpha;
    }
  }
  return { width, height, data, grey: type === 0 || type === 4, orientation };
}

/** @param {Uint8Array} lines @param {number} rowBytes @param {number} channels @param {number} depth */
function reader(lines, rowBytes, channels, depth) {
  if (depth === 8) return (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ c) => lines[y * rowBytes + x * channels + c];
  if (depth === 16) {
    return (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ c) => {
      const at = y * rowBytes + 2 * (x * channels + c);
      return (lines[at] << 8) | lines[at + 1];
    };
  }
  const mask = 2 ** depth - 1;
  return (/** @type {number} */ x, /** @type {number} */ y) => {
    const bit = x * depth;
    return (lines[y * rowBytes + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask;
  };
}

/** PNG 1.2, section 6. @param {Uint8Array} raw @param {number} height @param {number} rowBytes @param {number} step */
function unfilter(raw, height, rowBytes, step) {
  const lines = new Uint8Array(height * rowBytes);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (rowBytes + 1)];
    const from = y * (rowBytes + 1) + 1;
    const to = y * rowBytes;
    for (let i = 0; i < rowBytes; i++) {
      const left = i >= step ? lines[to + i - step] : 0;
      const up = y ? lines[to + i - rowBytes] : 0;
      const corner = y && i >= step ? lines[to + i - rowBytes - step] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      lines[to + i] = raw[from + i] + guess;
    }
  }
  return lines;
}

/** @param {number} a @param {number} b @param {number} c */
function paeth(a, b, c) {
  const [toA, toB, toC] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
}

/** How the camera was held, from EXIF's tag 0x0112. @param {Uint8Array} exif a TIFF header and its directory */
export function orientationOf(exif) {
  if (exif.length < 14) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const little = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > exif.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries && directory + 2 + 12 * (i + 1) <= exif.length; i++) {
    const at = directory + 2 + 12 * i;
    if (view.getUint16(at, little) === 0x0112) return view.getUint16(at + 8, little);
  }
  return 1;
}
