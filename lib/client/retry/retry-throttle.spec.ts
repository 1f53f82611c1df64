import { describe, expect, it } from '@jest/globals';
import { RetryThrottle, type RetryThrottling } from './retry-throttle.js';

describe('RetryThrottle (gRPC A6, "Throttling Retry Attempts and Hedged RPCs")', () => {
  it('allows retries while more than half of the tokens are there', () => {
    const throttle = new RetryThrottle({ maxTokens: 4, tokenRatio: 0.5 });
    const seen = [];
    for (let i = 0; i < 6; i++) {
      seen.push(throttle.allowsRetry);
      throttle.failed();
    }
    expect(seen).toEqual([true, true, false, false, false, false]);
  });

  it('gives back a part of a token for each success, and has no debts', () => {
    const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 0.1 });
    for (let i = 0; i < 100; i++) {
      throttle.failed();
    }
    let successes = 0;
    for (; !throttle.allowsRetry; successes++) {
      throttle.succeeded();
    }
    expect(successes).toBe(11); // More than 1 of 2 tokens.
  });

  it('saves no more than maxTokens', () => {
    const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 10 });
    throttle.succeeded();
    throttle.failed();
    expect(throttle.allowsRetry).toBe(false);
  });

  it.each<[RetryThrottling, string]>([
    [{ maxTokens: 0, tokenRatio: 1 }, 'maxTokens is 0: expected more than 0, and at most 1000'],
    [{ maxTokens: 1_001, tokenRatio: 1 }, 'maxTokens is 1001'],
    [{ maxTokens: Number.NaN, tokenRatio: 1 }, 'maxTokens is NaN'],
    [{ maxTokens: 10, tokenRatio: 0 }, 'tokenRatio is 0: expected at least 0.001'],
  ])('refuses %j', (settings, text) => {
    expect(() => new RetryThrottle(settings)).toThrow(text);
  });
});
