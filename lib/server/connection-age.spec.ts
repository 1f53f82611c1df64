import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConnectionAge } from './connection-age.js';

describe('ConnectionAge (gRPC, "Keepalive": MAX_CONNECTION_AGE)', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it.each([
    [0, 900],
    [0.5, 1_000],
    [1, 1_100],
  ])('with random %d a connection of 1,000 ms is old after %d ms', (random, oldAt) => {
    const age = new ConnectionAge({ maxConnectionAgeMs: 1_000, maxConnectionAgeGraceMs: 50 }, () => random);
    const born = performance.now();
    expect([oldAt - 1, oldAt, oldAt + 49, oldAt + 50].map((ms) => age.phase(born + ms))).toEqual([
      'young',
      'old',
      'old',
      'over',
    ]);
  });

  it.each([
    [Infinity, Infinity, 'young'],
    [Infinity, 0, 'young'],
    [1_000, Infinity, 'old'],
  ])('age %d and grace %d: after years it is %s', (maxConnectionAgeMs, maxConnectionAgeGraceMs, phase) => {
    const age = new ConnectionAge({ maxConnectionAgeMs, maxConnectionAgeGraceMs });
    expect(age.phase(performance.now() + 1e12)).toBe(phase);
  });
});
