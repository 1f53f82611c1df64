import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type PacedReset, ResetPacer } from './reset-pacer.js';

const BURST = 800;

describe('ResetPacer', () => {
  let pacer: ResetPacer<PacedReset>;
  let sent: number[];
  const streams = new Map<number, PacedReset>();

  const request = (id: number): boolean => {
    const stream = { sendReset: () => void sent.push(id) };
    streams.set(id, stream);
    return pacer.request(stream);
  };

  beforeEach(() => {
    jest.useFakeTimers();
    pacer = new ResetPacer();
    sent = [];
    for (let id = 0; id < BURST; id++) {
      request(id);
    }
  });

  afterEach(() => void jest.useRealTimers());

  it('lets 800 go at once, and then 30 a second, in their order', () => {
    expect(sent).toHaveLength(BURST);
    for (let id = 1_000; id < 1_100; id++) {
      expect(request(id)).toBe(false);
    }
    expect([sent.length, pacer.size]).toEqual([BURST, 100]);
    jest.advanceTimersByTime(1_000);
    expect(sent.length - BURST).toBeGreaterThan(20);
    expect(sent.length - BURST).toBeLessThanOrEqual(30);
    jest.advanceTimersByTime(10_000);
    expect(sent.slice(BURST)).toEqual(Array.from({ length: 100 }, (_, i) => 1_000 + i));
    expect(jest.getTimerCount()).toBe(0);
  });

  it('has nothing to send for a stream that has ended meanwhile', () => {
    request(1_000);
    pacer.forget(streams.get(1_000) as PacedReset);
    jest.advanceTimersByTime(10_000);
    expect([sent.length, pacer.size]).toEqual([BURST, 0]);
  });

  it('lets 800 go again after a quiet time', () => {
    jest.advanceTimersByTime(60_000);
    for (let id = 0; id < BURST; id++) {
      expect(request(id)).toBe(true);
    }
    expect(request(1_000)).toBe(false);
  });

  it('stops', () => {
    request(1_000);
    pacer.stop();
    jest.advanceTimersByTime(10_000);
    expect([sent.length, jest.getTimerCount()]).toEqual([BURST, 0]);
  });
});
