/** @import {RunModel} from "./run.js" */

/** @typedef {{attribute: string, value: number, probabilities: Float32Array}} Prediction */

const NEIGHBOURS = 10;

/**
 * The attribute with the highest 10-NN accuracy above chance, as far as that was measured; else the first.
 * @param {RunModel} run
 * @param {string[]} names
 */
export function clearest(run, names) {
  const measured = /** @type {Record<string, {value?: number, chance?: number}>} */ (run.run.evaluation?.metrics.knn_accuracy?.per_attribute ?? {});
  const gain = (/** @type {string} */ name) => (Object.hasOwn(measured, name) ? (measured[name].value ?? 0) - (measured[name].chance ?? 0) : 0);
  return names.reduce((/** @type {string | null} */ best, name) => (best !== null && gain(best) >= gain(name) ? best : name), null);
}

/** Predicts the class at a code: by the latent classifier, by the attribute's own latents, else by the ten nearest test images. */
export class Predictor {
  /** @param {RunModel} run */
  constructor(run) {
    this.run = run;
    const classes = run.run.attributes.filter((each) => each.kind === "categorical" && each.values?.length);
    const block = run.attributeBlocks.find((each) => classes.some(({ name }) => name === each.attribute));
    // The code does not hold what the condition tells the decoder, so that cannot be predicted from it.
    const rest = clearest(run, classes.map(({ name }) => name).filter((name) => !run.run.condition.includes(name)));
    /** @type {string | null} */
    this.attribute = run.classifier?.attribute ?? block?.attribute ?? rest ?? null;
    /** @type {"classifier" | "attribute_latents" | "10-NN"} the method, as the glossary calls it */
    this.method = run.classifier ? "classifier" : block ? "attribute_latents" : "10-NN";
    this.title = { classifier: "latent classifier", attribute_latents: "attribute latents", "10-NN": "10 nearest images" }[this.method];
  }

  /** @param {Float32Array} code @returns {Prediction | null} */
  at(code) {
    if (!this.attribute) return null;
    const probabilities = this.run.classifier?.probabilities(code) ?? (this.method === "attribute_latents" ? this.oneHot(code) : this.vote(code));
    if (!probabilities) return null;
    let value = 0;
    for (let k = 1; k < probabilities.length; k++) if (probabilities[k] > probabilities[value]) value = k;
    return { attribute: this.attribute, value, probabilities };
  }

  /** The value that the attribute's own latents hold. @param {Float32Array} code */
  oneHot(code) {
    const name = this.attribute ?? "";
    const probabilities = new Float32Array(this.run.attribute(name).values?.length ?? 0);
    probabilities[this.run.read(code)[name]] = 1;
    return probabilities;
  }

  /** The shares of the classes among the nearest labelled images. @param {Float32Array} code */
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
    const shares = new Float32Array(size);
    for (const found of classes) if (found >= 0) shares[found] += 1 / NEIGHBOURS;
    return shares;
  }
}
