/**
 * Messages that are larger, deeper or stranger than they may be: bombs, lengths that lie, uploads over the limit,
 * text that is no text. Protected: memory, which grows with what has arrived and never with what is promised, and
 * the caller's right to be told that the mistake is his: no 5xx, no `internal`, for what a client did.
 */
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  callHttp2,
  http1Request,
  type Http2Result,
  openHttp2,
  RawClient,
  recordHttp2,
} from '../server/engine-harness.js';
import { frame as envelope } from '../support/frames.js';
import { Http2Attacker } from './support/http2-attacker.js';
import { dataFrame, headersFrame, requestBlock, FRAME } from './support/http2-frames.js';
import { codeOf, prefix, promise, PROTOCOLS } from './support/promised-lengths.js';
import { GROW, REFLECT, SAY, Victim } from './support/victim.js';

const MIB = 1024 * 1024;
const FLAG_COMPRESSED = 1;

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({ timeouts: { idleReadMs: 400 } });
});

afterAll(() => victim.stop());

/** Runs calls on one connection, and closes it. */
async function onSession<T>(calls: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
  const session = connectHttp2(`http://127.0.0.1:${victim.port}`);
  session.on('error', () => {});
  try {
    return await calls(session);
  } finally {
    session.destroy();
  }
}

interface Call {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

const COMPRESSORS = {
  gzip: gzipSync,
  br: (bytes: Uint8Array) => brotliCompressSync(bytes),
  deflate: deflateSync,
} as const;

/** 64 MiB of a sentence that never ends. */
function bombs(): { name: string; call: Call }[] {
  const zeros = Buffer.alloc(64 * MIB);
  return Object.entries(COMPRESSORS).flatMap(([encoding, compress]) => {
    const bomb = compress(zeros);
    const get = new URLSearchParams({
      connect: 'v1',
      encoding: 'proto',
      compression: encoding,
      base64: '1',
      message: bomb.toString('base64url'),
    });
    const enveloped = envelope(FLAG_COMPRESSED, bomb);
    const calls: Record<string, Call> = {
      'Connect unary': {
        path: SAY,
        headers: { 'content-type': 'application/proto', 'content-encoding': encoding },
        body: bomb,
      },
      'Connect stream': {
        path: REFLECT,
        headers: { 'content-type': 'application/connect+proto', 'connect-content-encoding': encoding },
        body: enveloped,
      },
      'gRPC unary': {
        path: SAY,
        headers: { 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': encoding },
        body: enveloped,
      },
      'gRPC stream': {
        path: REFLECT,
        headers: { 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': encoding },
        body: enveloped,
      },
      'gRPC-Web unary': {
        path: SAY,
        headers: { 'content-type': 'application/grpc-web', 'grpc-encoding': encoding },
        body: enveloped,
      },
      // Only brotli makes it small enough for the headers of a request.
      ...(encoding === 'br' && {
        'Connect GET': {
          path: `${SAY}?${get.toString()}`,
          headers: { ':method': 'GET' },
          body: Buffer.alloc(0),
        },
      }),
    };
    return Object.entries(calls)
      .filter(([name]) => encoding !== 'deflate' || name.startsWith('Connect'))
      .map(([name, call]) => ({ name: `${name}, ${encoding}`, call }));
  });
}

describe('a compressed bomb of 64 MiB is not unpacked', () => {
  it.each(bombs())('$name', async ({ call }) => {
    const { result } = await victim.withstand(
      () =>
        onSession(async (session) => {
          const calls = Array.from({ length: 5 }, () => sendCall(session, call));
          return (await Promise.all(calls)).map(codeOf);
        }),
      { growthMiB: 100 },
    );
    expect(new Set(result)).toEqual(new Set(['resource_exhausted']));
  });
});

function sendCall(session: ClientHttp2Session, { path, headers, body }: Call): Promise<Http2Result> {
  const all = { ':path': path, ...headers };
  if (headers[':method'] !== 'GET') {
    return callHttp2(session, body, all);
  }
  const { 'content-type': _, ...get } = { 'content-type': '', ...all };
  return recordHttp2(session.request(get));
}

describe('a length that is only promised costs nothing', () => {
  const rows = Object.entries(PROTOCOLS).flatMap(([name, headers]) => [
    { name, length: 2 ** 32 - 1, code: 'resource_exhausted', headers },
    // Allowed, and so waited for: until the peer has been silent for idleReadMs.
    ...(name === 'gRPC' ? [{ name, length: 4 * MIB, code: 'deadline_exceeded', headers }] : []),
  ]);

  it.each(rows)(
    '$name: 90 streams with a prefix of $length bytes: $code',
    async ({ headers, length, code }) => {
      expect.hasAssertions();
      await promise(victim, headers, length, code);
    },
  );

  it.each([
    [4 * MIB, 'deadline_exceeded'],
    [2 ** 40, 'resource_exhausted'],
  ])('a unary call over HTTP/1.1 with a content-length of %d: %s', async (length, code) => {
    const { result } = await victim.withstand(
      async () => {
        const clients = await Promise.all(Array.from({ length: 90 }, openSocket));
        const headers = { 'content-type': 'application/proto', 'content-length': String(length) };
        clients.forEach((client) => client.write(http1Request('\n', headers, SAY)));
        await Promise.all(clients.map(({ ended }) => ended));
        clients.forEach((client) => client.destroy());
        return clients.map(({ text }) => /"code":"(\w+)"/.exec(text)?.[1]);
      },
      { growthMiB: 30 },
    );
    expect(new Set(result)).toEqual(new Set([code]));
  });
});

async function openSocket(): Promise<RawClient> {
  const socket = connect({ port: victim.port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return new RawClient(socket);
}

describe('an upload of 48 MiB is refused when it has passed the limit', () => {
  const CHUNK = Buffer.alloc(65_536);
  const CHUNKS = (48 * MIB) / CHUNK.length;

  it.each([
    ['a unary message', SAY, { 'content-type': 'application/proto' }, Buffer.alloc(0)],
    ['a message of a stream', REFLECT, { 'content-type': 'application/connect+proto' }, prefix(48 * MIB)],
  ])('%s over HTTP/1.1', async (_, path, headers, first) => {
    const { result } = await victim.withstand(
      async () => {
        const uploads = Array.from({ length: 4 }, async () => {
          const client = await openSocket();
          const declared = { ...headers, 'content-length': String(48 * MIB + first.length) };
          client.write(http1Request('', declared, path)).write(first);
          for (let i = 0; i < CHUNKS && !client.isEnded && client.socket.writable; i++) {
            if (!client.socket.write(CHUNK)) {
              await Promise.race([once(client.socket, 'drain').catch(() => {}), client.ended]);
            }
          }
          await client.ended;
          client.destroy();
          return /"code":"(\w+)"/.exec(client.text)?.[1];
        });
        return Promise.all(uploads);
      },
      { growthMiB: 80 },
    );
    expect(new Set(result)).toEqual(new Set(['resource_exhausted']));
  });

  it.each([
    ['a unary message', SAY, { 'content-type': 'application/proto' }, Buffer.alloc(0)],
    [
      'a message of a gRPC call',
      SAY,
      { 'content-type': 'application/grpc', te: 'trailers' },
      prefix(48 * MIB),
    ],
  ])('%s over HTTP/2', async (_, path, headers, first) => {
    const { result } = await victim.withstand(
      () =>
        onSession(async (session) => {
          const uploads = Array.from({ length: 4 }, async () => {
            const stream = openHttp2(session, { ':path': path, ...headers });
            const recorded = recordHttp2(stream);
            stream.write(first);
            let sent = 0;
            for (; sent < CHUNKS && stream.writable; sent++) {
              if (!stream.write(CHUNK)) {
                await Promise.race([once(stream, 'drain').catch(() => {}), recorded]);
              }
            }
            const answer = await recorded;
            return { code: codeOf(answer), isStopped: sent < CHUNKS };
          });
          return Promise.all(uploads);
        }),
      { growthMiB: 80 },
    );
    expect(result).toEqual(
      Array.from({ length: 4 }, () => ({ code: 'resource_exhausted', isStopped: true })),
    );
  });
});

describe('empty messages without end', () => {
  const EMPTY = Buffer.alloc(5 * 3_000);

  it('are one stream among others', async () => {
    const { result } = await victim.withstand(
      () =>
        onSession(async (session) => {
          const stream = openHttp2(session, { ':path': REFLECT, ...PROTOCOLS['gRPC'] });
          for (let i = 0; i < 100; i++) {
            if (!stream.write(EMPTY)) {
              await once(stream, 'drain');
            }
          }
          stream.end();
          return recordHttp2(stream);
        }),
      { growthMiB: 80 },
    );
    expect(codeOf(result)).toBe('ok');
    expect(result.body).toContain('300000');
  }, 15_000);

  it('end a call that takes one, at the second', async () => {
    const { result } = await victim.withstand(
      async () => {
        const attacker = await Http2Attacker.open(victim);
        attacker.write(headersFrame(1, requestBlock(SAY, PROTOCOLS['gRPC'])));
        await attacker.flood(Array.from({ length: 100 }, () => dataFrame(1, EMPTY)));
        const reset = await attacker.until(({ type, stream }) => type === FRAME.rstStream && stream === 1);
        attacker.destroy();
        return reset.payload[3];
      },
      { growthMiB: 40 },
    );
    expect(result).toBe(0);
  });
});

const JSON_CALL = { 'content-type': 'application/json' };
const PROTO_CALL = { 'content-type': 'application/proto' };

/** A Struct with one field that holds a Struct with one field, and so on, in protobuf's binary format. */
function nestedStruct(depth: number): Buffer {
  // From the inside out, and written from the end: each level is a few bytes in front of the one below.
  const parts: Buffer[] = [];
  let length = 0;
  const put = (bytes: number[]): void => {
    parts.push(Buffer.from(bytes));
    length += bytes.length;
  };
  for (let i = 0; i < depth; i++) {
    put([0x2a, ...varint(length)]); // Value.struct_value
    put([0x12, ...varint(length)]); // the entry's value
    put([0x0a, ...varint(length)]); // Struct.fields
  }
  return Buffer.concat(parts.toReversed());
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

const MALFORMED: Readonly<Record<string, Call>> = {
  'JSON nested 50,000 deep in a recursive message': {
    path: GROW,
    headers: JSON_CALL,
    body: Buffer.from(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`),
  },
  'JSON that is opened and never closed': {
    path: GROW,
    headers: JSON_CALL,
    body: Buffer.from('['.repeat(MIB)),
  },
  'a recursive message nested 100,000 deep in binary': {
    path: GROW,
    headers: PROTO_CALL,
    body: nestedStruct(100_000),
  },
  'groups nested 100,000 deep in binary': {
    path: SAY,
    headers: PROTO_CALL,
    body: Buffer.alloc(100_000, 0x13),
  },
  'a string that is not UTF-8 in binary': {
    path: SAY,
    headers: PROTO_CALL,
    body: Buffer.from([0x0a, 0x02, 0xc3, 0x28]),
  },
  'a string that is not UTF-8 in JSON': {
    path: SAY,
    headers: JSON_CALL,
    body: Buffer.concat([Buffer.from('{"sentence":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
  },
  'a field that is longer than its message': {
    path: SAY,
    headers: PROTO_CALL,
    body: Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  },
  'a varint without end': { path: SAY, headers: PROTO_CALL, body: Buffer.alloc(1_000, 0xff) },
  'a number of a million digits': {
    path: SAY,
    headers: JSON_CALL,
    body: Buffer.from(`{"sentence":${'9'.repeat(1_000_000)}}`),
  },
  'a message that is null': { path: SAY, headers: JSON_CALL, body: Buffer.from('null') },
};

describe('a malformed message is the fault of its sender: invalid_argument', () => {
  it.each(Object.entries(MALFORMED))('%s', async (_, call) => {
    const { result } = await victim.withstand(
      () =>
        onSession(async (session) => {
          const calls = Array.from({ length: 5 }, () => sendCall(session, call));
          return (await Promise.all(calls)).map(codeOf);
        }),
      { growthMiB: 120 },
    );
    expect(new Set(result)).toEqual(new Set(['invalid_argument']));
  });
});

it('JSON nested 200,000 deep in a field that nobody knows is dropped with it', async () => {
  const body = Buffer.from(`{"other":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
  const { result } = await victim.withstand(
    () => onSession((session) => sendCall(session, { path: SAY, headers: JSON_CALL, body })),
    { growthMiB: 60 },
  );
  expect(codeOf(result)).toBe('ok');
});

it('a message with line breaks is percent-encoded in the trailers of gRPC', async () => {
  const sentence = Buffer.from('fail:a\r\nx-injected: 1');
  const body = envelope(0, Buffer.concat([Buffer.of(0x0a, sentence.length), sentence]));
  const { result } = await victim.withstand(
    () => onSession((session) => sendCall(session, { path: SAY, headers: PROTOCOLS['gRPC'] ?? {}, body })),
    { growthMiB: 20 },
  );
  // Trailers-only: the error stands in the headers.
  const metadata = { ...result.headers, ...result.trailers };
  expect(metadata).toMatchObject({ 'grpc-status': '9', 'grpc-message': 'a%0D%0Ax-injected: 1' });
  expect(metadata).not.toHaveProperty('x-injected');
});

describe('keys that are names of object properties are data', () => {
  const TRAPS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then'];

  it('in JSON', async () => {
    const { result } = await victim.withstand(
      () =>
        onSession((session) =>
          Promise.all(
            TRAPS.map((key) => {
              const body = Buffer.from(`{${JSON.stringify(key)}:{"polluted":true}}`);
              return sendCall(session, { path: GROW, headers: JSON_CALL, body });
            }),
          ),
        ),
      { growthMiB: 20 },
    );
    expect(result.map(({ status }) => status)).toEqual(TRAPS.map(() => 200));
    // The handler says so when the prototype of all objects has changed.
    const clean = { path: GROW, headers: JSON_CALL, body: Buffer.from('{"a":1}') };
    expect((await onSession((session) => sendCall(session, clean))).body).toBe('{"a":1}');
  });

  it('as a header, a path, a content type, an encoding and a GET parameter', async () => {
    const { result } = await victim.withstand(
      () =>
        onSession((session) =>
          Promise.all(
            TRAPS.map((key) => Promise.all(trappedCalls(key).map((call) => sendCall(session, call)))),
          ),
        ),
      { growthMiB: 20 },
    );
    expect(result.map((answers) => answers.map(({ status }) => status))).toEqual(
      TRAPS.map(() => [200, 404, 404, 415, 415, 501, 415]),
    );
  });
});

function trappedCalls(key: string): Call[] {
  const body = Buffer.from('{"sentence":"a"}');
  const query = new URLSearchParams({ [key]: key, encoding: key, compression: key, message: '1' });
  return [
    { path: SAY, headers: { ...JSON_CALL, [key.toLowerCase()]: key }, body },
    { path: `/${key}`, headers: JSON_CALL, body },
    { path: `/connectrpc.eliza.v1.ElizaService/${key}`, headers: JSON_CALL, body },
    { path: SAY, headers: { 'content-type': key }, body },
    { path: SAY, headers: { 'content-type': `application/${key}` }, body },
    { path: SAY, headers: { ...JSON_CALL, 'content-encoding': key }, body },
    { path: `${SAY}?${query.toString()}`, headers: { ':method': 'GET' }, body },
  ];
}
