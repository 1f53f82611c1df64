/**
 * Stops the retries of a channel while most of its calls fail: retries shall help a server over a bad moment, and not keep
 * it down.
 *
 * Spec: gRPC A6, "Throttling Retry Attempts and Hedged RPCs".
 */

/** Settings of a {@link RetryThrottle}, with the names and meaning of gRPC's. */
export interface RetryThrottling {
  /** Tokens at the start, and at most: above 0, up to 1,000. A failure takes one; retries need more than half of them. */
  readonly maxTokens: number;
  /** What a success gives back, above 0. Counts in thousandths. */
  readonly tokenRatio: number;
}

// Whole numbers: ten times 0.1 is not 1.
const MILLI = 1_000;

export class RetryThrottle {
  readonly #max: number;
  readonly #ratio: number;
  #tokens: number;

  /** @throws TypeError When a setting is out of its range. */
  constructor({ maxTokens, tokenRatio }: RetryThrottling) {
    if (!(maxTokens > 0 && maxTokens <= 1_000)) {
      throw new TypeError(
        `retryThrottling.maxTokens is ${maxTokens}: expected more than 0, and at most 1000`,
      );
    }
    if (!(tokenRatio >= 1 / MILLI)) {
      throw new TypeError(`retryThrottling.tokenRatio is ${tokenRatio}: expected at least 0.001`);
    }
    this.#max = this.#tokens = Math.round(maxTokens * MILLI);
    this.#ratio = Math.floor(tokenRatio * MILLI + 1e-6);
  }

  /** False while retries are held back. */
  get allowsRetry(): boolean {
    return this.#tokens > this.#max / 2;
  }

  succeeded(): void {
    this.#tokens = Math.min(this.#max, this.#tokens + this.#ratio);
  }

  /** An attempt failed with a retryable code, or its server wants no retry. */
  failed(): void {
    this.#tokens = Math.max(0, this.#tokens - MILLI);
  }
}
