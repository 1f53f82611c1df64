/**
 * Clients that hold things without using them: sockets that say nothing or too little, headers and bodies that
 * trickle, responses that nobody reads. Protected: sockets, calls and buffers, all of which have an end in time.
 */
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { http1Request, openHttp2, RawClient, recordHttp2 } from '../server/engine-harness.js';
import { frame as envelope } from '../support/frames.js';
import { Http2Attacker } from './support/http2-attacker.js';
import { PREFACE } from './support/http2-frames.js';
import { INTRODUCE, REFLECT, SAY, Victim } from './support/victim.js';

const JSON_CALL = { 'content-type': 'application/json' };
const STREAM_CALL = { 'content-type': 'application/connect+json' };
const TRICKLE_MS = 20;

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({
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
  });
});

afterAll(() => victim.stop());

/** Opens sockets one by one in quick succession, so that the accept queue holds them all. */
async function openSockets(count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const socket = connect({ port: victim.port, host: '127.0.0.1', allowHalfOpen: true });
    clients.push(new RawClient(socket));
    await once(socket, 'connect');
  }
  return clients;
}

/** Sends one byte at a time, for as long as the server listens. */
async function trickle(clients: readonly RawClient[], bytes: (index: number) => string): Promise<void> {
  for (let i = 0; clients.some(({ isEnded }) => !isEnded); i++) {
    clients.filter(({ isEnded }) => !isEnded).forEach((client) => client.write(bytes(i)));
    await delay(TRICKLE_MS);
  }
}

interface Holding {
  readonly first: string;
  /** Sent afterwards, a byte at a time; nothing when absent. */
  readonly next?: (index: number) => string;
  /** What the server says before it closes: nothing, or a status line. */
  readonly answer: string;
}

const HEAD = `POST ${SAY} HTTP/1.1\r\nhost: test\r\n`;

const HOLDINGS: Readonly<Record<string, Holding>> = {
  'that say nothing': { first: '', answer: '' },
  'that send half a preface': { first: 'PR', answer: '' },
  'that send a preface and no SETTINGS': { first: PREFACE.toString(), answer: '' },
  'that send a preface byte by byte': { first: '', next: (i) => PREFACE.toString().charAt(i), answer: '' },
  'that begin an HTTP/1.1 request': { first: HEAD, answer: 'HTTP/1.1 408 ' },
  'that send HTTP/1.1 headers byte by byte': {
    first: HEAD,
    next: (i) => 'x-a: 1\r\n'.charAt(i % 8),
    answer: 'HTTP/1.1 408 ',
  },
};

