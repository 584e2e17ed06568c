/** @import {RunModel} from "./run.js" */

/** @typedef {{attribute: string, value: number, confidence: number, chances: Float32Array}} Reading */

const NEIGHBOURS = 10;

/**
 * The attribute that neighbours share most beyond chance, as far as that was measured; else the first.
 * @param {RunModel} run
 * @param {string[]} names
 */
export function clearest(run, names) {
  const measured = /** @type {Record<string, {accuracy?: number, chance?: number}>} */ (run.run.evaluation?.metrics.knn_accuracy?.per_attribute ?? {});
  const gain = (/** @type {string} */ name) => (Object.hasOwn(measured, name) ? (measured[name].accuracy ?? 0) - (measured[name].chance ?? 0) : 0);
  return names.reduce((/** @type {string | null} */ best, name) => (best !== null && gain(best) >= gain(name) ? best : name), null);
}

/**
 * What the pictures at a code most likely are: by the latent classifier, by the
 * attribute's own latents, else by the ten nearest test pictures.
 */
export class Reader {
  /** @param {RunModel} run */
  constructor(run) {
    this.run = run;
    const classes = run.run.attributes.filter((each) => each.kind === "categorical" && each.values?.length);
    const block = run.attributeBlocks.find((each) => classes.some(({ name }) => name === each.attribute));
    // What a model is told is not in its code, so nothing can be read from there.
    const outside = clearest(run, classes.map(({ name }) => name).filter((name) => !run.run.condition.includes(name)));
    /** @type {string | null} */
    this.attribute = run.classifier?.attribute ?? block?.attribute ?? outside ?? null;
    /** @type {"classifier" | "reading" | "10-NN"} how, as the glossary calls it */
    this.how = run.classifier ? "classifier" : block ? "reading" : "10-NN";
    this.by = { classifier: "latent classifier", reading: "code itself", "10-NN": "10 nearest pictures" }[this.how];
  }

  /** @param {Float32Array} code @returns {Reading | null} */
  at(code) {
    if (!this.attribute) return null;
    const chances = this.run.classifier?.chances(code) ?? (this.how === "reading" ? this.said(code) : this.vote(code));
    if (!chances) return null;
    let value = 0;
    for (let k = 1; k < chances.length; k++) if (chances[k] > chances[value]) value = k;
    return { attribute: this.attribute, value, confidence: chances[value], chances };
  }

  /** What the attribute's own latents say. @param {Float32Array} code */
  said(code) {
    const name = this.attribute ?? "";
    const chances = new Float32Array(this.run.attribute(name).values?.length ?? 0);
    chances[this.run.read(code)[name]] = 1;
    return chances;
  }

  /** The shares of the classes among the nearest labelled pictures. @param {Float32Array} code */
  vote(code) {
    const labels = this.run.labels.get(this.attribute ?? "");
    const size = this.run.attributes.get(this.attribute ?? "")?.values?.length ?? 0;
    if (!labels || !size) return null;
    const { codes, width, count } = this.run;
    const nearest = new Float64Array(NEIGHBOURS).fill(Infinity);
    const classes = new Int32Array(NEIGHBOURS).fill(-1);
    for (let row = 0; row < count; row++) {
      if (Number.isNaN(labels[row])) continue;
      let distance = 0;
      for (let i = 0; i < width && distance < nearest[NEIGHBOURS - 1]; i++) {
        distance += (codes[row * width + i] - code[i]) ** 2;
      }
      if (distance >= nearest[NEIGHBOURS - 1]) continue;
      let place = NEIGHBOURS - 1;
      while (place > 0 && nearest[place - 1] > distance) {
        nearest[place] = nearest[place - 1];
        classes[place] = classes[place - 1];
        place--;
      }
      nearest[place] = distance;
      classes[place] = labels[row];
    }
    const chances = new Float32Array(size);
    for (const found of classes) if (found >= 0) chances[found] += 1 / NEIGHBOURS;
    return chances;
  }
}
