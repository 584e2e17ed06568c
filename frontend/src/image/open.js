/** @import {Planes} from "./resize.js" */
import { isPng, readPng } from "./png.js";
import { keptPart, resize } from "./resize.js";

/**
 * An image file as a model takes it, as `distaff.data.read_images` in Python does it: turned upright,
 * transparent parts black (white around black ink alone), grey or colour as the model wants, cut to its proportions, resized.
 * @param {Blob} file
 * @param {Shape} shape
 * @param {number | null} crop
 */
export async function openImage(file, shape, crop) {
  return fitImage(await upright(file), shape, crop);
}

/** Pixels as a model takes them. @param {Pixels} rgba @param {Shape} shape @param {number | null} crop @returns {Planes} */
export function fitImage(rgba, shape, crop) {
  const plain = shape.channels === 1 ? toGrey(rgba) : toColour(rgba);
  const part = keptPart(plain.width, plain.height, shape.width, shape.height, crop);
  return resize(plain, part, shape.width, shape.height);
}

/** @param {Blob} file */
async function upright(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isPng(bytes)) {
    const exact = await readPng(bytes).catch(() => {
      throw new Error("This PNG file is damaged and cannot be read.");
    });
    if (exact) return turn(exact, exact.orientation);
  }
  return byBrowser(file);
}

/** @param {Blob} file */
async function byBrowser(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error("This file is no image that the browser can read. Choose a PNG, JPEG, WebP or GIF file.");
  }
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const data = onGround((ground) => {
    context.fillStyle = `rgb(${ground} ${ground} ${ground})`;
    context.fillRect(0, 0, bitmap.width, bitmap.height);
    context.drawImage(bitmap, 0, 0);
    return new Uint8Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
  }, 4);
  return { data, width: bitmap.width, height: bitmap.height };
}

/**
 * An image over black, or over white if all that is drawn is black, which would be lost.
 * @param {(ground: number) => Uint8Array} draw
 * @param {number} values of a pixel in what is drawn; the fourth, if any, is no colour
 */
function onGround(draw, values) {
  const shows = (/** @type {Uint8Array} */ data, /** @type {number} */ ground) =>
    data.some((value, i) => value !== ground && i % values < 3);
  const black = draw(0);
  if (shows(black, 0)) return black;
  const white = draw(255);
  return shows(white, 255) ? white : black;
}

/** @typedef {{channels: number, width: number, height: number}} Shape */
/** @typedef {{data: Uint8Array, width: number, height: number}} Pixels [h, w, 4] */

/** Undo how the camera was held, 1 to 8 as in EXIF. @param {Pixels} image @param {number} orientation @returns {Pixels} */
export function turn({ data, width, height }, orientation) {
  if (orientation < 2 || orientation > 8) return { data, width, height };
  const swapped = orientation >= 5;
  const [w, h] = swapped ? [height, width] : [width, height];
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let [fromX, fromY] = swapped ? [y, x] : [x, y];
      if ([2, 3, 7, 8].includes(orientation)) fromX = width - 1 - fromX;
      if ([3, 4, 6, 7].includes(orientation)) fromY = height - 1 - fromY;
      const [from, to] = [(fromY * width + fromX) * 4, (y * w + x) * 4];
      for (let c = 0; c < 4; c++) turned[to + c] = data[from + c];
    }
  }
  return { data: turned, width: w, height: h };
}

/** One channel over a grey ground, as Pillow's alpha_composite rounds it. @param {number} value @param {number} alpha @param {number} ground */
function over(value, alpha, ground) {
  if (alpha === 255) return value;
  if (alpha === 0) return ground;
  const sum = (value * alpha + ground * (255 - alpha)) * 128 + 0x4000;
  return (((sum >> 8) + sum) >> 8) >> 7;
}

/** @param {Pixels} image @returns {Planes} */
function toColour({ data, width, height }) {
  const pixels = width * height;
  const planes = onGround((ground) => {
    const drawn = new Uint8Array(3 * pixels);
    for (let i = 0; i < pixels; i++) {
      for (let c = 0; c < 3; c++) drawn[c * pixels + i] = over(data[4 * i + c], data[4 * i + 3], ground);
    }
    return drawn;
  }, 3);
  return { channels: 3, width, height, data: planes };
}

/** ITU-R 601-2 luma in Pillow's fixed point. @param {Pixels} image @returns {Planes} */
function toGrey(image) {
  const { data, width, height } = toColour(image);
  const pixels = width * height;
  const grey = new Uint8Array(pixels);
  for (let i = 0; i < pixels; i++) {
    grey[i] = (data[i] * 19595 + data[pixels + i] * 38470 + data[2 * pixels + i] * 7471 + 0x8000) >> 16;
  }
  return { channels: 1, width, height, data: grey };
}
