/**
 * Handlers that misbehave when their call is over, or never let it end. Protected: the caller, who has an answer at
 * his deadline all the same, and the process, which must not end for a rejection that nobody can observe any more.
 *
 * That it lives on is asserted by every test here: an unhandled rejection ends the server under attack.
 */
import { connect as connectHttp2, constants } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openHttp2, recordHttp2 } from '../server/engine-harness.js';
import { frame as envelope } from '../support/frames.js';
import { INTRODUCE, REFLECT, SAY, Victim } from './support/victim.js';

const JSON_CALL = { 'content-type': 'application/json' };
const JSON_STREAM = { 'content-type': 'application/connect+json' };
const CALLS = 50;
const TIMEOUT_MS = 150;
/** Fifty streams are read in the process of the test; test/server measures single deadlines. */
const LATE_BY_MS = 850;

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({ drainTimeoutMs: 200 });
});

afterAll(() => victim.stop());

const json = (message: object): Buffer => envelope(0, JSON.stringify(message));
const say = (sentence: string) => ({
  path: SAY,
  headers: JSON_CALL,
  body: Buffer.from(JSON.stringify({ sentence })),
});
const introduce = (name: string) => ({ path: INTRODUCE, headers: JSON_STREAM, body: json({ name }) });

const HANDLERS: Readonly<
  Record<string, { readonly path: string; readonly headers: Record<string, string>; readonly body: Buffer }>
> = {
  'a promise that is never settled': say('never-promise'),
  'an Observable that never emits': say('never-observable'),
  'a promise that throws after the end': say('late-throw'),
  'a promise that nobody awaits any more, and rejects': say('late-reject'),
  'an Observable that fails after it was unsubscribed': say('late-observable'),
  'an Observable whose teardown throws': say('throw-in-teardown'),
  'a generator that never yields': introduce('never-generator'),
  'a stream that never emits': introduce('never-observable'),
  'a generator that throws in its finally block': introduce('throw-in-finally'),
  'a generator that throws when it is told to end': introduce('late-generator'),
  'a generator that never ends': introduce('generator'),
  'a request stream that is not read on': {
    path: REFLECT,
    headers: JSON_STREAM,
    body: json({ sentence: 'never' }),
  },
};

describe('a deadline answers in the place of the handler', () => {
  it.each(Object.entries(HANDLERS))('%s', async (_, { path, headers, body }) => {
    const { result, startedHandlers } = await victim.withstand(
      async () => {
        const session = connectHttp2(`http://127.0.0.1:${victim.port}`, { maxSessionMemory: 500 });
        const calls = Array.from({ length: CALLS }, async () => {
          const begin = performance.now();
          const stream = openHttp2(session, {
            ':path': path,
            ...headers,
            'connect-timeout-ms': String(TIMEOUT_MS),
          });
          stream.end(body);
          const answer = await recordHttp2(stream);
          return { ...answer, tookMs: performance.now() - begin };
        });
        const results = await Promise.all(calls);
        session.destroy();
        return results;
      },
      { growthMiB: 100 },
    );
    expect(startedHandlers).toBe(CALLS);
    for (const { body: text, tookMs, events } of result) {
      expect(
        text.includes('deadline_exceeded') || events.at(-1) === `close ${constants.NGHTTP2_CANCEL}`,
      ).toBe(true);
      expect(tookMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 1);
      expect(tookMs).toBeLessThan(TIMEOUT_MS + LATE_BY_MS);
    }
  });
});

describe('a client that goes away leaves the handler alone with its mistakes', () => {
  it.each(Object.entries(HANDLERS))('%s', async (_, { path, headers, body }) => {
    const { startedHandlers } = await victim.withstand(
      async () => {
        const { startedHandlers: before } = await victim.signs(false);
        const session = connectHttp2(`http://127.0.0.1:${victim.port}`);
        session.on('error', () => {});
        for (let i = 0; i < CALLS; i++) {
          const stream = openHttp2(session, { ':path': path, ...headers });
          stream.on('error', () => {});
          stream.end(body);
        }
        while ((await victim.signs(false)).startedHandlers < before + CALLS);
        session.destroy();
      },
      { growthMiB: 60 },
    );
    expect(startedHandlers).toBe(CALLS);
  });
});
