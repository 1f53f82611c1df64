import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ElizaService } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { Code } from '../../rpc/code.js';
import { type HeadersInit, RpcHeaders } from '../../rpc/headers.js';
import { backoffMs, pushbackOf, resolvePolicy, type RetryOptions, type RetryPolicy } from './retry-policy.js';
import { RetryPolicies } from './retry-policy-table.js';

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('resolvePolicy', () => {
  it('has defaults for everything but the number of attempts', () => {
    expect(resolvePolicy({ maxAttempts: 3 })).toEqual({
      maxAttempts: 3,
      initialBackoffMs: 100,
      maxBackoffMs: 5_000,
      backoffMultiplier: 2,
      jitter: 0.2,
      retryableCodes: new Set([Code.Unavailable]),
      perAttemptTimeoutMs: Infinity,
    });
  });

  it.each<[Partial<RetryPolicy>, string]>([
    [{ maxAttempts: 0 }, 'maxAttempts of a retry policy is 0: expected a whole number from 1'],
    [{ maxAttempts: 2.5 }, 'maxAttempts of a retry policy is 2.5'],
    [{ initialBackoffMs: 0 }, 'initialBackoffMs of a retry policy is 0: expected more than 0'],
    [{ maxBackoffMs: -1 }, 'maxBackoffMs of a retry policy is -1: expected more than 0'],
    [{ backoffMultiplier: 0 }, 'backoffMultiplier of a retry policy is 0: expected more than 0'],
    [{ jitter: 1.1 }, 'jitter of a retry policy is 1.1: expected a number from 0 to 1'],
    [
      { perAttemptTimeoutMs: Number.NaN },
      'perAttemptTimeoutMs of a retry policy is NaN: expected more than 0',
    ],
    [
      { retryableCodes: [Code.Unavailable, 17 as unknown as Code] },
      'retryableCodes of a retry policy has 17',
    ],
    [
      { retryableCodes: ['UNAVAILABLE' as unknown as Code] },
      'retryableCodes of a retry policy has "UNAVAILABLE": expected codes such as Code.Unavailable',
    ],
  ])('refuses %j', (policy, text) => {
    expect(() => resolvePolicy({ maxAttempts: 2, ...policy })).toThrow(text);
  });
});

describe('backoffMs', () => {
  const settings = resolvePolicy({ maxAttempts: 9, initialBackoffMs: 100, maxBackoffMs: 1_000, jitter: 0 });

  it('grows by the multiplier up to the maximum', () => {
    expect([0, 1, 2, 3, 4, 100].map((retries) => backoffMs(settings, retries))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it.each([
    [0, 80],
    [0.5, 100],
    [1, 120],
  ])('leaves a share to chance: %p of it', (random, expected) => {
    jest.spyOn(Math, 'random').mockReturnValue(random);
    expect(backoffMs({ ...settings, jitter: 0.2 }, 0)).toBeCloseTo(expected);
  });
});

describe('pushbackOf', () => {
  it.each<[HeadersInit, number | 'never' | undefined]>([
    [{}, undefined],
    [{ 'grpc-retry-pushback-ms': '0' }, 0],
    [{ 'grpc-retry-pushback-ms': '1500' }, 1_500],
    [{ 'grpc-retry-pushback-ms': '-1' }, 'never'],
    [{ 'grpc-retry-pushback-ms': 'soon' }, 'never'],
    [{ 'grpc-retry-pushback-ms': '5', 'retry-after': '7' }, 5],
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:02 GMT' }, 2_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
  ])('reads %j as %p', (metadata, expected) => {
    jest.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
    expect(pushbackOf(new RpcHeaders(metadata))).toBe(expected);
  });
});

describe('RetryPolicies', () => {
  it.each<[RetryOptions, string]>([
    [{ policies: [{ maxAttempts: 2 }, { maxAttempts: 3 }] }, 'there are two retry policies for everything'],
    [
      {
        policies: [
          { for: [ElizaService], maxAttempts: 2 },
          { for: [ElizaService], maxAttempts: 3 },
        ],
      },
      'there are two retry policies for service connectrpc.eliza.v1.ElizaService',
    ],
    [{ policies: [], bufferBytes: -1 }, 'retry.bufferBytes is -1: expected bytes from 0'],
    [
      { policies: [], channelBufferBytes: Number.NaN },
      'retry.channelBufferBytes is NaN: expected bytes from 0',
    ],
    [{ policies: [], retryThrottling: { maxTokens: 0, tokenRatio: 1 } }, 'retryThrottling.maxTokens is 0'],
  ])('refuses %j', (options, text) => {
    expect(() => new RetryPolicies(options)).toThrow(text);
  });
});
