/**
 * The messages of every stream here: 64 KiB of text that is full of its number, so that no two of them share memory,
 * and who gets them sees what is lost, doubled, out of order or damaged.
 */

/** A message of the Eliza service, whichever. */
export interface Sentence {
  readonly sentence: string;
}

const TEXT_BYTES = 65_536;

/** Of an encoded message: its text, the tag and length in front of that, and the envelope. */
export const MESSAGE_BYTES = TEXT_BYTES + 4 + 5;

/** @param sequence From 1. */
export function textOf(sequence: number): string {
  // From a buffer, because what `repeat` gives takes no memory before it is read.
  return Buffer.alloc(TEXT_BYTES, `${sequence} `, 'latin1').toString('latin1');
}

/** What a check says of messages that are all right. */
export function inOrder(count: number): string {
  return `1 to ${count}, in order`;
}

/** Looks at the messages of one stream. */
export class SequenceCheck {
  #count = 0;
  #fault: string | undefined;

  add({ sentence }: Sentence): void {
    this.#count++;
    if (sentence !== textOf(this.#count)) {
      this.#fault ??= `place ${this.#count} has "${sentence.slice(0, 8)}…" of ${sentence.length} bytes`;
    }
  }

  get verdict(): string {
    return this.#fault ?? inOrder(this.#count);
  }
}
