import { h } from "../base/dom.js";

/** Offer bytes as a file. @param {Blob} blob @param {string} name */
export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: safeName(name) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A run's name as part of a file's. @param {string} name */
function safeName(name) {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(-80) || "distaff";
}

/**
 * Save a canvas as PNG, every pixel repeated.
 * @param {HTMLCanvasElement} canvas
 * @param {string} name
 * @param {number} [scale]
 */
export async function savePng(canvas, name, scale = 1) {
  let from = canvas;
  if (scale > 1) {
    from = h("canvas", { width: canvas.width * scale, height: canvas.height * scale });
    const to = from.getContext("2d");
    if (to) {
      to.imageSmoothingEnabled = false;
      to.drawImage(canvas, 0, 0, from.width, from.height);
    }
  }
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => from.toBlob(resolve, "image/png"));
  if (blob) saveBlob(blob, name);
}
