import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ConnectionOptions, resolveConnectionOptions, spreadAge } from './connection-options.js';
import { ConnectionTimer } from './connection-timer.js';

describe('resolveConnectionOptions', () => {
  it('has a default for everything', () => {
    expect(resolveConnectionOptions({})).toEqual({
      connectTimeoutMs: 10_000,
      idleTimeoutMs: 300_000,
      maxConnectionAgeMs: Infinity,
      sessionsPerTarget: 10,
      keepalive: { intervalMs: 330_000, timeoutMs: 20_000, whenIdle: false },
    });
  });

  it.each<[keyof ConnectionOptions, unknown]>([
    ['sessionsPerTarget', 0],
    ['sessionsPerTarget', 1.5],
    ['sessionsPerTarget', 1_001],
    ['connectTimeoutMs', 0],
    ['idleTimeoutMs', -1],
    ['maxConnectionAgeMs', Number.NaN],
    ['maxConnectionAgeMs', '1h'],
  ])('refuses %s of %p, and names it', (option, value) => {
    const resolve = (): unknown => resolveConnectionOptions({ [option]: value });
    expect(resolve).toThrow(TypeError);
    expect(resolve).toThrow(`${option} is ${String(value)}: expected `);
  });

  it.each(['intervalMs', 'timeoutMs'])('refuses a keepalive.%s of 0', (option) => {
    expect(() => resolveConnectionOptions({ keepalive: { [option]: 0 } })).toThrow(
      `keepalive.${option} is 0`,
    );
  });
});

describe('spreadAge', () => {
  it('spreads by a tenth either way', () => {
    const ages = Array.from({ length: 1_000 }, () => spreadAge(1_000));
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...ages)).toBeLessThanOrEqual(1_100);
    expect(Math.max(...ages) - Math.min(...ages)).toBeGreaterThan(100);
  });
});

describe('ConnectionTimer', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it.each([
    [50, 49, 50],
    [2 ** 31, 2 ** 31 - 2, 2 ** 31 - 1], // What setTimeout cannot count would fire at once.
  ])('of %d ms is still at %d ms, and has fired at %d ms', (ms, before, at) => {
    const onTime = jest.fn();
    new ConnectionTimer(onTime).start(ms);
    jest.advanceTimersByTime(before);
    expect(onTime).toHaveBeenCalledTimes(0);
    jest.advanceTimersByTime(at - before);
    expect(onTime).toHaveBeenCalledTimes(1);
  });

  it('of Infinity is none', () => {
    const timer = new ConnectionTimer(() => {});
    timer.start(Infinity);
    expect([timer.isRunning, jest.getTimerCount()]).toEqual([false, 0]);
  });

  it('that starts anew fires once', () => {
    const onTime = jest.fn();
    const timer = new ConnectionTimer(onTime);
    timer.start(10);
    timer.start(20);
    jest.advanceTimersByTime(100);
    expect([onTime.mock.calls.length, timer.isRunning]).toEqual([1, false]);
  });
});
