/**
 * HTTP/1.1 on the shared port: requests that two servers would read differently, garbage between requests, headers
 * beyond the limits, and connections that go on after an early answer. Protected: the border between one request and
 * the next, and between what a handler says and what HTTP is.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { http1Request, RawClient } from '../server/engine-harness.js';
import { frame as envelope } from '../support/frames.js';
import { PREFACE } from './support/http2-frames.js';
import { CONVERSE, INTRODUCE, SAY, Victim } from './support/victim.js';

const JSON_CALL = { 'content-type': 'application/json' };

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({ timeouts: { http1KeepAliveMs: 500, headersMs: 500, idleReadMs: 500 } });
});

afterAll(() => victim.stop());

async function open(): Promise<RawClient> {
  const socket = connect({ port: victim.port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return new RawClient(socket);
}

function say(sentence: string, headers: Readonly<Record<string, string>> = {}): string {
  return http1Request(JSON.stringify({ sentence }), { ...JSON_CALL, ...headers }, SAY);
}

/** The statuses of every response on a connection, in order. */
function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** Sends bytes on several connections, and reads what comes until the server closes. */
async function sendUntilClosed(bytes: string | Uint8Array, count = 10): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: count }, open));
  clients.forEach((client) => client.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes));
  await Promise.all(clients.map(({ ended }) => ended));
  clients.forEach((client) => client.destroy());
  return clients.map(({ text }) => text);
}

const HEAD = `POST ${SAY} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n`;
const SECRET = say('smuggled');
const CHUNKED = 'transfer-encoding: chunked\r\n';

/** Requests, each with the statuses that its connection gets before it is closed. */
const REQUESTS: Readonly<Record<string, readonly [statuses: readonly number[], bytes: string]>> = {
  'content-length and transfer-encoding': [
    [400],
    `${HEAD}content-length: 4\r\n${CHUNKED}\r\n0\r\n\r\n${SECRET}`,
  ],
  'transfer-encoding and content-length': [
    [400],
    `${HEAD}${CHUNKED}content-length: 4\r\n\r\n0\r\n\r\n${SECRET}`,
  ],
  'two different lengths': [[400], `${HEAD}content-length: 2\r\ncontent-length: 40\r\n\r\n{}${SECRET}`],
  'the same length twice': [[400], `${HEAD}content-length: 2\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a list of lengths': [[400], `${HEAD}content-length: 2, 2\r\n\r\n{}${SECRET}`],
  'a negative length': [[400], `${HEAD}content-length: -2\r\n\r\n{}${SECRET}`],
  'a hexadecimal length': [[400], `${HEAD}content-length: 0x2\r\n\r\n{}${SECRET}`],
  'a length beyond 64 bits': [[400], `${HEAD}content-length: 99999999999999999999\r\n\r\n{}${SECRET}`],
  'chunked that is not last': [[400], `${HEAD}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n${SECRET}`],
  'chunked twice': [[400], `${HEAD}${CHUNKED}${CHUNKED}\r\n0\r\n\r\n${SECRET}`],
  'chunked with a tab': [[400], `${HEAD}transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n${SECRET}`],
  'a space in front of the colon': [[400], `${HEAD}content-length : 2\r\n\r\n{}${SECRET}`],
  'a folded header': [[400], `${HEAD}x-folded: a\r\n b\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a bare line feed between headers': [[400], `${HEAD}x-a: 1\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a carriage return in a value': [[400], `${HEAD}x-a: 1\rx-b: 2\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a NUL in a value': [[400], `${HEAD}x-a: \0\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a chunk size that is no number': [[400], `${HEAD}${CHUNKED}\r\nzz\r\n`],
  'a chunk size beyond 64 bits': [[400], `${HEAD}${CHUNKED}\r\nfffffffffffffffff\r\n`],
  'a chunk that is longer than it says': [[400], `${HEAD}${CHUNKED}\r\n2\r\n{}{}\r\n0\r\n\r\n`],
  '64 KB of chunk extension': [[413], `${HEAD}${CHUNKED}\r\n2;${'x'.repeat(65_536)}\r\n{}\r\n`],
  'a TLS hello': [[], '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  'HTTP/9.9': [[400], HEAD.replace('1.1', '9.9') + '\r\n'],
  'no host': [[400], `POST ${SAY} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}`],
  'more than 16 KiB of headers': [[431], `${HEAD}x-long: ${'x'.repeat(20_000)}\r\n\r\n`],
  'more than 16 KiB of request line': [[431], `GET ${SAY}?${'x'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`],
  'a megabyte of headers, one by one': [[431], HEAD + 'x-a: 1\r\n'.repeat(131_072)],
};

describe('an HTTP/1.1 connection that is no longer understood is answered and closed', () => {
  it.each(Object.entries(REQUESTS))('%s', async (_, [statuses, bytes]) => {
    const { result } = await victim.withstand(() => sendUntilClosed(bytes), { growthMiB: 40 });
    expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set([statuses.join()]));
    expect(result.filter((text) => text.includes('smuggled'))).toEqual([]);
  });

  it.each([
    ['garbage', 'garbage\r\n\r\n'],
    ['bytes', '\0\x01\x02\xff\xfe'],
    ['an HTTP/2 preface', PREFACE.toString()],
    ['garbage and one more request', `garbage\r\n\r\n${SECRET}`],
  ])('%s behind a request that is in order', async (_, garbage) => {
    const { result } = await victim.withstand(() => sendUntilClosed(say('in order') + garbage), {
      growthMiB: 20,
    });
    // The answer belongs to the good request, and says that the connection ends with it.
    expect(result.map((text) => statusesIn(text))).toEqual(result.map(() => [200]));
    expect(result.filter((text) => !text.includes('connection: close'))).toEqual([]);
    expect(result.filter((text) => text.includes('smuggled'))).toEqual([]);
  });

  it('more than 128 headers: 431', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `x-${i}: 1\r\n`).join('');
    const { result } = await victim.withstand(
      () => sendUntilClosed(`${HEAD}${lines}content-length: 2\r\n\r\n{}`),
      { growthMiB: 40 },
    );
    expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set(['431']));
  });
});

