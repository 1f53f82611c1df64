/**
 * A client whose server is slow: bytes that come one at a time, and a server that reads nothing. Deadlines and cancellation
 * hold whatever the server does, requests wait where they are made, and nothing is left of the call.
 */
import { createServer as createHttp2 } from 'node:http2';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Observable } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { stillness } from '../support/stillness.js';
import { answerWell, partsOf } from './support/client-replies.js';
import {
  CARRIER_TITLE,
  CARRIERS,
  type Carrier,
  CLIENT_CASES,
  type ClientCase,
  endOf,
} from './support/client-cases.js';
import { ClientSide } from './support/client-side.js';
import { serveScript } from './support/scripted-server.js';
import { type Pace, SlowRoad } from './support/slow-road.js';
import { codeOf } from './support/outcomes.js';

/** How late a deadline may be on a machine that is busy. */
const LATE_MS = 5_000;

let side: ClientSide;
let roads: SlowRoad[];

beforeEach(() => {
  side = new ClientSide();
  roads = [];
});

afterEach(async () => {
  await side.close();
  await Promise.all(roads.map((road) => road.close()));
});

failOnUnhandled();

async function slowClient(test: ClientCase, pace: Pace) {
  const parts = partsOf(test);
  const far = await serveScript(side.peers, test.httpVersion, (call) => answerWell(call, parts));
  const road = new SlowRoad(Number(new URL(far).port), pace);
  roads.push(road);
  return side.client(await road.open(), test);
}

async function unreadClient(carrier: Carrier) {
  const url =
    carrier.httpVersion === '2'
      ? `http://127.0.0.1:${await side.peers.listen(createHttp2({ settings: { initialWindowSize: 0 } }))}`
      : await side.peers.tcp(() => {});
  return side.client(url, carrier);
}

describe('a server whose bytes come one at a time', () => {
  // In the server's SETTINGS, or in the head of the reply; in the body of the reply.
  const FREE_BYTES = { '2': [0, 80], '1.1': [0, 90] };

  it('costs the call its deadline, in all protocols', async () => {
    const rows = CLIENT_CASES.flatMap((test) =>
      FREE_BYTES[test.httpVersion].map((freeBytes) => ({ test, freeBytes })),
    );
    const begin = performance.now();
    const ends = rows.map(async ({ test, freeBytes }) => {
      const eliza = await slowClient(test, { everyMs: 50, freeBytes });
      return (await endOf(eliza, test.kind, { timeoutMs: 250 })).code;
    });
    expect(await Promise.all(ends)).toEqual(rows.map(() => 'deadline_exceeded'));
    expect(performance.now() - begin).toBeLessThan(250 + LATE_MS);
  });

  it('is waited for without a deadline, in all protocols', async () => {
    const ends = CLIENT_CASES.map(async (test) =>
      endOf(await slowClient(test, { everyMs: 1, freeBytes: 0 }), test.kind),
    );
    expect(await Promise.all(ends)).toEqual(CLIENT_CASES.map(() => ({ code: 'ok', messages: ['x'] })));
  });
});

describe('a server that reads no request', () => {
  const MESSAGE = { sentence: 'x'.repeat(16_384) };
  /** What the buffers of two sockets take, over HTTP/1.1, and node:http2. */
  const MOST_MESSAGES = 1_000;

  /** Endless, and counted. */
  class Requests {
    produced = 0;
    isEnded = false;

    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          this.produced++;
          yield MESSAGE;
        }
      } finally {
        this.isEnded = true;
      }
    }

    asObservable(): Observable<typeof MESSAGE> {
      return new Observable((subscriber) => {
        const push = (): void => {
          this.produced++;
          subscriber.next(MESSAGE);
        };
        const timer = setInterval(() => Array.from({ length: 20 }, push), 1);
        return () => {
          clearInterval(timer);
          this.isEnded = true;
        };
      });
    }
  }

  it.each(CARRIERS)(`holds a generator back, until the deadline (${CARRIER_TITLE})`, async (carrier) => {
    const requests = new Requests();
    const begin = performance.now();
    const eliza = await unreadClient(carrier);
    expect(await codeOf(eliza.reflect(requests, { timeoutMs: 300 }))).toBe('deadline_exceeded');
    expect(performance.now() - begin).toBeLessThan(300 + LATE_MS);
    await eventually(() => requests.isEnded);
    expect(requests.produced).toBeLessThan(MOST_MESSAGES);
  });

  it.each(CARRIERS)(
    `holds a generator back, until the call is canceled (${CARRIER_TITLE})`,
    async (carrier) => {
      const requests = new Requests();
      const controller = new AbortController();
      const call = codeOf((await unreadClient(carrier)).reflect(requests, { signal: controller.signal }));
      await stillness(() => requests.produced);
      expect(requests.isEnded).toBe(false);
      controller.abort();
      expect(await call).toBe('canceled');
      await eventually(() => requests.isEnded);
      expect(requests.produced).toBeLessThan(MOST_MESSAGES);
    },
  );

  it.each(CARRIERS)(
    `ends an Observable that does not wait: resource_exhausted (${CARRIER_TITLE})`,
    async (carrier) => {
      const requests = new Requests();
      const eliza = await unreadClient(carrier);
      expect(await codeOf(eliza.reflect(requests.asObservable(), { timeoutMs: 20_000 }))).toBe(
        'resource_exhausted',
      );
      expect(requests.isEnded).toBe(true);
      expect(requests.produced).toBeLessThan(2 * MOST_MESSAGES);
    },
  );

  it.each(CARRIERS)(`costs a large request its deadline (${CARRIER_TITLE})`, async (carrier) => {
    const eliza = await unreadClient(carrier);
    const sentence = 'x'.repeat(8 * 1_048_576);
    const calls = Array.from({ length: 4 }, () => codeOf(eliza.say({ sentence }, { timeoutMs: 200 })));
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['deadline_exceeded']));
  });
});
