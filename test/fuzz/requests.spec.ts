/**
 * Any requests, well-formed and not, to a running server: each is answered or cut in time, none by a fault of the
 * server, and a healthy call afterwards works.
 *
 * An exception that nobody catches fails the test that is running: jest sees to it.
 */
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { callUnary } from '../support/connect-calls.js';
import { ElizaEcho, type RunningServer, startService } from '../support/eliza-echo.js';
import { type FuzzRequest, requestsTo, chunked, cutAt } from './arbitraries.js';
import { responsesIn, talk } from './http1-client.js';
import { has500, headerBlock, http2Frame, PREFACE, request } from './http2-client.js';
import { fuzz } from './settings.js';
import { faultOf } from './verdict.js';

const SERVICE = '/connectrpc.eliza.v1.ElizaService';
const requests = requestsTo({
  paths: ['Say', 'Introduce', 'Reflect', 'Converse'].map((name) => `${SERVICE}/${name}`),
  json: (text) => JSON.stringify({ sentence: text, name: text }),
});

/** For what the server owes: an answer to a whole request, the end of a connection. */
const WITHIN_MS = 5_000;
/** For what it does not owe: nothing need come for half a request. */
const QUIET_MS = 60;

/** Requests of one run, side by side. */
const BATCH = { minLength: 1, maxLength: 12 };

/** Each of the four properties, of the time of `npm run fuzz`. */
const SHARE = 0.105;

jest.setTimeout(fuzz(0, SHARE).timeoutMs);

let server: RunningServer;

beforeAll(async () => {
  server = await startService(ElizaEcho, {
    http1Bidi: true,
    receiveLimitBytes: 4_096,
    drainTimeoutMs: 500,
    // node:http2 does not tell when nghttp2 has given a connection up with a GOAWAY: the timers find out.
    keepalive: { intervalMs: 200, timeoutMs: 200 },
    timeouts: { prefaceMs: 500, headersMs: 500, idleReadMs: 300, idleWriteMs: 500, http2IdleMs: 500 },
  });
});

afterAll(() => server.close());

async function expectHealthy(): Promise<void> {
  const url = `http://127.0.0.1:${server.port}${SERVICE}/Say`;
  expect(await callUnary(url, { sentence: 'well' })).toEqual({ status: 200, body: { sentence: 'well' } });
}

/** Tries a property of what is sent side by side, and a healthy call after each run. */
function checkBatches<T>(
  values: fc.Arbitrary<T>,
  numRuns: number,
  property: (value: T) => Promise<void>,
): Promise<void> {
  const batches = fc.asyncProperty(fc.array(values, BATCH), async (batch) => {
    await Promise.all(batch.map(property));
    await expectHealthy();
  });
  return fc.assert(batches, fuzz(numRuns, SHARE).parameters);
}

function never(): boolean {
  return false;
}

type Framing = 'length' | 'chunked';

/** The request as node:http would send it, and its body in pieces. */
function render({ method, target, headers, chunks, isWhole }: FuzzRequest, framing: Framing): Uint8Array[] {
  const length = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const head = [`${method} ${target} HTTP/1.1`, 'host: a.test'];
  head.push(...headers.map(([name, value]) => `${name}: ${value}`));
  head.push(
    framing === 'length' ? `content-length: ${length + (isWhole ? 0 : 1)}` : 'transfer-encoding: chunked',
  );
  const body = framing === 'length' ? chunks : chunks.filter((chunk) => chunk.byteLength > 0).map(asChunk);
  const end = framing === 'chunked' && isWhole ? [Buffer.from('0\r\n\r\n')] : [];
  return [Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), ...body, ...end];
}

