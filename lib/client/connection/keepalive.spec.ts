/**
 * When a client asks whether its peer is there, with time faked: never more often than the interval, but early the first time.
 */
import { type ClientHttp2Session } from 'node:http2';
import { type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Keepalive } from './keepalive.js';

const TIMEOUT_MS = 20_000;

let pings: number[];
let lost: number[];
let isBusy: boolean;
let socket: { bytesRead: number };

beforeEach(() => {
  jest.useFakeTimers();
  [pings, lost, isBusy, socket] = [[], [], true, { bytesRead: 0 }];
});

afterEach(() => {
  jest.useRealTimers();
});

function start(intervalMs: number, { whenIdle = false, isAnswering = true } = {}): void {
  const began = performance.now();
  const ping = (): boolean => {
    pings.push((performance.now() - began) / 1_000);
    socket.bytesRead += isAnswering ? 17 : 0;
    return true;
  };
  new Keepalive({
    // Of both, it uses nothing else.
    session: { ping } as unknown as ClientHttp2Session,
    socket: socket as Socket,
    options: { intervalMs, timeoutMs: TIMEOUT_MS, whenIdle },
    isBusy: () => isBusy,
    onLost: () => lost.push((performance.now() - began) / 1_000),
  }).start();
}

describe('keepalive', () => {
  it.each([
    ['the default', 330_000, [30, 380]],
    ['less than a look', 5_000, Array.from({ length: 16 }, (_, i) => 5 + i * 25)],
    ['never', Infinity, []],
  ])(
    'pings a silent connection with calls early, and then once in its interval: %s',
    (_, intervalMs, expected) => {
      start(intervalMs);
      jest.advanceTimersByTime(400_000);
      expect(pings).toEqual(expected);
      expect(lost).toEqual([]);
    },
  );

  it('gives a peer up that does not answer in time', () => {
    start(330_000, { isAnswering: false });
    jest.advanceTimersByTime(49_999);
    expect(lost).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(lost).toEqual([50]);
  });

  it('asks no peer that sends something now and then', () => {
    start(330_000);
    for (let second = 0; second < 1_000; second += 25) {
      socket.bytesRead++;
      jest.advanceTimersByTime(25_000);
    }
    expect(pings).toEqual([]);
  });

  // A gRPC server counts the PINGs that come before it has sent data: more than two within five minutes end the connection.
  it('does not ask again within the interval, however often the silence is broken', () => {
    start(330_000);
    for (let second = 0; second < 600; second += 50) {
      jest.advanceTimersByTime(50_000);
      socket.bytesRead++;
    }
    expect(pings).toHaveLength(2);
    expect(pings[1]! - pings[0]!).toBeGreaterThanOrEqual(330);
  });

  it.each([
    [false, []],
    [true, [30, 380]],
  ])('asks on a connection without calls when whenIdle is %s', (whenIdle, expected) => {
    isBusy = false;
    start(330_000, { whenIdle });
    jest.advanceTimersByTime(400_000);
    expect(pings).toEqual(expected);
  });
});
