/**
 * Pillow's antialiased bilinear filter on bytes, to the last bit: fixed-point weights, rows first, each pass
 * rounded to bytes. Canvas resizing does neither.
 */

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/**
 * The weights of one axis.
 * @param {number} size of the whole image
 * @param {number} start of the part that is kept
 * @param {number} length of that part
 * @param {number} target
 */
function weights(size, start, length, target) {
  const step = length / target;
  const scale = Math.max(step, 1);
  // By its reciprocal, and so the weights by theirs: a division rounds otherwise, and now and then a byte with it.
  const inverse = 1 / scale;
  return Array.from({ length: target }, (_, i) => {
    const centre = start + (i + 0.5) * step;
    // Truncation, as a C cast does it.
    const first = Math.max(0, Math.trunc(centre - scale + 0.5));
    const last = Math.min(size, Math.trunc(centre + scale + 0.5));
    const raw = Array.from({ length: last - first }, (_, k) => Math.max(0, 1 - Math.abs((k + first - centre + 0.5) * inverse)));
    const share = 1 / (raw.reduce((sum, each) => sum + each, 0) || 1);
    return { first, weights: Int32Array.from(raw, (each) => Math.trunc(0.5 + each * share * (1 << PRECISION))) };
  });
}

/** @param {number} value */
const toByte = (value) => Math.min(Math.max(value >> PRECISION, 0), 255);

/**
 * @typedef {{channels: number, width: number, height: number, data: Uint8Array}} Planes bytes [c, h, w]
 */

/**
 * Cut a part out of an image and bring it to a size.
 * @param {Planes} image
 * @param {{left: number, top: number, width: number, height: number}} part
 * @param {number} width
 * @param {number} height
 * @returns {Planes}
 */
export function resize(image, part, width, height) {
  const { channels, width: fullWidth, height: fullHeight } = image;
  let { data } = image;
  let rowLength = fullWidth;
  if (width !== fullWidth || part.left || part.width !== width) {
    const columns = weights(fullWidth, part.left, part.width, width);
    const narrow = new Uint8Array(channels * fullHeight * width);
    for (let line = 0; line < channels * fullHeight; line++) {
      for (let x = 0; x < width; x++) {
        const { first, weights: row } = columns[x];
        let sum = HALF;
        for (let k = 0; k < row.length; k++) sum += data[line * fullWidth + first + k] * row[k];
        narrow[line * width + x] = toByte(sum);
      }
    }
    data = narrow;
    rowLength = width;
  }
  if (height !== fullHeight || part.top || part.height !== height) {
    const rows = weights(fullHeight, part.top, part.height, height);
    const small = new Uint8Array(channels * height * width);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        const { first, weights: column } = rows[y];
        for (let x = 0; x < width; x++) {
          let sum = HALF;
          for (let k = 0; k < column.length; k++) sum += data[(c * fullHeight + first + k) * rowLength + x] * column[k];
          small[(c * height + y) * width + x] = toByte(sum);
        }
      }
    }
    data = small;
  }
  return { channels, width, height, data };
}

/**
 * The part of an image that is kept, as `distaff.data.resize.window` in Python: the centre square of `crop`
 * pixels if asked for, then the largest centred part of the target's proportions.
 * @param {number} width
 * @param {number} height
 * @param {number} targetWidth
 * @param {number} targetHeight
 * @param {number | null} crop
 */
export function keptPart(width, height, targetWidth, targetHeight, crop) {
  let [innerWidth, innerHeight] = [width, height];
  if (crop) {
    if (crop > Math.min(width, height)) {
      throw new Error(`This model was trained on the middle ${crop} × ${crop} pixels of its images, and yours has ${width} × ${height}. Use a larger one.`);
    }
    innerWidth = innerHeight = crop;
  }
  const wanted = targetHeight / targetWidth;
  if (innerHeight > innerWidth * wanted) innerHeight = Math.max(1, roundEven(innerWidth * wanted));
  else innerWidth = Math.max(1, roundEven(innerHeight / wanted));
  return {
    left: Math.floor((width - innerWidth) / 2),
    top: Math.floor((height - innerHeight) / 2),
    width: innerWidth,
    height: innerHeight,
  };
}

/** Python's round: halves to even. @param {number} value */
function roundEven(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}
