/** @import {Classifier} from "../types" */
/** @import {Blocks} from "../bundle/blocks.js" */

/** The latent classifier: a small network from code to the chances of each class. */
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

  /** Chances of each class. @param {Float32Array} code */
  chances(code) {
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
    const grown = values.map((each) => Math.exp(each - top));
    const total = grown.reduce((sum, each) => sum + each, 0);
    return grown.map((each) => each / total);
  }
}
