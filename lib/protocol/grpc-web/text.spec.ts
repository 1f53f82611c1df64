import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type Frame, frame, framesIn, proto } from '../../../test/support/frames.js';
import { MemoryExchange } from '../../../test/support/memory-exchange.js';
import {
  createTestRoute,
  echo,
  failing,
  open,
  readAll,
  type SeenRequests,
  send,
} from '../../../test/support/serve.js';
import { METHOD_KINDS } from '../../../test/support/test-service.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type ExchangeListener } from '../../wire/exchange.js';
import { TextExchange } from './text.js';

const TEXT = { 'content-type': 'application/grpc-web-text' };
const OK: Frame = [0x80, 'grpc-status: 0\r\n'];

const textFrame = (text: string): Frame => [0, proto(text).toString('latin1')];

/** Base64 as it goes over the wire: bytes that are ASCII. */
function base64(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes).toString('base64'));
}

/** Decodes each write on its own: each has its own padding. */
function decoded(exchange: MemoryExchange): Buffer {
  return Buffer.concat(
    exchange.chunks.map((chunk) => {
      const text = Buffer.from(chunk).toString('latin1');
      expect(text).toMatch(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
      return Buffer.from(text, 'base64');
    }),
  );
}

function post(kind: (typeof METHOD_KINDS)[number], chunks: readonly Uint8Array[], headers = {}) {
  return send(
    createTestRoute(echo(kind)),
    { headers: { ...TEXT, ...headers }, httpVersion: '1.1' },
    ...chunks,
  );
}

describe('gRPC-Web text: requests (gRPC-Web, "Text-encoded (response) streams")', () => {
  const bytes = Buffer.concat([frame(0, proto('hello')), frame(0, proto('you'))]);
  const inOnePiece = base64(bytes);
  // The first piece has a padded end.
  const inPieces = Buffer.concat([base64(bytes.subarray(0, 10)), base64(bytes.subarray(10))]);
  const answer = [textFrame('hello you'), OK];

  it.each<[string, Uint8Array]>([
    ['one piece', inOnePiece],
    ['two pieces with their own padding', inPieces],
  ])('reads a body that was encoded in %s', async (_, body) => {
    expect(body.includes('='.charCodeAt(0), 0)).toBe(true);
    expect(framesIn(decoded(await post('client_streaming', [body])))).toEqual(answer);
  });

  it.each(Array.from({ length: inPieces.length + 1 }, (_, at) => at))(
    'reads a body that is cut at character %d',
    async (at) => {
      const exchange = await post('client_streaming', [inPieces.subarray(0, at), inPieces.subarray(at)]);
      expect(framesIn(decoded(exchange))).toEqual(answer);
    },
  );

  it('reads a body whose last padding is missing', async () => {
    const unpadded = Buffer.from(inOnePiece.toString().replaceAll('=', ''));
    expect(unpadded.length).toBeLessThan(inOnePiece.length);
    expect(framesIn(decoded(await post('client_streaming', [unpadded])))).toEqual(answer);
  });

  it('reads the same messages from any flushes in any chunks', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (flushes, chunks) => {
        const body = Buffer.concat(cut(bytes, flushes).map(base64));
        const exchange = await post('client_streaming', cut(body, chunks));
        expect(framesIn(decoded(exchange))).toEqual(answer);
      }),
      { seed: 20_260_108, numRuns: 100 },
    );
  });

  it('delivers a message when its characters are complete, before the next flush', () => {
    let seen: SeenRequests | undefined;
    const route = createTestRoute({
      kind: 'client_streaming',
      invoke(requests) {
        seen = readAll(requests, () => undefined);
      },
    });
    const exchange = open(route, { headers: TEXT }).data(base64(frame(0, proto('a'))));
    expect(seen?.texts).toEqual(['a']);
    exchange.abort();
    expect(seen?.end).toMatchObject({ code: Code.Canceled });
  });

  it.each(METHOD_KINDS)('answers garbage, in %s, with internal', async (kind) => {
    const exchange = await post(kind, [Buffer.from('AAAA!AAA')]);
    expect([exchange.headers, exchange.chunks]).toEqual([
      [
        'content-type',
        'application/grpc-web-text',
        'grpc-accept-encoding',
        'gzip',
        'grpc-status',
        '13',
        'grpc-message',
        'the request body is not base64',
      ],
      [],
    ]);
  });

  it.each(['A', 'AAAAA', 'AA='])('answers the remainder of %j with internal', async (body) => {
    const exchange = await post('unary', [Buffer.from(body)]);
    expect(exchange.responseHeader('grpc-message')).toBe('the request body is not base64');
  });

  it('answers a binary body with internal', async () => {
    const exchange = await post('unary', [frame(0, proto('hi'))]);
    expect(exchange.responseHeader('grpc-status')).toBe('13');
  });

  it('answers a message that is cut off with internal', async () => {
    const exchange = await post('unary', [base64(frame(0, proto('hi')).subarray(0, 6))]);
    expect(exchange.responseHeader('grpc-message')).toBe('the request ends in the middle of a message');
  });
});

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...pieces, bytes.subarray(at)];
}

