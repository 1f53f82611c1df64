/**
 * A client whose server sends more than anybody asked for: compressed bombs, lengths that lie, headers without an end. Its
 * memory, in a process of its own, hardly grows, and the call fails at once, or at its deadline where nothing more comes.
 */
import { type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { zstd } from 'nestjs-connect';
import { Peers } from '../client/peers.js';
import { type CompiledTarget, compileTarget } from '../support/compiled-target.js';
import { frame as envelope } from '../support/frames.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { CLIENT_CASES, type ClientCase } from './support/client-cases.js';
import { ClientProcess } from './support/client-process.js';
import {
  FLAG_COMPRESSED,
  FLAG_END_STREAM,
  FLAG_TRAILERS,
  isBare,
  partsOf,
} from './support/client-replies.js';
import { FRAME, frame, headersFrame, literal } from './support/http2-frames.js';
import { type Fields, serveScript } from './support/scripted-server.js';

const MIB = 1_048_576;
const BOMB_MIB = 256;
/**
 * Of the process at its worst, in MiB: half of one bomb. Many calls, each with up to 4 MiB of output and as much input, leave
 * garbage of about 70.
 */
const GROWTH_MIB = BOMB_MIB / 2;
/** Calls at a time. */
const PARALLEL = 4;

/** Not in the types of the oldest Node that is supported. */
const { createZstdCompress } = zlib as { createZstdCompress?: () => Transform };

/** In the order of their age. */
const COMPRESSIONS: readonly (readonly [encoding: string, create: (() => Transform) | undefined])[] = [
  ['gzip', () => zlib.createGzip({ level: 1 })],
  ['br', () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ['zstd', zstd && createZstdCompress],
];

let target: CompiledTarget;
let client: ClientProcess;
let peers: Peers;

beforeAll(async () => {
  target = await compileTarget();
  client = await ClientProcess.start(target);
});

afterAll(async () => {
  await client.stop();
  await target.remove();
});

beforeEach(() => {
  peers = new Peers();
});

afterEach(() => peers.close());

failOnUnhandled();

/** Makes calls at a time. @returns With which code all of them ended. */
function callsTo(url: string, test: ClientCase, { calls = PARALLEL, timeoutMs = 20_000 } = {}) {
  return client.run({ ...test, url, calls, parallel: PARALLEL, timeoutMs });
}

/** @returns What the work returned. The process has not grown by more than it may, at its worst. */
async function bounded<T>(work: () => Promise<T>): Promise<T> {
  const before = await client.signs();
  const result = await work();
  const { peakRssBytes, wheelTimers } = await client.signs();
  const growthMib = (peakRssBytes - before.rssBytes) / MIB;
  expect({ growthMib: growthMib < GROWTH_MIB ? 'bounded' : growthMib }).toEqual({ growthMib: 'bounded' });
  expect(wheelTimers).toBe(0);
  return result;
}

/** In pieces: zeros that no process has as a whole. */
async function bombOf(stream: Transform): Promise<Buffer> {
  const zeros = Buffer.alloc(MIB);
  for (let i = 0; i < BOMB_MIB; i++) {
    stream.write(zeros);
  }
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

interface Bomb {
  readonly test: ClientCase;
  readonly where: string;
  readonly status: number;
  readonly fields: Fields;
  readonly body: (bomb: Buffer) => Buffer;
}

const ENCODING_HEADERS = {
  connect: 'connect-content-encoding',
  grpc: 'grpc-encoding',
  'grpc-web': 'grpc-encoding',
};
const ENDING_FLAGS = { connect: FLAG_END_STREAM, grpc: undefined, 'grpc-web': FLAG_TRAILERS };

/** Wherever a reply may be compressed. */
function bombsOf(test: ClientCase, encoding: string): Bomb[] {
  const { fields, message } = partsOf(test);
  const { protocol, kind } = test;
  if (isBare(protocol, kind)) {
    const encoded = (type: string): Fields => [
      ['content-type', type],
      ['content-encoding', encoding],
    ];
    return [
      { test, where: 'message', status: 200, fields: encoded('application/proto'), body: (bomb) => bomb },
      { test, where: 'error', status: 500, fields: encoded('application/json'), body: (bomb) => bomb },
    ];
  }
  const all: Fields = [...fields, [ENCODING_HEADERS[protocol], encoding]];
  const inEnvelope = (where: string, flags: number, before: Buffer): Bomb => ({
    test,
    where,
    status: 200,
    fields: all,
    body: (bomb) => Buffer.concat([before, envelope(flags | FLAG_COMPRESSED, bomb)]),
  });
  const ending = ENDING_FLAGS[protocol];
  return [
    inEnvelope('message', 0, Buffer.alloc(0)),
    ...(ending === undefined ? [] : [inEnvelope('ending', ending, message)]),
  ];
}

/** A server of Node's: bombs are larger than what HTTP/2 sends at once. */
function serveBomb({ test, status, fields, body }: Bomb, bomb: Buffer): Promise<string> {
  const headers = Object.fromEntries(fields);
  return test.httpVersion === '2'
    ? peers.http2((stream) => {
        stream.respond({ ':status': status, ...headers });
        stream.end(body(bomb));
      })
    : peers.http1((_, response) => response.writeHead(status, headers).end(body(bomb)));
}

describe(`a bomb of ${BOMB_MIB} MiB is resource_exhausted, and not unpacked`, () => {
  for (const [encoding, create] of COMPRESSIONS) {
    if (create === undefined) {
      process.stdout.write(`no ${encoding} bombs: zlib of Node ${process.version} has no ${encoding}\n`);
      continue;
    }
    it(`${encoding}: as a message, an error and an end of a stream, in all protocols`, async () => {
      const bomb = await bombOf(create());
      await bounded(async () => {
        for (const row of CLIENT_CASES.flatMap((test) => bombsOf(test, encoding))) {
          const ends = await callsTo(await serveBomb(row, bomb), row.test);
          expect({ row, ends }).toEqual({ row, ends: { resource_exhausted: PARALLEL } });
        }
      });
    });
  }
});

const ENVELOPED = CLIENT_CASES.filter(({ protocol, kind }) => !isBare(protocol, kind));

const prefix = (flags: number, length: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8(flags, 0);
  bytes.writeUInt32BE(length, 1);
  return bytes;
};
describe('a prefix that promises', () => {
  it('4 GiB, compressed or not: resource_exhausted at once, in all protocols', async () => {
    await bounded(async () => {
      for (const test of ENVELOPED) {
        const fields: Fields = [...partsOf(test).fields, [ENCODING_HEADERS[test.protocol], 'gzip']];
        for (const flags of [0, FLAG_COMPRESSED, ENDING_FLAGS[test.protocol] ?? 0]) {
          const url = await serveScript(peers, test.httpVersion, (call) => {
            call.head(fields).body(prefix(flags, 0xffff_ffff));
          });
          const ends = await callsTo(url, test);
          expect({ test, flags, ends }).toEqual({ test, flags, ends: { resource_exhausted: PARALLEL } });
        }
      }
    });
  });

  it('what may come, and then nothing: the deadline holds, in all protocols', async () => {
    const ends = await bounded(() =>
      Promise.all(
        ENVELOPED.map(async (test) => {
          const url = await serveScript(peers, test.httpVersion, (call) => {
            call.head(partsOf(test).fields).body(prefix(0, 4 * MIB));
          });
          return callsTo(url, test, { timeoutMs: 200 });
        }),
      ),
    );
    expect(ends).toEqual(ENVELOPED.map(() => ({ deadline_exceeded: PARALLEL })));
  });

  it("what Connect's unary reply may have, and more of it: resource_exhausted", async () => {
    for (const httpVersion of ['2', '1.1'] as const) {
      const test = { protocol: 'connect', httpVersion, kind: 'unary' } as const;
      const url = await serveScript(peers, httpVersion, (call) => {
        call.head([...partsOf(test).fields, ['content-length', String(2 ** 32)]]);
      });
      expect(await bounded(() => callsTo(url, test))).toEqual({ resource_exhausted: PARALLEL });
    }
  });
});

/** What a server of Node's sends, of either version; the first reply has no such headers. */
function serveHeaders(test: ClientCase, large: Readonly<Record<string, string>>): Promise<string> {
  let calls = 0;
  const headers = (): Readonly<Record<string, string>> => ({
    ...Object.fromEntries(partsOf(test).fields),
    ...(++calls > 1 && large),
  });
  return test.httpVersion === '2'
    ? peers.http2((stream) => stream.respond({ ':status': 200, ...headers() }, { endStream: true }))
    : peers.http1((_, response) => response.writeHead(200, headers()).end());
}
describe('headers of a reply', () => {
  it('of 128 KiB: resource_exhausted, in all protocols', async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 16 }, (_, i) => [`x-more-${i}`, 'y'.repeat(8_192)]),
    );
    await bounded(async () => {
      for (const test of CLIENT_CASES) {
        const url = await serveHeaders(test, headers);
        // Over HTTP/2 the limit holds for calls that begin after the server has taken note of it.
        await callsTo(url, test, { calls: 1 });
        const ends = await callsTo(url, test);
        expect({ test, ends }).toEqual({ test, ends: { resource_exhausted: PARALLEL } });
      }
    });
  });

  it('without an end: the call fails, and so does the connection', async () => {
    const more = Buffer.from(`x-more: ${'y'.repeat(8_000)}\r\n`);
    const block = literal('x-more', 'y'.repeat(8_000));
    const flood = { '1.1': more, '2': frame({ type: FRAME.continuation, stream: 1, payload: block }) };
    const first = {
      '1.1': Buffer.from('HTTP/1.1 200 OK\r\n'),
      '2': headersFrame(1, literal(':status', '200'), 0),
    };
    for (const httpVersion of ['1.1', '2'] as const) {
      const test = { protocol: 'connect', httpVersion, kind: 'unary' } as const;
      let bytes = 0;
      const url = await serveScript(peers, httpVersion, (call) => {
        if (call.number > 1 && httpVersion === '2') {
          return; // Ends with the connection.
        }
        call.raw(first[httpVersion]);
        const write = (): void => {
          while (!call.socket.destroyed && bytes < 64 * MIB) {
            bytes += flood[httpVersion].length;
            if (!call.socket.write(flood[httpVersion])) {
              call.socket.once('drain', write);
              return;
            }
          }
        };
        write();
      });
      const ends = await bounded(() => callsTo(url, test));
      expect({ httpVersion, ends }).toEqual({ httpVersion, ends: { [ENDLESS[httpVersion]]: PARALLEL } });
      expect(bytes).toBeLessThan(32 * MIB);
    }
  });

  const ENDLESS = { '1.1': 'resource_exhausted', '2': 'unavailable' };
});
