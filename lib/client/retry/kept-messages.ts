/**
 * Encoded requests of a stream that are kept for another attempt.
 */
import { type EncodedMessage } from '../../rpc/message-flow.js';
import { type ByteBudget } from '../byte-budget.js';

export class KeptMessages implements Iterable<EncodedMessage> {
  readonly #messages: EncodedMessage[] = [];
  #bytes = 0;

  constructor(private readonly budget: ByteBudget) {}

  /** @returns False when it does not fit. */
  keep(message: EncodedMessage): boolean {
    if (!this.budget.take(message.byteLength, this.#bytes)) {
      return false;
    }
    this.#bytes += message.byteLength;
    this.#messages.push(message);
    return true;
  }

  /** Keeps one that does not fit: there is nowhere else for it. */
  hold(message: EncodedMessage): void {
    this.#messages.push(message);
  }

  clear(): void {
    this.budget.give(this.#bytes);
    this.#bytes = 0;
    this.#messages.length = 0;
  }

  [Symbol.iterator](): Iterator<EncodedMessage> {
    return this.#messages.values();
  }
}
