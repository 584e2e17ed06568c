const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Three digits, or whole thousands, with a true minus sign. @param {number} value */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = size >= 1000 ? plain.format(value) : size && size < 0.001 ? value.toExponential(1) : String(+value.toPrecision(3));
  return text.replace("-", "−");
}

/** @param {number} value @param {number} digits */
export function fixed(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? (0).toFixed(digits) : text).replace("-", "−");
}

/** @param {number} value */
export function count(value) {
  return plain.format(value);
}

/** @param {number} share */
export function percent(share) {
  const size = share * 100;
  return `${size > 99 && size < 100 ? (Math.floor(size * 10) / 10).toFixed(1) : size.toFixed(size < 10 && size > 0 ? 1 : 0)} %`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Round numbers that divide a range into about `wanted` steps. @param {number} low @param {number} high @param {number} wanted */
export function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(wanted, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power >= raw) ?? 10) * power;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) found.push(+(i * step).toPrecision(12));
  return found;
}

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
