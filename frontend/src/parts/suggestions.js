/** @import {Context} from "../base/context" */
import { labelOf } from "../model/attributes.js";

/** @typedef {{text: string, act: () => void}} Suggestion */

/**
 * Two or three first steps that suit this model.
 * @param {Context} context
 * @returns {Suggestion[]}
 */
export function suggestions(context) {
  const { run, state } = context;
  /** @type {Suggestion[]} */
  const found = [];
  const first = run.attributeBlocks[0] ? run.attribute(String(run.attributeBlocks[0].attribute)) : null;
  if (first) {
    found.push({
      text: `Change ${short(first.name)}, keep the rest`,
      act: () => {
        const now = run.read(state.values.code)[first.name];
        const size = first.values?.length ?? 0;
        const next = size ? (now + 1) % size : (now > (first.mean ?? 0) ? first.min : first.max) ?? 0;
        context.edit({ code: run.write(state.values.code, { [first.name]: next }) });
        context.announce(`${first.name} is now ${labelOf(first, next)}`);
        context.root.querySelector(".stage")?.scrollIntoView({ block: "nearest" });
      },
    });
  }
  const collapsed = run.ignoresItsLatents;
  if (collapsed && first) found.push({ text: "Interpolate between two images", act: () => context.go("interpolation") });
  else if (collapsed) found.push({ text: "See the training history", act: () => context.go("metrics") });
  if ((run.kind === "classes" || run.kind === "plain") && !collapsed) {
    const [a, b] = [state.values.from.name, state.values.to.name];
    found.push({
      text: run.predictor.attribute ? `Play the interpolation from ${short(a)} to ${short(b)}` : "Play an interpolation",
      act: () => {
        context.go(run.kind === "classes" ? "map" : "interpolation");
        context.root.dispatchEvent(new CustomEvent("distaff:play"));
      },
    });
  }
  if (run.kind === "conditional") {
    const attribute = run.attribute(run.run.condition[0]);
    found.push({
      text: `Same style, every ${short(attribute.name)}`,
      act: () => context.go("traversals"),
    });
  }
  if (run.kind !== "classes") {
    const strongest = run.run.latents
      .filter((latent) => run.free.includes(latent.index) && latent.active)
      .sort((x, y) => (y.kl ?? 0) - (x.kl ?? 0))[0];
    if (strongest) {
      found.push({
        text: `See the traversal of ${strongest.label}`,
        act: () => {
          state.set({ latent: strongest.index });
          context.go("traversals");
        },
      });
    }
  }
  if (run.kind === "classes") found.push({ text: "Decode any place on the map", act: () => context.go("map") });
  found.push({ text: "Draw or drop an image of your own", act: () => context.go("own") });
  return found.slice(0, 3);
}

/** @param {string} name */
const short = (name) => (name.length > 24 ? `${name.slice(0, 23)}…` : name);
