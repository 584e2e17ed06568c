/** @import {Plane} from "./plane.js" */
import { atlasOf } from "../parts/atlas.js";

const SIDE = 30;

/** Draw test images in place of points, as many as fit side by side. @param {Plane} plane @returns {number} how many */
export function drawThumbnails({ source, viewport, colours, raster, ratio, run }) {
  if (!source) return 0;
  const atlas = atlasOf(run);
  const side = Math.round(SIDE * ratio);
  const columns = Math.ceil(viewport.width / side);
  const taken = new Uint8Array(columns * Math.ceil(viewport.height / side));
  const to = raster.context;
  to.imageSmoothingEnabled = true;
  let drawn = 0;
  for (let i = 0; i < Math.min(source.count, atlas.count); i++) {
    const colour = colours[i];
    if (!colour) continue;
    const [x, y] = viewport.toScreen(source.points[2 * i], source.points[2 * i + 1]);
    const cell = Math.floor(y / side) * columns + Math.floor(x / side);
    if (x < 0 || y < 0 || x >= viewport.width || y >= viewport.height || taken[cell]) continue;
    taken[cell] = 1;
    const [left, top] = [Math.floor(x / side) * side, Math.floor(y / side) * side];
    to.fillStyle = `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
    to.fillRect(left + 1, top + 1, side - 2, side - 2);
    if (atlas.draw(to, i, left + 3, top + 3, side - 6, side - 6)) drawn++;
  }
  return drawn;
}