describe('gRPC-Web text: responses (gRPC-Web, "Text-encoded (response) streams")', () => {
  it('encodes a unary answer with its trailers', async () => {
    const exchange = await post('unary', [base64(frame(0, proto('hi')))]);
    expect([exchange.headers, exchange.text]).toEqual([
      ['content-type', 'application/grpc-web-text', 'grpc-accept-encoding', 'gzip'],
      Buffer.concat([frame(0, proto('hi')), frame(0x80, 'grpc-status: 0\r\n')]).toString('base64'),
    ]);
  });

  it('pads each flush on its own', async () => {
    const exchange = await post('server_streaming', [base64(frame(0, proto('a bb ccc')))]);
    expect(exchange.chunks.map((chunk) => Buffer.from(chunk).toString())).toEqual([
      frame(0, proto('a')).toString('base64'),
      frame(0, proto('bb')).toString('base64'),
      frame(0, proto('ccc')).toString('base64'),
      frame(0x80, 'grpc-status: 0\r\n').toString('base64'),
    ]);
    expect(exchange.text).toMatch(/=[A-Za-z0-9]/);
  });

  it.each([
    'application/grpc-web-text',
    'application/grpc-web-text+proto',
    'application/grpc-web-text-base64',
    'application/grpc-web-text-base64+proto',
  ])('repeats the content type %s', async (type) => {
    const exchange = await post('unary', [base64(frame(0, proto('hi')))], { 'content-type': type });
    expect([exchange.responseHeader('content-type'), framesIn(decoded(exchange))]).toEqual([
      type,
      [textFrame('hi'), OK],
    ]);
  });

  it.each([
    ['application/grpc-web', 'application/grpc-web-text'],
    ['application/grpc-web+proto', 'application/grpc-web-text+proto'],
  ])('to a binary request in %s are text when the accept header names it', async (type, answered) => {
    for (const accept of ['application/grpc-web-text', '*/*;q=0.1, Application/grpc-web-text+proto']) {
      const headers = { 'content-type': type, accept };
      const exchange = await post('server_streaming', [frame(0, proto('a b'))], headers);
      expect([exchange.responseHeader('content-type'), framesIn(decoded(exchange))]).toEqual([
        answered,
        [textFrame('a'), textFrame('b'), OK],
      ]);
    }
  });

  it.each(['*/*', 'application/grpc-web', 'application/grpc-web+proto, */*', ''])(
    'to a binary request are binary when the accept header is %j',
    async (accept) => {
      const headers = { 'content-type': 'application/grpc-web', accept };
      const exchange = await post('unary', [frame(0, proto('hi'))], headers);
      expect([exchange.responseHeader('content-type'), framesIn(exchange.body)]).toEqual([
        'application/grpc-web',
        [textFrame('hi'), OK],
      ]);
    },
  );

  it('leave the headers of the application alone', async () => {
    const route = createTestRoute(
      echo('unary', (call) => call.responseHeaders.set('x-type', 'application/grpc-web')),
    );
    const headers = { 'content-type': 'application/grpc-web', accept: 'application/grpc-web-text' };
    const exchange = await send(route, { headers }, frame(0, proto('hi')));
    expect(exchange.headers).toEqual([
      'content-type',
      'application/grpc-web-text',
      'grpc-accept-encoding',
      'gzip',
      'x-type',
      'application/grpc-web',
    ]);
  });

  it('that are errors at once have an empty body', async () => {
    const route = createTestRoute(failing('unary', () => new ConnectError('no')));
    const exchange = await send(route, { headers: TEXT }, base64(frame(0, '')));
    expect([exchange.responseHeader('grpc-status'), exchange.chunks]).toEqual(['2', []]);
  });
});

function wrap(scope: 'both' | 'response') {
  const inner = new MemoryExchange({
    method: 'POST',
    path: '/a',
    query: 'b=c',
    httpVersion: '1.1',
    headers: { 'x-a': '1' },
  });
  const events: string[] = [];
  const listener: ExchangeListener = {
    isMidMessage: true,
    onData: (chunk) => events.push(`data ${Buffer.from(chunk).toString()}`),
    onEnd: () => events.push('end'),
    onDrain: () => events.push('drain'),
    onAbort: (reason) => events.push(`abort ${reason.rawMessage}`),
    onClose: () => events.push('close'),
    terminate: (reason) => events.push(`terminate ${reason.rawMessage}`),
  };
  const text = new TextExchange(inner, scope);
  text.start(listener);
  return { inner, text, events };
}

describe('TextExchange: everything that is not a body passes', () => {
  it('to the protocol', () => {
    const { inner, text } = wrap('both');
    inner.bufferedBytes = 7;
    expect([text.method, text.path, text.query, text.httpVersion, text.peer, text.hasBody]).toEqual([
      'POST',
      '/a',
      'b=c',
      '1.1',
      inner.peer,
      true,
    ]);
    expect([text.header('x-a'), text.requestHeaders, text.bufferedBytes, text.isMidMessage]).toEqual([
      '1',
      ['x-a', '1'],
      7,
      true,
    ]);
  });

  it.each([
    ['both', 'data abc'],
    ['response', 'data YWJj'],
  ] as const)('to the engine, with the scope %s', (scope, data) => {
    const { inner, text, events } = wrap(scope);
    text.pause();
    inner.data(Buffer.from('YWJj'));
    expect([inner.isPaused, events]).toEqual([true, []]);
    text.resume();
    text.terminate(new ConnectError('stop'));
    inner.drain().finish().abort(new ConnectError('gone'));
    expect(events).toEqual([data, 'terminate stop', 'drain', 'end', 'abort gone', 'close']);
  });

  it.each([
    ['takes more', true],
    ['wants a pause', false],
  ])('when the network %s', (_, takesMore) => {
    const { inner, text } = wrap('both');
    inner.takesMore = takesMore;
    text.respond(200, []);
    expect(text.write(Buffer.from('abc'))).toBe(takesMore);
    expect(inner.text).toBe('YWJj');
  });

  it('when it is reset', () => {
    const { inner, text } = wrap('both');
    text.reset();
    expect(inner.isReset).toBe(true);
  });
});
