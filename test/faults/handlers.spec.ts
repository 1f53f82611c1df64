/**
 * Handlers that misbehave when their call is over, or never let it end. Protected: the caller, who has an answer at
 * his deadline all the same, and the process, which must not end for a rejection that nobody can observe any more.
 *
 * That it lives on is asserted by every test here: an unhandled rejection ends the server under attack.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Http2Result, openHttp2, recordHttp2 } from '../server/engine-harness.js';
import { type Dialect, DIALECTS, streamed } from './support/dialects.js';
import { INTRODUCE, REFLECT, SAY, Victim } from './support/victim.js';

/** As many in each protocol. */
const CALLS = 51;
const TIMEOUT_MS = 150;
/** Fifty streams are read in the process of the test; test/server measures single deadlines. */
const LATE_BY_MS = 850;

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({ drainTimeoutMs: 200 });
});

afterAll(() => victim.stop());

/** A method and a message for which its handler misbehaves. */
interface Misbehaviour {
  readonly path: string;
  readonly message: object;
}

const say = (sentence: string): Misbehaviour => ({ path: SAY, message: { sentence } });
const introduce = (name: string): Misbehaviour => ({ path: INTRODUCE, message: { name } });

const HANDLERS: Readonly<Record<string, Misbehaviour>> = {
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
  'a request stream that is not read on': { path: REFLECT, message: { sentence: 'never' } },
};

/** The protocols by turns. */
function dialectOf(call: number): Dialect {
  return DIALECTS[call % DIALECTS.length] as Dialect; // The index is within bounds.
}

/** A whole request. */
function send(
  session: ClientHttp2Session,
  dialect: Dialect,
  { path, message }: Misbehaviour,
  timeout: Record<string, string> = {},
): ClientHttp2Stream {
  const isUnary = path === SAY;
  const headers = isUnary ? dialect.unaryHeaders : dialect.streamHeaders;
  const stream = openHttp2(session, { ':path': path, ...headers, ...timeout });
  stream.end(isUnary ? dialect.unaryBody(message) : streamed(message));
  return stream;
}

/** How a call ended that its peer read. */
function codeOf(dialect: Dialect, { path }: Misbehaviour, answer: Http2Result): string {
  const { code } = path === SAY ? dialect.unaryOutcome(answer) : dialect.streamOutcome(answer);
  return code;
}

describe('a deadline answers in the place of the handler', () => {
  it.each(Object.entries(HANDLERS))('%s', async (_, handler) => {
    const { result, startedHandlers } = await victim.withstand(
      async () => {
        const session = victim.session({ maxSessionMemory: 500 });
        const calls = Array.from({ length: CALLS }, async (_each, i) => {
          const dialect = dialectOf(i);
          const begin = performance.now();
          const answer = await recordHttp2(send(session, dialect, handler, dialect.timeout(TIMEOUT_MS)));
          return { dialect, answer, tookMs: performance.now() - begin };
        });
        const results = await Promise.all(calls);
        session.destroy();
        return results;
      },
      { growthMiB: 100 },
    );
    expect(startedHandlers).toBe(CALLS);
    for (const { dialect, answer, tookMs } of result) {
      // A peer that is still reading when the grace time is over has lost the stream.
      const wasReset = answer.events.at(-1) === `close ${constants.NGHTTP2_CANCEL}`;
      expect(wasReset || codeOf(dialect, handler, answer)).toBe(wasReset || 'deadline_exceeded');
      expect(tookMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 1);
      expect(tookMs).toBeLessThan(TIMEOUT_MS + LATE_BY_MS);
    }
  });
});

describe('a client that goes away leaves the handler alone with its mistakes', () => {
  it.each(Object.entries(HANDLERS))('%s', async (_, handler) => {
    const { startedHandlers } = await victim.withstand(
      async () => {
        const { startedHandlers: before } = await victim.signs(false);
        const session = victim.session();
        for (let i = 0; i < CALLS; i++) {
          send(session, dialectOf(i), handler).on('error', () => {});
        }
        while ((await victim.signs(false)).startedHandlers < before + CALLS);
        session.destroy();
      },
      { growthMiB: 60 },
    );
    expect(startedHandlers).toBe(CALLS);
  });
});
