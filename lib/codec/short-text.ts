/**
 * Short ASCII texts out of bytes, which most texts in messages are.
 *
 * One call with all characters makes the string in place: 20 to 30 ns, where a call into the engine's decoder is 60,
 * and pieces that are put together are as slow.
 */

// What lies past the end is undefined, and 0 as a character; the reader notices its position there.
const fromBytes = String.fromCharCode as (...bytes: (number | undefined)[]) => string;

export const MAX_SHORT_TEXT_BYTES = 16;

/** @returns `undefined` when a byte is not ASCII, or when the text is longer than `MAX_SHORT_TEXT_BYTES`. */
export function shortAsciiText(b: Uint8Array, i: number, end: number): string | undefined {
  for (let k = i; k < end; k++) {
    if ((b[k] as number) >= 0x80) {
      return undefined;
    }
  }
  // prettier-ignore -- a line for each length
  switch (end - i) {
    case 0:
      return '';
    case 1:
      return fromBytes(b[i]);
    case 2:
      return fromBytes(b[i], b[i + 1]);
    case 3:
      return fromBytes(b[i], b[i + 1], b[i + 2]);
    case 4:
      return fromBytes(b[i], b[i + 1], b[i + 2], b[i + 3]);
    case 5:
      return fromBytes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4]);
    case 6:
      return fromBytes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5]);
    case 7:
      return fromBytes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6]);
    case 8:
      return fromBytes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
    case 9:
      return fromBytes(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8]);
    case 10:
      return fromBytes(
        b[i],
        b[i + 1],
        b[i + 2],
        b[i + 3],
        b[i + 4],
        b[i + 5],
        b[i + 6],
        b[i + 7],
        b[i + 8],
        b[i + 9],
      );
    case 11:
      return fromBytes(
        b[i],
        b[i + 1],
        b[i + 2],
        b[i + 3],
        b[i + 4],
        b[i + 5],
        b[i + 6],
        b[i + 7],
        b[i + 8],
        b[i + 9],
        b[i + 10],
      );
    case 12:
      return fromBytes(
        b[i],
        b[i + 1],
        b[i + 2],
        b[i + 3],
        b[i + 4],
        b[i + 5],
        b[i + 6],
        b[i + 7],
        b[i + 8],
        b[i + 9],
        b[i + 10],
        b[i + 11],
      );
    case 13:
      return fromBytes(
        b[i],
        b[i + 1],
        b[i + 2],
        b[i + 3],
        b[i + 4],
        b[i + 5],
        b[i + 6],
        b[i + 7],
        b[i + 8],
        b[i + 9],
        b[i + 10],
        b[i + 11],
        b[i + 12],
      );
    case 14:
      return fromBytes(
        b[i],
        b[i + 1],
        b[i + 2],
        b[i + 3],
        b[i + 4],
        b[i + 5],
        b[i + 6],
        b[i + 7],
        b[i + 8],
        b[i + 9],
        b[i + 10],
        b[i + 11],
        b[i + 12],
        b[i + 13],
      );
    case 15:
      return fromBytes(
        b[i],
        b[i + 1],
        b[i + 2],
        b[i + 3],
        b[i + 4],
        b[i + 5],
        b[i + 6],
        b[i + 7],
        b[i + 8],
        b[i + 9],
        b[i + 10],
        b[i + 11],
        b[i + 12],
        b[i + 13],
        b[i + 14],
      );
    case 16:
      return fromBytes(
        b[i],
        b[i + 1],
        b[i + 2],
        b[i + 3],
        b[i + 4],
        b[i + 5],
        b[i + 6],
        b[i + 7],
        b[i + 8],
        b[i + 9],
        b[i + 10],
        b[i + 11],
        b[i + 12],
        b[i + 13],
        b[i + 14],
        b[i + 15],
      );
    default:
      return undefined;
  }
}
