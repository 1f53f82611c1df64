/**
 * Peers that hold things without using them, and what becomes of them: for all forms of a server.
 */
import { constants } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { http1Request, openHttp2, RawClient, recordHttp2 } from '../../server/engine-harness.js';
import { frame as envelope } from '../../support/frames.js';
import { PREFACE } from './http2-frames.js';
import { type ServerInit } from './server-forms.js';
import { INTRODUCE, REFLECT, SAY, type Victim } from './victim.js';

export const JSON_CALL = { 'content-type': 'application/json' };
export const STREAM_CALL = { 'content-type': 'application/connect+json' };
export const TRICKLE_MS = 20;

/** A server whose timers a test can wait for. */
export const IMPATIENT: ServerInit['options'] = {
  bufferBytes: 65_536,
  // What a healthy client must do in time leaves it some, for a busy machine.
  timeouts: {
    prefaceMs: 800,
    headersMs: 800,
    idleReadMs: 300,
    idleWriteMs: 300,
    http1KeepAliveMs: 300,
    http2IdleMs: 800,
  },
};

/** Opens sockets one by one in quick succession, so that the accept queue holds them all. */
export async function openSockets(
  victim: Victim,
  count: number,
  protocol: 'h2' | 'http/1.1' = 'http/1.1',
): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    clients.push(new RawClient(await victim.connect(protocol)));
  }
  return clients;
}

/** Sends one byte at a time, for as long as the server listens. */
export async function trickle(
  clients: readonly RawClient[],
  bytes: (index: number) => string,
): Promise<void> {
  for (let i = 0; clients.some(({ isEnded }) => !isEnded); i++) {
    clients.filter(({ isEnded }) => !isEnded).forEach((client) => client.write(bytes(i)));
    await delay(TRICKLE_MS);
  }
}

/** A connection that is held. */
export interface Holding {
  /** What a TLS client says that it speaks. Default: HTTP/1.1. */
  readonly protocol?: 'h2';
  readonly first: string;
  /** Sent afterwards, a byte at a time; nothing when absent. */
  readonly next?: (index: number) => string;
  /** What the server says before it closes: nothing, or a status line. */
  readonly answer: string;
}

const HEAD = `POST ${SAY} HTTP/1.1\r\nhost: test\r\n`;

export const HOLDINGS: Readonly<Record<string, Holding>> = {
  'that say nothing': { first: '', answer: '' },
  'that send half a preface': { protocol: 'h2', first: 'PR', answer: '' },
  'that send a preface and no SETTINGS': { protocol: 'h2', first: PREFACE.toString(), answer: '' },
  'that send a preface byte by byte': {
    protocol: 'h2',
    first: '',
    next: (i) => PREFACE.toString().charAt(i),
    answer: '',
  },
  'that begin an HTTP/1.1 request': { first: HEAD, answer: 'HTTP/1.1 408 ' },
  'that send HTTP/1.1 headers byte by byte': {
    first: HEAD,
    next: (i) => 'x-a: 1\r\n'.charAt(i % 8),
    answer: 'HTTP/1.1 408 ',
  },
};

/** Holds connections until the server has closed them all, and checks what it says to them. */
export async function hold(
  victim: Victim,
  count: number,
  { protocol, first, next, answer }: Holding,
): Promise<void> {
  const { result } = await victim.withstand(
    async () => {
      const clients = await openSockets(victim, count, protocol);
      clients.forEach((client) => client.write(first));
      await (next === undefined ? undefined : trickle(clients, next));
      await Promise.all(clients.map(({ ended }) => ended));
      clients.forEach((client) => client.destroy());
      // What an HTTP/2 server says unasked, its SETTINGS, is no answer.
      return clients.map(({ text }) => (text.startsWith('HTTP') ? text.slice(0, 13) : ''));
    },
    { growthMiB: 50 },
  );
  expect(new Set(result)).toEqual(new Set([answer]));
}

