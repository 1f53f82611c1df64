/**
 * Clients that go away: in every phase of a call, in both HTTP versions, politely and not, one call and a thousand.
 * Protected: what a call holds (handler, timer, listener, buffer) is let go of with it.
 *
 * Node ends a session after about 1,000 quick resets, so that the storms are spread over sessions and paced.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { http1Request, openHttp2 } from '../server/engine-harness.js';
import { type Dialect, DIALECTS, streamed } from './support/dialects.js';
import { CONVERSE, INTRODUCE, REFLECT, SAY, Victim } from './support/victim.js';

const JSON_CALL = { 'content-type': 'application/json' };
const JSON_STREAM = { 'content-type': 'application/connect+json' };
const CANCEL = 8;

const SESSIONS = 20;
const STREAMS_PER_SESSION = 50;
const ROUNDS = 5;

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start();
});

afterAll(() => victim.stop());

/** What a client has done when it goes away. */
interface Phase {
  readonly path: string;
  readonly begin: (stream: ClientHttp2Stream, dialect: Dialect) => void;
  /** The call has a deadline, which is far away. */
  readonly hasDeadline?: true;
  /** Whether the abort waits for the response to begin. */
  readonly isAnswered: boolean;
  readonly startsHandler: boolean;
}

const PHASES: Readonly<Record<string, Phase>> = {
  'behind the headers': {
    path: SAY,
    begin: () => {},
    isAnswered: false,
    startsHandler: false,
  },
  'in the middle of a message': {
    path: SAY,
    begin: (stream, dialect) => stream.write(dialect.unaryBody({ sentence: 'half' }).subarray(0, 6)),
    isAnswered: false,
    startsHandler: false,
  },
  'while a promise is awaited': {
    path: SAY,
    begin: (stream, dialect) => stream.end(dialect.unaryBody({ sentence: 'never-promise' })),
    isAnswered: false,
    startsHandler: true,
  },
  'while a unary Observable is silent': {
    path: SAY,
    hasDeadline: true,
    begin: (stream, dialect) => stream.end(dialect.unaryBody({ sentence: 'never-observable' })),
    isAnswered: false,
    startsHandler: true,
  },
  'while a generator is silent': {
    path: INTRODUCE,
    begin: (stream) => stream.end(streamed({ name: 'never-generator' })),
    isAnswered: false,
    startsHandler: true,
  },
  'in the middle of a generated response': {
    path: INTRODUCE,
    hasDeadline: true,
    begin: (stream) => stream.end(streamed({ name: 'generator' })),
    isAnswered: true,
    startsHandler: true,
  },
  'in the middle of a pushed response': {
    path: INTRODUCE,
    begin: (stream) => stream.end(streamed({ name: 'push' })),
    isAnswered: true,
    startsHandler: true,
  },
  'in the middle of a request stream': {
    path: REFLECT,
    hasDeadline: true,
    begin: (stream) => stream.write(streamed({ sentence: 'a' })),
    isAnswered: false,
    startsHandler: true,
  },
  'while a request stream is not read': {
    path: REFLECT,
    begin: (stream) => stream.write(Buffer.concat([streamed({ sentence: 'never' }), Buffer.alloc(100_000)])),
    isAnswered: false,
    startsHandler: true,
  },
  'in the middle of a conversation': {
    path: CONVERSE,
    begin: (stream) => stream.write(streamed({ sentence: 'a' })),
    isAnswered: true,
    startsHandler: true,
  },
};

const FAR_AWAY_MS = 600_000;

/** The protocols by turns. */
function dialectOf(call: number): Dialect {
  return DIALECTS[call % DIALECTS.length] as Dialect; // The index is within bounds.
}

/** Opens sessions that are closed when the work is done. */
async function withSessions<T>(
  count: number,
  work: (sessions: readonly ClientHttp2Session[]) => Promise<T>,
): Promise<T> {
  const sessions = Array.from({ length: count }, () => victim.session());
  try {
    return await work(sessions);
  } finally {
    sessions.forEach((session) => session.destroy());
  }
}

function openIn(phase: Phase, dialect: Dialect, session: ClientHttp2Session): ClientHttp2Stream {
  const stream = openHttp2(session, {
    ':path': phase.path,
    ...(phase.path === SAY ? dialect.unaryHeaders : dialect.streamHeaders),
    ...(phase.hasDeadline === true ? dialect.timeout(FAR_AWAY_MS) : {}),
  });
  stream.on('error', () => {});
  phase.begin(stream, dialect);
  return stream;
}

/** Waits until streams are in their phase at the server. */
async function arrived(phase: Phase, streams: readonly ClientHttp2Stream[], handlers: number): Promise<void> {
  if (phase.isAnswered) {
    await Promise.all(streams.map((stream) => once(stream, 'data')));
  }
  let signs = await victim.signs(false);
  const isThere = (): boolean =>
    phase.startsHandler ? signs.startedHandlers >= handlers : signs.activeCalls >= streams.length;
  while (!isThere()) {
    signs = await victim.signs(false);
  }
}

