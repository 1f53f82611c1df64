/**
 * Encoded messages that wait for the peer, bounded in bytes.
 *
 * Bytes, not messages: ten thousand small ones are nothing, ten large ones are the memory of the process.
 */
import { type EncodedMessage } from '../rpc/message-flow.js';
import { Fifo } from './fifo.js';

/**
 * What happens when an Observable emits faster than its peer reads, and `bufferBytes` is used up:
 *
 * - `buffer`: the call fails with `resource_exhausted`.
 * - `drop-oldest`: the messages that waited longest are lost; the newest always has a place.
 * - `drop-newest`: the new message is lost.
 * - `latest`: only the newest message waits, whatever `bufferBytes` is.
 */
export type Overflow = 'buffer' | 'drop-oldest' | 'drop-newest' | 'latest';

/** A queue with an overflow policy. */
export class OverflowQueue {
  readonly #messages = new Fifo<EncodedMessage>();
  readonly #overflow: Overflow;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(overflow: Overflow, maxBytes: number) {
    this.#overflow = overflow;
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#messages.size === 0;
  }

  /** @returns False when the queue is full and its policy does not drop: the call cannot go on. */
  offer(message: EncodedMessage): boolean {
    if (this.#overflow === 'latest') {
      this.clear();
    } else if (this.#overflow === 'drop-oldest') {
      while (!this.isEmpty && !this.#fits(message)) {
        this.shift();
      }
    } else if (!this.#fits(message)) {
      return this.#overflow === 'drop-newest';
    }
    this.#messages.push(message);
    this.#bytes += message.byteLength;
    return true;
  }

  /** @returns The message that waited longest, taken out. */
  shift(): EncodedMessage | undefined {
    const message = this.#messages.shift();
    this.#bytes -= message?.byteLength ?? 0;
    return message;
  }

  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }

  #fits(message: EncodedMessage): boolean {
    return this.#bytes + message.byteLength <= this.#maxBytes;
  }
}