export const PREFIX = 'in the middle of a prefix';

/** What comes of a request before it stops. */
export interface StoppedBody {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly first: string;
}

/** A call whose body stops; the status, or the error in the end of a stream. */
export const BODIES: Readonly<Record<string, StoppedBody>> = {
  'in the middle of a unary message': { path: SAY, headers: JSON_CALL, first: '{"sentence":' },
  [PREFIX]: { path: REFLECT, headers: STREAM_CALL, first: '\0\0' },
  'in the middle of a message of a stream': { path: REFLECT, headers: STREAM_CALL, first: '\0\0\0\0\x10{' },
};

/** Calls whose bodies stop, and checks that they are told. @param timeout Headers with a deadline. */
export async function stop(
  victim: Victim,
  version: string,
  { path, headers, first }: StoppedBody,
  timeout: Record<string, string> = {},
): Promise<void> {
  const all = { ...headers, ...timeout };
  const { result } = await victim.withstand(
    () =>
      version === '2' ? stopOverHttp2(victim, path, all, first) : stopOverHttp1(victim, path, all, first),
    { growthMiB: 40 },
  );
  expect(result.filter((text) => !text.includes('deadline_exceeded'))).toEqual([]);
}

async function stopOverHttp1(
  victim: Victim,
  path: string,
  headers: Record<string, string>,
  first: string,
): Promise<string[]> {
  const clients = await openSockets(victim, 100);
  const declared = { ...headers, 'content-length': '100000' };
  clients.forEach((client) => client.write(http1Request(first, declared, path)));
  await Promise.all(clients.map(({ ended }) => ended));
  clients.forEach((client) => client.destroy());
  return clients.map(({ text }) => text);
}

async function stopOverHttp2(
  victim: Victim,
  path: string,
  headers: Record<string, string>,
  first: string,
): Promise<string[]> {
  const session = victim.session();
  const results = Array.from({ length: 100 }, () => {
    const stream = openHttp2(session, { ':path': path, ...headers });
    stream.write(first, 'latin1');
    return recordHttp2(stream);
  });
  const bodies = (await Promise.all(results)).map(({ body }) => body);
  session.destroy();
  return bodies;
}

/** A request whose response nobody reads. */
export type UnreadResponse = readonly [path: string, type: string, request: Buffer];

export const RESPONSES: Readonly<Record<string, UnreadResponse>> = {
  'of 100 KB': [SAY, 'application/json', Buffer.from('{"sentence":"large:100000"}')],
  'that a generator makes without end': [
    INTRODUCE,
    'application/connect+json',
    envelope(0, '{"name":"generator"}'),
  ],
  'that an Observable pushes': [INTRODUCE, 'application/connect+json', envelope(0, '{"name":"push"}')],
};
/** Calls over sessions without a window, and checks that their streams are reset. */
export async function neglect(
  victim: Victim,
  sessionCount: number,
  [path, type, request]: UnreadResponse,
  timeout: Record<string, string> = {},
): Promise<void> {
  const { result, startedHandlers } = await victim.withstand(
    async () => {
      const sessions = Array.from({ length: sessionCount }, () =>
        victim.session({ settings: { initialWindowSize: 0 } }),
      );
      const streams = sessions.flatMap((session) =>
        Array.from({ length: STREAMS_PER_SESSION }, () => {
          const stream = openHttp2(session, { ':path': path, 'content-type': type, ...timeout });
          stream.end(request);
          return recordHttp2(stream);
        }),
      );
      const results = await Promise.all(streams);
      sessions.forEach((session) => session.destroy());
      return results;
    },
    { growthMiB: 120 },
  );
  expect(startedHandlers).toBe(sessionCount * STREAMS_PER_SESSION);
  expect(new Set(result.map(({ body, events }) => `${body} ${events.at(-1)}`))).toEqual(
    new Set([` close ${constants.NGHTTP2_CANCEL}`]),
  );
}

const STREAMS_PER_SESSION = 20;
