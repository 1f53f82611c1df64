/**
 * Encoded requests of streams that are kept for another attempt, bounded per call and per channel.
 */
import { type EncodedMessage } from '../../rpc/message-flow.js';

/** How much is kept. */
export interface RetryBufferLimits {
  readonly callBytes: number;
  readonly channelBytes: number;
}

/** Of all calls of a channel. */
export class RetryBuffers {
  #bytes = 0;

  /** @throws TypeError When a limit is no number of bytes. */
  constructor(private readonly limits: RetryBufferLimits) {
    for (const bytes of Object.values(limits) as number[]) {
      if (!(bytes >= 0)) {
        throw new TypeError(`a buffer for retries is ${bytes}: expected a number of bytes`);
      }
    }
  }

  open(): RetryBuffer {
    return new RetryBuffer(this);
  }

  /** @internal @returns False when there is no room. */
  take(bytes: number, ofCall: number): boolean {
    const { callBytes, channelBytes } = this.limits;
    if (ofCall + bytes > callBytes || this.#bytes + bytes > channelBytes) {
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  /** @internal */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Of one call. */
export class RetryBuffer {
  readonly #messages: EncodedMessage[] = [];
  #bytes = 0;

  constructor(private readonly shared: RetryBuffers) {}

  get messages(): readonly EncodedMessage[] {
    return this.#messages;
  }

  /** @returns False when it does not fit. */
  keep(message: EncodedMessage): boolean {
    if (!this.shared.take(message.byteLength, this.#bytes)) {
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
    this.shared.give(this.#bytes);
    this.#bytes = 0;
    this.#messages.length = 0;
  }
}
