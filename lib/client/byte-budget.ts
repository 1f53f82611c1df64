/**
 * Bytes that the calls of a channel may keep to send them again: so many each, and so many together.
 */

export interface ByteBudgetLimits {
  readonly perCall: number;
  readonly perChannel: number;
}

export class ByteBudget {
  #bytes = 0;

  constructor(private readonly limits: ByteBudgetLimits) {}

  /** Of all calls. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param ofCall What the call has taken before. @returns False when there is no room; then nothing is taken. */
  take(bytes: number, ofCall: number): boolean {
    const { perCall, perChannel } = this.limits;
    if (ofCall + bytes > perCall || this.#bytes + bytes > perChannel) {
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  /** What a call has taken, when it needs it no more. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
