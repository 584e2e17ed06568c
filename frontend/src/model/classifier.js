/** @import {Classifier} from "../types" */
/** @import {Blocks} from "../bundle/blocks.js" */

/** The latent classifier: a small network from the code to the probability of each class. */
export class LatentClassifier {
  /**
   * @param {{weight: Float32Array, bias: Float32Array}[]} layers
   * @param {string} attribute
   */
  constructor(layers, attribute) {
    this.layers = layers;
    this.attribute = attribute;
  }

  /** @param {Classifier} stored @param {Blocks} blocks */
  static async open(stored, blocks) {
    const layers = await Promise.all(
      stored.layers.map(async ({ weight, bias }) => ({
        weight: await blocks.floats(weight),
        bias: await blocks.floats(bias),
      })),
    );
    return new LatentClassifier(layers, stored.attribute);
  }

  /** @param {Float32Array} code @returns {Float32Array} the probability of each class */
  probabilities(code) {
    let values = code;
    this.layers.forEach(({ weight, bias }, depth) => {
      const next = Float32Array.from(bias);
      for (let row = 0; row < bias.length; row++) {
        let sum = bias[row];
        for (let i = 0; i < values.length; i++) sum += weight[row * values.length + i] * values[i];
        next[row] = depth < this.layers.length - 1 ? Math.max(sum, 0) : sum;
      }
      values = next;
    });
    const top = Math.max(...values);
    const exponentials = values.map((each) => Math.exp(each - top));
    const total = exponentials.reduce((sum, each) => sum + each, 0);
    return exponentials.map((each) => each / total);
  }
}
