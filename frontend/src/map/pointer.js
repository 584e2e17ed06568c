/** @import {Plane} from "./plane.js" */

const CLICK = 4;

/** Fingers, mouse and keys on a map. @param {Plane} plane */
export function handle(plane) {
  const { surface, lens } = plane;
  /** @type {Map<number, [number, number]>} */
  const down = new Map();
  let moved = 0;
  /** @type {"pan" | "mark"} */
  let mode = "pan";

  /** @param {MouseEvent} event @returns {[number, number]} canvas pixels */
  const place = (event) => {
    const box = surface.getBoundingClientRect();
    return [(event.clientX - box.left) * plane.ratio, (event.clientY - box.top) * plane.ratio];
  };

  surface.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    moved = 0;
    const [x, y] = place(event);
    const [markX, markY] = plane.marker;
    mode = plane.source?.exact && Math.hypot(x - markX, y - markY) < 14 * plane.ratio ? "mark" : "pan";
    plane.hover.hide();
  });
  surface.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      hover(plane, now, event);
      return;
    }
    const others = [...down].filter(([id]) => id !== event.pointerId);
    if (others.length) {
      const [, fixed] = others[0];
      const factor = Math.hypot(now[0] - fixed[0], now[1] - fixed[1]) / Math.hypot(before[0] - fixed[0], before[1] - fixed[1]);
      if (Number.isFinite(factor)) lens.zoomAt(factor, (now[0] + fixed[0]) / 2, (now[1] + fixed[1]) / 2);
      moved = Infinity;
      plane.refresh();
    } else {
      moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (mode === "mark") plane.pick(...now);
      else if (moved > CLICK) {
        lens.pan(now[0] - before[0], now[1] - before[1]);
        plane.refresh();
      }
    }
    down.set(event.pointerId, now);
  });
  surface.addEventListener("pointerup", (event) => {
    if (down.delete(event.pointerId) && moved <= CLICK) plane.pick(...place(event));
  });
  surface.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
  surface.addEventListener("pointerleave", () => {
    plane.hovered = -1;
    plane.hover.hide();
    plane.refreshOver();
  });
  surface.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      lens.zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...place(event));
      plane.refresh();
    },
    { passive: false },
  );
  surface.addEventListener("keydown", (event) => keys(plane, event));
}

/** @param {Plane} plane @param {[number, number]} place @param {PointerEvent} event */
function hover(plane, place, event) {
  const { source, lens, nearby } = plane;
  if (!source || event.pointerType === "touch") return;
  const [x, y] = lens.toMap(...place);
  const found = nearby?.find(x, y, (14 * plane.ratio) / lens.scale) ?? -1;
  if (found !== plane.hovered) {
    plane.hovered = found;
    plane.refreshOver();
  }
  if (found >= 0) plane.hover.show(found, place[0] / plane.ratio, place[1] / plane.ratio, plane.element.clientWidth);
  else plane.hover.hide();
  plane.element.dataset.hovered = String(found);
}

/** @param {Plane} plane @param {KeyboardEvent} event */
function keys(plane, event) {
  const { lens } = plane;
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (direction && event.shiftKey) {
    lens.pan(-direction[0] * 40 * plane.ratio, -direction[1] * 40 * plane.ratio);
    plane.refresh();
  } else if (direction) {
    const [x, y] = plane.marker;
    plane.pick(x + direction[0] * 8 * plane.ratio, y + direction[1] * 8 * plane.ratio);
  } else if (event.key === "+" || event.key === "=") zoomPlane(plane, 1.3);
  else if (event.key === "-") zoomPlane(plane, 1 / 1.3);
  else if (event.key === "0") zoomPlane(plane, 0);
  else return;
  event.preventDefault();
}

/** @param {Plane} plane @param {number} factor 0 for the whole map */
export function zoomPlane(plane, factor) {
  if (factor) plane.lens.zoomAt(factor, plane.lens.width / 2, plane.lens.height / 2);
  else plane.lens.whole();
  plane.refresh();
}