describe('a connection is used on after a request that was refused', () => {
  /** Requests that are complete, and the status of each. */
  const REFUSED: Readonly<Record<string, readonly [status: number, request: string]>> = {
    'an unknown path': [404, http1Request('{}', JSON_CALL, '/nobody')],
    'an unknown content type': [415, http1Request('{}', { 'content-type': 'text/plain' }, SAY)],
    'another method': [405, http1Request('{}', JSON_CALL, SAY).replace('POST', 'PUT')],
    'an unknown compression': [501, http1Request('{}', { ...JSON_CALL, 'content-encoding': 'x' }, SAY)],
    'broken JSON': [400, http1Request('{"sentence', JSON_CALL, SAY)],
    'a wrong timeout': [400, http1Request('{}', { ...JSON_CALL, 'connect-timeout-ms': 'x' }, SAY)],
    'an error of the handler': [400, say('fail:asked')],
  };

  it.each(Object.entries(REFUSED))(
    '%s, and in order when requests are pipelined',
    async (_, [status, request]) => {
      const { result } = await victim.withstand(
        async () => {
          const client = await open();
          client.write(request + say('first') + request + say('second'));
          await client.until('"second"');
          client.destroy();
          return client.text;
        },
        { growthMiB: 20 },
      );
      expect(statusesIn(result)).toEqual([status, 200, status, 200]);
      expect(result.indexOf('"first"')).toBeLessThan(result.indexOf('"second"'));
    },
  );

  it('an upgrade to h2c, which is ignored: HTTP/2 is served with prior knowledge only', async () => {
    const upgrade = {
      connection: 'upgrade, http2-settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAAP__',
    };
    const { result } = await victim.withstand(
      async () => {
        const client = await open();
        await client.write(say('first', upgrade)).until('"first"');
        await client.write(say('second')).until('"second"');
        client.destroy();
        return client.text;
      },
      { growthMiB: 20 },
    );
    expect(statusesIn(result)).toEqual([200, 200]);
  });

  it('closes it when the rest of the body is too long to be read', async () => {
    const { result } = await victim.withstand(
      () =>
        sendUntilClosed(
          http1Request(SECRET, { ...JSON_CALL, 'content-length': '1000000' }, '/nobody') +
            'x'.repeat(200_000),
        ),
      { growthMiB: 40 },
    );
    expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set(['404']));
    expect(result.every((text) => /connection: close/i.test(text))).toBe(true);
  });

  it('closes it behind a bidi stream, which HTTP/1.1 cannot carry', async () => {
    const { result } = await victim.withstand(
      () =>
        sendUntilClosed(http1Request('', { 'content-type': 'application/connect+json' }, CONVERSE) + SECRET),
      { growthMiB: 20 },
    );
    expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set(['505']));
  });
});

const INJECTION = 'a\r\nx-injected: 1\r\n\r\nHTTP/1.0 204 No Content\r\n\r\n';

describe('what a client sent cannot become HTTP when a handler sends it back', () => {
  it.each([
    ['in an error message', `fail:${INJECTION}`, 400],
    // The handler's own mistake: RpcHeaders refuses the value.
    ['in a response header', `metadata:${INJECTION}`, 500],
    ['in the metadata of an error', `error-metadata:${INJECTION}`, 500],
  ])('%s', async (_, sentence, status) => {
    const { result } = await victim.withstand(
      async () => {
        const client = await open();
        client.write(say(sentence) + say('next'));
        await client.until('"next"');
        client.destroy();
        return client.text;
      },
      { growthMiB: 20 },
    );
    expect(statusesIn(result)).toEqual([status, 200]);
    expect(result).not.toMatch(/^x-injected/m);
  });

  it('in a message of a stream', async () => {
    const { result } = await victim.withstand(
      async () => {
        const client = await open();
        const body = envelope(0, JSON.stringify({ name: 'throw-in-finally' })).toString('latin1');
        const headers = { 'content-type': 'application/connect+json', 'x-name': '%0d%0ax-injected: 1' };
        client.write(Buffer.from(http1Request(body, headers, INTRODUCE), 'latin1'));
        await client.until('small');
        client.destroy();
        return client.text;
      },
      { growthMiB: 20 },
    );
    expect(statusesIn(result)).toEqual([200]);
    expect(result).not.toMatch(/^x-injected/m);
  });
});
