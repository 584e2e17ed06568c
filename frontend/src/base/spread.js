/**
 * Which of some colours each class gets, so that classes whose centres are near differ much in colour: pairs are
 * swapped as long as that helps.
 * @param {[number, number, number][]} colours
 * @param {Float32Array} centres [k, width], NaN for a class without images; other than k times a width: no order is better
 * @returns {number[]} the colour of each class
 */
export function spreadOut(colours, centres) {
  const size = colours.length;
  const order = colours.map((_, i) => i);
  const width = centres.length / size;
  if (size < 4 || !width || !Number.isInteger(width)) return order;
  const nearness = table(size, (i, j) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += (centres[i * width + k] - centres[j * width + k]) ** 2;
    return 1 / (sum + 1e-6) || 0;
  });
  const labs = colours.map(oklab);
  const likeness = table(size, (i, j) => 1 / (labs[i].reduce((sum, each, c) => sum + (each - labs[j][c]) ** 2, 0) + 1e-6));
  const cost = (/** @type {number} */ i) => order.reduce((sum, _, j) => sum + (i === j ? 0 : nearness[i][j] * likeness[order[i]][order[j]]), 0);
  for (let better = true; better; ) {
    better = false;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < i; j++) {
        const before = cost(i) + cost(j);
        [order[i], order[j]] = [order[j], order[i]];
        if (cost(i) + cost(j) < before * (1 - 1e-9)) better = true;
        else [order[i], order[j]] = [order[j], order[i]];
      }
    }
  }
  return order;
}

/** @param {number} size @param {(i: number, j: number) => number} value */
const table = (size, value) => Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => value(i, j)));

/** Björn Ottosson's perceptual coordinates, https://bottosson.github.io/posts/oklab/. @param {[number, number, number]} rgb */
function oklab(rgb) {
  const [r, g, b] = rgb.map((each) => (each <= 10 ? each / 3294.6 : ((each / 255 + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}
