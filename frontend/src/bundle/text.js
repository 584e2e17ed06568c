/** What the characters that `explorer/_text.py` avoids stand for, by their place there. */
const AVOIDED = [0, 7, 8, 9, 10, 11, 12, 13, 26, 27, 34, 38, 60, 92, 127];
const CUT = "The text was changed or cut.";

/** The bytes in a text that `explorer/_text.py` wrote: seven bits a byte of the file. @param {string} text */
export function fromText(text) {
  const bytes = new Uint8Array(Math.ceil((text.length * 14) / 8));
  let bits = 0; // those not yet written, in the lowest `count` places
  let count = 0;
  let end = 0;
  /** @param {number} group */
  const take = (group) => {
    bits = ((bits << 7) | group) & 0x7fff;
    count += 7;
    if (count < 8) return;
    count -= 8;
    bytes[end++] = bits >> count;
  };
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character < 128) {
      take(character);
      continue;
    }
    const avoided = AVOIDED[(character >> 7) - 1];
    if (avoided === undefined) throw new Error(CUT);
    take(avoided);
    take(character & 127);
  }
  if (end < 4) throw new Error(CUT);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  if (4 + length > end || 4 + length + 7 < end) throw new Error(CUT);
  return bytes.subarray(4, 4 + length);
}