describe('500 connections end in time', () => {
  it.each(Object.entries(HOLDINGS))(
    '%s',
    async (_, { first, next, answer }) => {
      const { result } = await victim.withstand(
        async () => {
          const clients = await openSockets(500);
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
    },
    15_000,
  );

  it('that are idle after a request each, over HTTP/1.1', async () => {
    await victim.withstand(
      async () => {
        const clients = await openSockets(500);
        await Promise.all(
          clients.map((client) => client.write(http1Request('{"sentence":"a"}', JSON_CALL, SAY)).ended),
        );
        expect(clients.filter(({ text }) => text.endsWith('{"sentence":"a"}'))).toHaveLength(500);
        clients.forEach((client) => client.destroy());
      },
      { growthMiB: 50 },
    );
  }, 15_000);

  it('that are idle after the handshake, over HTTP/2, with GOAWAY', async () => {
    await victim.withstand(
      async () => {
        const attackers: Http2Attacker[] = [];
        while (attackers.length < 500) {
          attackers.push(await Http2Attacker.open(victim.port));
        }
        await Promise.all(attackers.map(({ ended }) => ended));
        attackers.forEach((attacker) => attacker.destroy());
        expect(new Set(attackers.map(({ goawayCode }) => goawayCode))).toEqual(
          new Set([constants.NGHTTP2_NO_ERROR]),
        );
      },
      { growthMiB: 60 },
    );
  }, 15_000);
});

const PREFIX = 'in the middle of a prefix';

/** A call whose body stops; the status, or the error in the end of a stream. */
const BODIES: Readonly<
  Record<string, { readonly path: string; readonly headers: Record<string, string>; readonly first: string }>
> = {
  'in the middle of a unary message': { path: SAY, headers: JSON_CALL, first: '{"sentence":' },
  [PREFIX]: { path: REFLECT, headers: STREAM_CALL, first: '\0\0' },
  'in the middle of a message of a stream': { path: REFLECT, headers: STREAM_CALL, first: '\0\0\0\0\x10{' },
};

describe('a body that stops ends its call', () => {
  const rows = Object.entries(BODIES).flatMap(([name, body]) => [
    { name, version: '1.1', limit: 'idleReadMs', body },
    { name, version: '2', limit: 'idleReadMs', body },
    ...(name === PREFIX
      ? []
      : [
          { name, version: '1.1', limit: 'its deadline', body },
          { name, version: '2', limit: 'its deadline', body },
        ]),
  ]);

  it.each(rows)('$name: after $limit, over HTTP/$version', async ({ version, limit, body }) => {
    const { path, first } = body;
    const headers =
      limit === 'its deadline' ? { ...body.headers, 'connect-timeout-ms': '200' } : body.headers;
    const { result } = await victim.withstand(
      () => (version === '2' ? stopOverHttp2(path, headers, first) : stopOverHttp1(path, headers, first)),
      { growthMiB: 40 },
    );
    expect(result.filter((text) => !text.includes('deadline_exceeded'))).toEqual([]);
  });

  it('that trickles: after its deadline', async () => {
    const { result } = await victim.withstand(
      async () => {
        const clients = await openSockets(100);
        const headers = { ...JSON_CALL, 'content-length': '100000', 'connect-timeout-ms': '300' };
        clients.forEach((client) => client.write(http1Request('', headers, SAY)));
        await trickle(clients, () => ' ');
        clients.forEach((client) => client.destroy());
        return clients.map(({ text }) => text.slice(0, 13));
      },
      { growthMiB: 40 },
    );
    expect(new Set(result)).toEqual(new Set(['HTTP/1.1 504 ']));
  });
});

async function stopOverHttp1(
  path: string,
  headers: Record<string, string>,
  first: string,
): Promise<string[]> {
  const clients = await openSockets(100);
  const declared = { ...headers, 'content-length': '100000' };
  clients.forEach((client) => client.write(http1Request(first, declared, path)));
  await Promise.all(clients.map(({ ended }) => ended));
  clients.forEach((client) => client.destroy());
  return clients.map(({ text }) => text);
}

async function stopOverHttp2(
  path: string,
  headers: Record<string, string>,
  first: string,
): Promise<string[]> {
  const session = connectHttp2(`http://127.0.0.1:${victim.port}`);
  session.on('error', () => {});
  const results = Array.from({ length: 100 }, () => {
    const stream = openHttp2(session, { ':path': path, ...headers });
    stream.write(first, 'latin1');
    return recordHttp2(stream);
  });
  const bodies = (await Promise.all(results)).map(({ body }) => body);
  session.destroy();
  return bodies;
}

describe('responses that nobody reads are given up', () => {
  const RESPONSES: Readonly<Record<string, readonly [path: string, type: string, request: Buffer]>> = {
    'of 100 KB': [SAY, 'application/json', Buffer.from('{"sentence":"large:100000"}')],
    'that a generator makes without end': [
      INTRODUCE,
      'application/connect+json',
      envelope(0, '{"name":"generator"}'),
    ],
    'that an Observable pushes': [INTRODUCE, 'application/connect+json', envelope(0, '{"name":"push"}')],
  };
  const rows = Object.entries(RESPONSES).flatMap(([name, call]) => [
    { name, limit: 'idleWriteMs', timeout: {}, call },
    { name, limit: 'their deadline', timeout: { 'connect-timeout-ms': '250' }, call },
  ]);

  it.each(rows)(
    '$name: 400 streams without a window, after $limit',
    async ({ timeout, call }) => {
      const [path, type, request] = call;
      const { result, startedHandlers } = await victim.withstand(
        async () => {
          const sessions = Array.from({ length: 20 }, () =>
            connectHttp2(`http://127.0.0.1:${victim.port}`, { settings: { initialWindowSize: 0 } }),
          );
          sessions.forEach((session) => session.on('error', () => {}));
          const streams = sessions.flatMap((session) =>
            Array.from({ length: 20 }, () => {
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
      expect(startedHandlers).toBe(400);
      expect(new Set(result.map(({ body, events }) => `${body} ${events.at(-1)}`))).toEqual(
        new Set([` close ${constants.NGHTTP2_CANCEL}`]),
      );
    },
    15_000,
  );

  it.each(['generator', 'push'])(
    'of a %s over HTTP/1.1, with their connections',
    async (name) => {
      const { startedHandlers } = await victim.withstand(
        async () => {
          const clients = await openSockets(20);
          const request = http1Request(
            envelope(0, `{"name":"${name}"}`).toString('latin1'),
            STREAM_CALL,
            INTRODUCE,
          );
          const closed = clients.map(({ socket }) => once(socket, 'close'));
          clients.forEach(({ socket }) => socket.pause());
          const { startedHandlers: before } = await victim.signs(false);
          clients.forEach((client) => client.write(Buffer.from(request, 'latin1')));
          // A client that does not read does not see the end either: the server tells.
          await untilIdle(before + 20);
          clients.forEach((client) => client.destroy());
          await Promise.all(closed);
        },
        { growthMiB: 120 },
      );
      expect(startedHandlers).toBe(20);
    },
    15_000,
  );
});

/** Waits until as many handlers have begun, all have ended, and so have their calls. */
async function untilIdle(handlers: number): Promise<void> {
  let signs = await victim.signs(false);
  while (signs.endedHandlers < handlers || signs.openSockets > 2) {
    await delay(TRICKLE_MS);
    signs = await victim.signs(false);
  }
}
