/** @import {Plane} from "./plane.js" */
import { zoomPlane } from "./zoom.js";

/** Pixels: a press that moves less is a click; what is nearer than these can be hovered over or taken hold of. */
const [CLICK, HOVER, HOLD] = [4, 14, 14];
/** A finger is less exact. */
const FINGER = 1.7;
const [MOVE, STEP] = [40, 8];

/** Mouse, fingers and keys on a map. @param {Plane} plane */
export function handle(plane) {
  const { surface, viewport } = plane;
  /** @type {Map<number, [number, number]>} */
  const down = new Map();
  let moved = 0;
  /** @type {"pan" | "mark" | "from" | "to"} */
  let mode = "pan";

  /** @param {MouseEvent} event @returns {[number, number]} canvas pixels */
  const place = (event) => {
    const box = surface.getBoundingClientRect();
    return [(event.clientX - box.left) * plane.ratio, (event.clientY - box.top) * plane.ratio];
  };
  /** @param {[number, number]} now */
  const drag = (now) => (mode === "mark" ? plane.pick(...now) : mode === "pan" ? undefined : plane.putEnd(mode, ...now));

  surface.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    moved = 0;
    mode = heldAt(plane, place(event), event.pointerType === "touch" ? FINGER : 1);
    surface.classList.toggle("holding", mode !== "pan");
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
      if (Number.isFinite(factor)) viewport.zoomAt(factor, (now[0] + fixed[0]) / 2, (now[1] + fixed[1]) / 2);
      moved = Infinity;
      plane.refresh();
    } else {
      moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (moved > CLICK) {
        drag(now);
        if (mode === "pan") {
          viewport.pan(now[0] - before[0], now[1] - before[1]);
          plane.refresh();
        }
      }
    }
    down.set(event.pointerId, now);
  });
  surface.addEventListener("pointerup", (event) => {
    surface.classList.remove("holding");
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
      viewport.zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...place(event));
      plane.refresh();
    },
    { passive: false },
  );
  surface.addEventListener("keydown", (event) => keys(plane, event));
}

/** What a press takes hold of. @param {Plane} plane @param {[number, number]} place @param {number} reach */
function heldAt(plane, [x, y], reach) {
  const near = (/** @type {[number, number]} */ [px, py]) => Math.hypot(x - px, y - py) < HOLD * reach * plane.ratio;
  if (plane.withPath) {
    const [from, to] = plane.ends.map(near);
    // At B the interpolation ends, so the last one moved lies above.
    if (to) return "to";
    if (from) return "from";
  }
  return near(plane.marker) ? "mark" : "pan";
}

/** @param {Plane} plane @param {[number, number]} place @param {PointerEvent} event */
function hover(plane, place, event) {
  const { source, viewport, nearby } = plane;
  if (!source || event.pointerType === "touch") return;
  const found = nearby?.find(...viewport.toMap(...place), (HOVER * plane.ratio) / viewport.scale) ?? -1;
  if (found !== plane.hovered) {
    plane.hovered = found;
    plane.refreshOver();
  }
  plane.surface.classList.toggle("over-handle", heldAt(plane, place, 1) !== "pan");
  plane.hover.show(found, place);
  plane.element.dataset.hovered = String(found);
}

/** @param {Plane} plane @param {KeyboardEvent} event */
function keys(plane, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { viewport } = plane;
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (direction && event.shiftKey) {
    viewport.pan(-direction[0] * MOVE * plane.ratio, -direction[1] * MOVE * plane.ratio);
    plane.refresh();
  } else if (direction) {
    const [x, y] = plane.marker;
    plane.pick(x + direction[0] * STEP * plane.ratio, y + direction[1] * STEP * plane.ratio);
  } else if (event.key === "+" || event.key === "=") zoomPlane(plane, 1.3);
  else if (event.key === "-") zoomPlane(plane, 1 / 1.3);
  else if (event.key === "0") zoomPlane(plane, 0);
  else if (plane.withPath && /^[ab]$/i.test(event.key)) plane.putEnd(event.key.toLowerCase() === "a" ? "from" : "to", ...plane.marker);
  else return;
  event.preventDefault();
}
