/**
 * Clients that give up waiting, ten thousand times, for an Observable that never emits. Protected: whatever its teardown
 * would end, which is ended exactly once for each call, and the memory that a call holds.
 *
 * Nest's gRPC transport keeps no subscription of a unary call, and so ends none. (server-grpc.ts, createUnaryServiceMethod)
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Dialect, DIALECTS } from '../faults/support/dialects.js';
import { openHttp2 } from '../server/engine-harness.js';
import { type CompiledTarget, compileTarget } from '../support/compiled-target.js';
import { type Figures } from './support/figures.js';
import { type MeasuredServer, startConnect } from './support/servers.js';

const CALLS = 10_000;
const CONNECTIONS = 50;
/** Below `maxConcurrentStreams`; all of a connection are below Node's guard, 1,000 resets at once. (docs/limits.md) */
const AT_ONCE = 50;
const CALLS_OF_WAVE = CONNECTIONS * AT_ONCE;
const WAVES = CALLS / CALLS_OF_WAVE;
const SETTLED_WITHIN_MS = 5_000;
const POLL_MS = 10;
const MIB = 1024 * 1024;
/** What caches and compiled code may hold: 600 bytes a call, and no call is that small. */
const LEFT_MIB = 6;

const SAY = '/connectrpc.eliza.v1.ElizaService/Say';

let target: CompiledTarget;
let server: MeasuredServer;

beforeAll(async () => {
  target = await compileTarget();
});

afterAll(() => target.remove());

beforeEach(async () => {
  server = await startConnect(target, 'unpaced');
});

afterEach(() => server.stop());

describe.each(DIALECTS)('$protocol', (dialect) => {
  it('tears down every unary call that its client cancels, once', async () => {
    // Node's tables of sessions and streams, and the compiled code, are there to stay.
    await cancelWaves(dialect, 1);
    const before = await figures();
    await cancelWaves(dialect, WAVES);
    const after = await figures();
    const leftMib = (after.heapBytes - before.heapBytes) / MIB;
    process.stdout.write(
      `${dialect.protocol}: ${CALLS} calls canceled over ${CONNECTIONS} connections, ` +
        `heap and external growth ${leftMib.toFixed(2)} MiB\n`,
    );
    expect({
      subscriptions: after.subscriptions - before.subscriptions,
      teardowns: after.teardowns - before.teardowns,
      liveCalls: after.liveCalls,
    }).toEqual({ subscriptions: CALLS, teardowns: CALLS, liveCalls: 0 });
    expect(leftMib).toBeLessThan(LEFT_MIB);
  });
});

/** Opens connections, and over each one a wave of calls after the other. */
async function cancelWaves(dialect: Dialect, waves: number): Promise<void> {
  const sessions = Array.from({ length: CONNECTIONS }, () => connect(`http://127.0.0.1:${server.port}`));
  for (let wave = 0; wave < waves; wave++) {
    await cancelWave(sessions, dialect);
  }
  sessions.forEach((session) => session.destroy());
}

/** Cancels when the server waits for all of them: a call that had not begun would have nothing to tear down. */
async function cancelWave(sessions: readonly ClientHttp2Session[], dialect: Dialect): Promise<void> {
  const { subscriptions, teardowns } = await figures();
  const calls = sessions.flatMap((session) => Array.from({ length: AT_ONCE }, () => call(session, dialect)));
  await until((now) => now.subscriptions >= subscriptions + CALLS_OF_WAVE);
  await Promise.all(calls.map(cancel));
  await until((now) => now.teardowns >= teardowns + CALLS_OF_WAVE && now.liveCalls === 0);
}

function call(session: ClientHttp2Session, dialect: Dialect): ClientHttp2Stream {
  const stream = openHttp2(session, { ':path': SAY, ...dialect.unaryHeaders });
  stream.end(dialect.unaryBody({ sentence: 'for ever' }));
  return stream;
}

async function cancel(stream: ClientHttp2Stream): Promise<void> {
  const closed = once(stream, 'close');
  stream.close(constants.NGHTTP2_CANCEL);
  await closed;
}

function figures(): Promise<Figures> {
  return server.ask({ kind: 'figures' });
}

/** Waits for what only the server knows; what does not come is for the test to see. */
async function until(isReached: (now: Figures) => boolean): Promise<void> {
  const end = performance.now() + SETTLED_WITHIN_MS;
  while (!isReached(await figures()) && performance.now() < end) {
    await delay(POLL_MS);
  }
}
