import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { TICK_MS, TimerWheel, WheelTimer } from './timer-wheel.js';

const DAY = 86_400_000;

/** Starts a timer and tells when it fired, after the start. */
function start(
  wheel: TimerWheel,
  delayMs: number,
): { timer: WheelTimer; firedAfter: () => number | undefined } {
  const startedAt = performance.now();
  let firedAfter: number | undefined;
  const timer = new WheelTimer(() => {
    firedAfter = performance.now() - startedAt;
  });
  wheel.start(timer, delayMs);
  return { timer, firedAfter: () => firedAfter };
}

describe('TimerWheel', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it.each([0, 1, TICK_MS - 1, TICK_MS, TICK_MS + 1, 999, 60_000])(
    'fires %d ms not early, and late by one tick and one turn of the ticker at most',
    (delayMs) => {
      const { firedAfter } = start(new TimerWheel(), delayMs);
      jest.advanceTimersByTime(delayMs + 2 * TICK_MS);
      expect(firedAfter()).toBeGreaterThanOrEqual(delayMs);
      expect(firedAfter()).toBeLessThanOrEqual(delayMs + 2 * TICK_MS);
    },
  );

  it('is neither early nor too late for any mixture of starts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(500), fc.double({ min: 0, max: 3000, noNaN: true })), { maxLength: 30 }),
        (starts) => {
          const wheel = new TimerWheel();
          const timers = starts.map(([pauseMs, delayMs]) => {
            jest.advanceTimersByTime(pauseMs);
            return { delayMs, ...start(wheel, delayMs) };
          });
          jest.advanceTimersByTime(3000 + 2 * TICK_MS);
          for (const { delayMs, firedAfter } of timers) {
            expect(firedAfter()).toBeGreaterThanOrEqual(delayMs);
            expect(firedAfter()).toBeLessThanOrEqual(delayMs + 2 * TICK_MS);
          }
          expect(wheel.size).toBe(0);
        },
      ),
      { seed: 3, numRuns: 50 },
    );
  });

  it('fires once', () => {
    const onExpire = jest.fn();
    new TimerWheel().start(new WheelTimer(onExpire), 50);
    jest.advanceTimersByTime(1000);
    expect(onExpire).toHaveBeenCalledTimes(1);
  });

  it('does not fire what was canceled, and takes a second cancel', () => {
    const wheel = new TimerWheel();
    const canceled = start(wheel, 50);
    const neighbour = start(wheel, 50);
    canceled.timer.cancel();
    canceled.timer.cancel();
    expect(wheel.size).toBe(1);
    jest.advanceTimersByTime(1000);
    expect(canceled.firedAfter()).toBeUndefined();
    expect(neighbour.firedAfter()).toBeDefined();
    neighbour.timer.cancel();
    expect(wheel.size).toBe(0);
  });

  it('cancels a timer that was never started', () => {
    expect(() => new WheelTimer(() => undefined).cancel()).not.toThrow();
  });

  it('moves a timer that is started again', () => {
    const wheel = new TimerWheel();
    const { timer, firedAfter } = start(wheel, 50);
    wheel.start(timer, 500);
    expect(wheel.size).toBe(1);
    jest.advanceTimersByTime(400);
    expect(firedAfter()).toBeUndefined();
    jest.advanceTimersByTime(200);
    expect(firedAfter()).toBeGreaterThanOrEqual(500);
  });

  it('lets one timer of a slot cancel another while the slot fires', () => {
    const wheel = new TimerWheel();
    const onExpire = jest.fn();
    const others = [new WheelTimer(onExpire), new WheelTimer(onExpire)];
    const canceler = new WheelTimer(() => others.forEach((timer) => timer.cancel()));
    // The last that was started fires first.
    for (const timer of [...others, canceler]) {
      wheel.start(timer, 50);
    }
    jest.advanceTimersByTime(1000);
    expect(onExpire).not.toHaveBeenCalled();
    expect(wheel.size).toBe(0);
  });

  it.each([0, 10, 100])('takes a timer of %d ms from inside a timer that fires', (delayMs) => {
    const wheel = new TimerWheel();
    let inner: ReturnType<typeof start> | undefined;
    wheel.start(
      new WheelTimer(() => {
        inner = start(wheel, delayMs);
      }),
      50,
    );
    jest.advanceTimersByTime(50 + delayMs + 4 * TICK_MS);
    expect(inner?.firedAfter()).toBeGreaterThanOrEqual(delayMs);
    expect(inner?.firedAfter()).toBeLessThanOrEqual(delayMs + 2 * TICK_MS);
    expect(wheel.size).toBe(0);
  });

  it.each([2 ** 31, 40 * DAY, 365 * DAY])('does not fire %d ms at once, as setTimeout would', (delayMs) => {
    const wheel = new TimerWheel();
    const { firedAfter } = start(wheel, delayMs);
    jest.advanceTimersByTime(10_000);
    expect(firedAfter()).toBeUndefined();
    expect(wheel.size).toBe(1);
  });

  it('fires beyond 2^31 ms', () => {
    const { firedAfter } = start(new TimerWheel(), 2 ** 31 + 5);
    // A process that slept all the while: the ticker turns once, and finds the slot.
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 2 ** 31 + 3 * TICK_MS);
    jest.advanceTimersByTime(TICK_MS);
    expect(firedAfter()).toBeGreaterThan(2 ** 31);
    jest.restoreAllMocks();
  });

  it.each([Infinity, NaN, Number.MAX_VALUE])('never fires %d ms, and does not wait for it', (delayMs) => {
    const wheel = new TimerWheel();
    start(wheel, delayMs);
    expect(wheel.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('fires everything that is due after a stall, in the order of time', () => {
    const wheel = new TimerWheel();
    const order: number[] = [];
    for (const delayMs of [900, 100, 500, 5000]) {
      wheel.start(new WheelTimer(() => order.push(delayMs)), delayMs);
    }
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 1000);
    jest.advanceTimersByTime(TICK_MS);
    jest.restoreAllMocks();
    expect(order).toEqual([100, 500, 900]);
    expect(wheel.size).toBe(1);
  });

  it('has one ticker for all timers, and none when it is empty', () => {
    const wheel = new TimerWheel();
    expect(jest.getTimerCount()).toBe(0);
    const timers = [10, 100, 1000].map((delayMs) => start(wheel, delayMs).timer);
    expect(jest.getTimerCount()).toBe(1);
    timers.forEach((timer) => timer.cancel());
    jest.advanceTimersByTime(TICK_MS);
    expect(jest.getTimerCount()).toBe(0);
    const again = start(wheel, 10);
    jest.advanceTimersByTime(100);
    expect(again.firedAfter()).toBeDefined();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('holds 100,000 timers and forgets them when they are canceled', () => {
    const wheel = new TimerWheel();
    const onExpire = jest.fn();
    const timers = Array.from({ length: 100_000 }, () => new WheelTimer(onExpire));
    timers.forEach((timer, index) => wheel.start(timer, index % 5000));
    expect(wheel.size).toBe(100_000);
    timers.filter((_, index) => index % 2 === 0).forEach((timer) => timer.cancel());
    expect(wheel.size).toBe(50_000);
    jest.advanceTimersByTime(5000 + 2 * TICK_MS);
    expect(onExpire).toHaveBeenCalledTimes(50_000);
    expect(wheel.size).toBe(0);
  });

  it('goes on ticking when a test that faked the timers has put the real ones back', async () => {
    const wheel = new TimerWheel();
    // Longer than the process has run: it may be that much later when time is real again.
    const forgotten = start(wheel, 86_400_000);
    jest.useRealTimers();
    await new Promise<void>((resolve) => {
      wheel.start(new WheelTimer(resolve), 1);
    });
    expect(forgotten.timer.slot).toBeDefined();
    forgotten.timer.cancel();
  });
});