describe('a call that is given up leaves nothing, whatever its phase', () => {
  const rows = Object.entries(PHASES).flatMap(([name, phase]) => [
    { name, how: 'by a reset', phase },
    { name, how: 'by the end of the connection', phase },
  ]);

  it.each(rows)('$name, $how, in all protocols', async ({ how, phase }) => {
    const { startedHandlers } = await victim.withstand(
      () =>
        withSessions(5, async (sessions) => {
          const { startedHandlers: before } = await victim.signs(false);
          const streams = sessions.flatMap((session) =>
            Array.from({ length: 21 }, (_, i) => openIn(phase, dialectOf(i), session)),
          );
          await arrived(phase, streams, before + streams.length);
          if (how === 'by a reset') {
            const closed = streams.map((stream) => once(stream, 'close'));
            streams.forEach((stream) => stream.close(CANCEL));
            await Promise.all(closed);
          }
        }),
      { growthMiB: 80 },
    );
    expect(startedHandlers).toBe(phase.startsHandler ? 5 * 21 : 0);
  });
});

describe('a storm of aborts', () => {
  it('1,000 streams over 20 connections, in all protocols, aborted in every phase, five times over', async () => {
    const phases = Object.values(PHASES);
    const { startedHandlers } = await victim.withstand(
      async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const { startedHandlers: before } = await victim.signs(false);
          await withSessions(SESSIONS, async (sessions) => {
            const calls = sessions.flatMap((session, at) =>
              Array.from({ length: STREAMS_PER_SESSION }, (_, i) => {
                const phase = phases[i % phases.length] as Phase; // The index is within bounds.
                // Every connection speaks all protocols, and its phases begin with another one.
                const dialect = dialectOf(at + i);
                return { phase, stream: openIn(phase, dialect, session) };
              }),
            );
            const answered = calls.filter(({ phase }) => phase.isAnswered);
            await Promise.all(answered.map(({ stream }) => once(stream, 'data')));
            const handlers = calls.filter(({ phase }) => phase.startsHandler).length;
            let signs = await victim.signs(false);
            while (signs.startedHandlers < before + handlers || signs.activeCalls < calls.length) {
              signs = await victim.signs(false);
            }
            const closed = calls.map(({ stream }) => once(stream, 'close'));
            calls.forEach(({ stream }) => stream.close(CANCEL));
            await Promise.all(closed);
          });
        }
      },
      { growthMiB: 150 },
    );
    expect(startedHandlers).toBe(ROUNDS * SESSIONS * STREAMS_PER_SESSION * 0.8);
  });

  it('2,000 calls that end well and with a deadline leave no timer', async () => {
    const { result } = await victim.withstand(
      () =>
        withSessions(10, async (sessions) => {
          let ended = 0;
          for (let round = 0; round < 10; round++) {
            const calls = sessions.flatMap((session) =>
              Array.from({ length: 20 }, async () => {
                const stream = openHttp2(session, {
                  ':path': SAY,
                  ...JSON_CALL,
                  'connect-timeout-ms': String(FAR_AWAY_MS),
                });
                stream.resume().end('{"sentence":"hello"}');
                await once(stream, 'close');
              }),
            );
            ended += (await Promise.all(calls)).length;
          }
          return ended;
        }),
      { growthMiB: 60 },
    );
    expect(result).toBe(2_000);
  });
});

describe('a call over HTTP/1.1 that is given up leaves nothing', () => {
  const REQUESTS: Readonly<
    Record<string, readonly [path: string, headers: Record<string, string>, body: Buffer]>
  > = {
    'in the middle of the headers': [SAY, {}, Buffer.alloc(0)],
    'in the middle of the body': [SAY, { ...JSON_CALL, 'content-length': '100' }, Buffer.from('{')],
    'while a promise is awaited': [SAY, JSON_CALL, Buffer.from('{"sentence":"never-promise"}')],
    'in the middle of a request stream': [
      REFLECT,
      { ...JSON_STREAM, 'content-length': '1000' },
      streamed({ sentence: 'a' }),
    ],
    'in the middle of a generated response': [INTRODUCE, JSON_STREAM, streamed({ name: 'generator' })],
    'in the middle of a pushed response': [INTRODUCE, JSON_STREAM, streamed({ name: 'push' })],
  };
  const rows = Object.entries(REQUESTS).flatMap(([name, request]) => [
    { name, how: 'FIN', request },
    { name, how: 'RST', request },
  ]);

  it.each(rows)('$name, by $how', async ({ name, how, request: [path, headers, body] }) => {
    const { result } = await victim.withstand(
      async () => {
        const whole = Buffer.from(http1Request(body.toString('latin1'), headers, path), 'latin1');
        const bytes = name === 'in the middle of the headers' ? whole.subarray(0, 40) : whole;
        const before = await victim.signs(false);
        const sockets = await Promise.all(Array.from({ length: 50 }, () => openSocket()));
        sockets.forEach((socket) => socket.write(bytes));
        let now = await victim.signs(false);
        const isThere = (): boolean => bytes !== whole || now.activeCalls >= before.activeCalls + 50;
        while (!isThere()) {
          now = await victim.signs(false);
        }
        const closed = sockets.map((socket) => once(socket, 'close'));
        sockets.forEach((socket) => (how === 'RST' ? socket.resetAndDestroy() : socket.destroy()));
        return (await Promise.all(closed)).length;
      },
      { growthMiB: 80 },
    );
    expect(result).toBe(50);
  });
});

async function openSocket(): Promise<Socket> {
  const socket = connect({ port: victim.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket.resume();
}