function asChunk(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.byteLength.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

const framing = fc.constantFrom<Framing>('length', 'chunked');
const wholeRequests = requests.map((each) => ({ ...each, isWhole: true }));

describe('any requests over HTTP/1.1', () => {
  it('are answered when they are whole, also pipelined', () =>
    checkBatches(
      fc.array(fc.tuple(wholeRequests, framing), { minLength: 1, maxLength: 3 }),
      60,
      async (pipelined) => {
        const methods = pipelined.map(([{ method }]) => method);
        const isComplete = (received: Buffer): boolean => {
          const { answers, isLast } = responsesIn(received, methods);
          return isLast || answers.length === methods.length;
        };
        const pieces = pipelined.flatMap((each) => render(...each));
        const port = server.port;
        const { received, isClosed } = await talk({
          port,
          pieces,
          isComplete,
          quietMs: WITHIN_MS,
          closeMs: WITHIN_MS,
        });
        expect({ isClosed, isComplete: isComplete(received) }).toEqual({ isClosed: true, isComplete: true });
        const { answers, isExact } = responsesIn(received, methods);
        expect({ isExact, faults: answers.map(faultOf).filter((fault) => fault !== undefined) }).toEqual({
          isExact: true,
          faults: [],
        });
      },
    ));

  /** Bytes of requests with something cut out, put in or changed, anywhere. */
  const broken = fc
    .tuple(
      fc.array(fc.tuple(requests, framing), { minLength: 1, maxLength: 2 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: 3 }),
      fc.oneof(
        fc.uint8Array({ maxLength: 4 }),
        fc
          .constantFrom(
            '\r\n',
            '\0',
            '\n\n',
            ' ',
            ':',
            'transfer-encoding: chunked\r\n',
            'expect: 100-continue\r\n',
          )
          .map((text): Uint8Array => Buffer.from(text)),
      ),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
    )
    .map(([parts, at, removed, inserted, cuts]) => {
      const bytes = Buffer.concat(parts.flatMap((each) => render(...each)));
      // Mostly in a head: squared, the place moves to the front.
      const start = Math.floor(at * at * bytes.byteLength);
      return cutAt(
        Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(start + removed)]),
        cuts,
      );
    });

  it('are answered or cut when they are broken', () =>
    checkBatches(broken, 40, async (pieces) => {
      const { received, isClosed } = await talk({
        port: server.port,
        pieces,
        isComplete: never,
        quietMs: QUIET_MS,
        closeMs: WITHIN_MS,
      });
      const [first] = responsesIn(received, []).answers;
      expect({ isClosed, fault: first && faultOf(first) }).toEqual({ isClosed: true, fault: undefined });
    }));
});

describe('any requests over HTTP/2', () => {
  const { parameters } = fuzz(60, SHARE);

  it('are answered when they are whole, side by side on one connection', async () => {
    const property = fc.asyncProperty(fc.array(requests, BATCH), async (batch) => {
      const session = connect(`http://127.0.0.1:${server.port}`);
      session.on('error', () => undefined);
      const ends = await Promise.all(batch.map((each) => request(session, each, WITHIN_MS)));
      session.destroy();
      for (const [i, end] of ends.entries()) {
        const fault = end?.answer && faultOf(end.answer);
        const isMissed = end !== undefined && end.answer === undefined && batch[i]?.isWhole === true;
        expect({ isClosed: end?.isClosed ?? true, isMissed, fault }).toEqual({
          isClosed: true,
          isMissed: false,
          fault: undefined,
        });
      }
      await expectHealthy();
    });
    await fc.assert(property, parameters);
  });

  const settings = http2Frame(4, 0, 0, new Uint8Array(0));
  const streamId = fc.oneof(fc.constantFrom(1, 1, 1, 3, 5, 0, 2), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
  const anyFrame = fc
    .tuple(
      fc.integer({ min: 0, max: 11 }),
      fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0xff),
      streamId,
      fc.uint8Array({ maxLength: 30 }),
    )
    .map((parts) => http2Frame(...parts));
  /** HEADERS and DATA of a request, with headers that node:http2 would not send. */
  const callFrames = fc
    .tuple(
      requests,
      fc.constantFrom(1, 1, 3, 5),
      fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 1 }),
    )
    .map(([{ method, target, headers, chunks, isWhole }, id, strange]) => {
      const pseudo = [
        [':method', method],
        [':path', target],
        [':scheme', 'http'],
        [':authority', 'a.test'],
      ] as const;
      const head = http2Frame(1, 4, id, headerBlock([...pseudo, ...headers, ...strange]));
      const body = chunks.map((chunk) => http2Frame(0, 0, id, chunk));
      return Buffer.concat([head, ...body, ...(isWhole ? [http2Frame(0, 1, id, new Uint8Array(0))] : [])]);
    });
  const frames = fc
    .array(fc.oneof({ weight: 3, arbitrary: callFrames }, { weight: 1, arbitrary: anyFrame }), {
      maxLength: 4,
    })
    .map((parts): Uint8Array => Buffer.concat([PREFACE, settings, ...parts]));

  it('are answered or cut when their frames are broken', () =>
    checkBatches(chunked(frames), 20, async (pieces) => {
      const { received, isClosed } = await talk({
        port: server.port,
        pieces,
        isComplete: never,
        quietMs: QUIET_MS,
        closeMs: WITHIN_MS,
      });
      expect({ isClosed, has500: has500(received) }).toEqual({ isClosed: true, has500: false });
    }));
});
