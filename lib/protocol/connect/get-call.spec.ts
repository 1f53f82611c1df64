import { describe, expect, it, jest } from '@jest/globals';
import { gunzipped, gzipped, hex, proto } from '../../../test/support/frames.js';
import { type MemoryExchange } from '../../../test/support/memory-exchange.js';
import {
  createTestRoute,
  echo,
  failing,
  open,
  send,
  silent,
  type TestRouteOptions,
} from '../../../test/support/serve.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type ServerCall } from '../../rpc/server-call.js';

const HI = 'connect=v1&encoding=json&message=%22hi%22';
const BASE = ['accept-encoding', 'gzip', 'vary', 'accept-encoding'];

interface Get {
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly options?: TestRouteOptions;
  readonly before?: (call: ServerCall) => void;
}

function get({ query = HI, headers = {}, options = {}, before }: Get = {}): Promise<MemoryExchange> {
  const route = createTestRoute(echo('unary', before), { method: 'Look', ...options });
  return send(route, { method: 'GET', query, headers });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

describe('ConnectGetCall (Connect protocol, "Unary-Get-Request")', () => {
  it('answers as a POST would, and says that the answer depends on accept-encoding', async () => {
    const exchange = await get();
    expect([exchange.status, exchange.headers, exchange.text]).toEqual([
      200,
      ['content-type', 'application/json', ...BASE],
      '"hi"',
    ]);
  });

  it.each([
    ['proto', `encoding=proto&base64=1&message=${base64(proto('hi'))}`, '0a 02 68 69'],
    ['proto, padded', 'encoding=proto&base64=1&message=CgJoaQ%3D%3D', '0a 02 68 69'],
    ['JSON in base64', `encoding=json&base64=1&message=${base64(Buffer.from('"hi"'))}`, '22 68 69 22'],
    ['an empty proto message', 'encoding=proto&message=', ''],
    ['an empty compressed message', 'encoding=proto&compression=gzip&base64=1&message=', ''],
    [
      'compressed proto',
      `encoding=proto&compression=gzip&base64=1&message=${base64(gzipped(proto('hi')))}`,
      '0a 02 68 69',
    ],
    ['identity', 'encoding=json&compression=identity&message=%22hi%22', '22 68 69 22'],
  ])('reads %s', async (_, query, bytes) => {
    const exchange = await get({ query });
    expect([exchange.status, hex(exchange.body)]).toEqual([200, bytes]);
  });

  it('is told to its handler as a GET', async () => {
    const methods: string[] = [];
    await get({ before: (call) => methods.push(call.httpMethod, call.protocol) });
    expect(methods).toEqual(['GET', 'connect']);
  });

  it('keeps the vary header of the handler beside its own', async () => {
    const exchange = await get({ before: (call) => call.responseHeaders.set('vary', 'origin') });
    expect(exchange.responseHeader('vary')).toBe('accept-encoding, origin');
  });

  it('sends trailers with their prefix', async () => {
    const exchange = await get({ before: (call) => call.responseTrailers.set('x-t', '1') });
    expect(exchange.responseHeader('trailer-x-t')).toBe('1');
  });

  it('compresses what the accept-encoding header allows', async () => {
    const exchange = await get({ headers: { 'accept-encoding': 'gzip' }, options: { compressMinBytes: 0 } });
    expect(exchange.responseHeader('content-encoding')).toBe('gzip');
    expect(gunzipped(Buffer.from(exchange.body).toString('latin1')).toString()).toBe('"hi"');
  });

  it('waits for no byte when the request has no body', () => {
    const invoked = jest.fn();
    const route = createTestRoute(silent('unary', invoked), { method: 'Look' });
    const exchange = open(route, { method: 'GET', query: HI });
    expect(invoked).toHaveBeenCalledTimes(1);
    exchange.finish().abort();
    expect(invoked).toHaveBeenCalledTimes(1);
  });
});

describe('ConnectGetCall: what is refused', () => {
  it.each([
    ['a missing message', 'encoding=json', 400, 'invalid_argument'],
    ['a missing encoding', 'message=1', 400, 'invalid_argument'],
    ['broken percent encoding', 'encoding=json&message=%', 400, 'invalid_argument'],
    ['broken base64', 'encoding=proto&base64=1&message=!', 400, 'invalid_argument'],
    ['broken JSON', 'encoding=json&message={', 400, 'invalid_argument'],
    ['no JSON', 'encoding=json&message=', 400, 'invalid_argument'],
    [
      'broken compression',
      'encoding=proto&compression=gzip&base64=1&message=CgJoaQ',
      400,
      'invalid_argument',
    ],
    ['another version', 'connect=v2&encoding=json&message=%22%22', 400, 'invalid_argument'],
    ['an unknown compression', 'compression=snappy&encoding=json&message=%22%22', 501, 'unimplemented'],
  ])('answers %s', async (_, query, status, code) => {
    const exchange = await get({ query });
    expect([exchange.status, exchange.responseHeader('content-type')]).toEqual([status, 'application/json']);
    expect(JSON.parse(exchange.text)).toMatchObject({ code });
  });

  it('names the compressions it knows for one that it does not', async () => {
    const exchange = await get({ query: `${HI}&compression=snappy` });
    expect(exchange.text).toContain('supported are gzip');
    expect(exchange.responseHeader('accept-encoding')).toBe('gzip');
  });

  it.each(['xml', 'PROTO', '__proto__', ''])(
    'answers the encoding %j with 415 and an empty body',
    async (encoding) => {
      const exchange = await get({ query: `message=1&encoding=${encoding}` });
      expect([exchange.status, exchange.chunks]).toEqual([415, []]);
      expect(exchange.responseHeader('accept-post')).toBe('application/json, application/proto');
    },
  );

  it.each([
    ['connect=v1', 200],
    ['', 400],
  ])('with a version that is required, answers %j with %d', async (version, status) => {
    const query = `encoding=json&message=%22hi%22&${version}`;
    expect((await get({ query, options: { requireProtocolVersion: true } })).status).toBe(status);
  });

  it.each([
    ['1s', 400],
    ['0', 504],
    ['60000', 200],
  ])('reads the timeout %j from its header: status %d', async (timeout, status) => {
    const headers = { 'connect-timeout-ms': timeout };
    expect((await get({ headers })).status).toBe(status);
  });

  it.each([
    [12, 200],
    [11, 429],
  ])('of a message of 12 bytes under a limit of %d makes status %d', async (receiveLimitBytes, status) => {
    const query = `encoding=proto&base64=1&message=${base64(proto('0123456789'))}`;
    expect((await get({ query, options: { receiveLimitBytes } })).status).toBe(status);
  });

  it.each([
    [102, 200],
    [101, 429],
  ])('of a compressed message of 102 bytes under a limit of %d makes status %d', async (limit, status) => {
    const message = base64(gzipped(proto('0'.repeat(100))));
    const query = `encoding=proto&compression=gzip&base64=1&message=${message}`;
    expect((await get({ query, options: { receiveLimitBytes: limit } })).status).toBe(status);
  });

  it('answers the error of a handler, with vary', async () => {
    const route = createTestRoute(
      failing('unary', () => new ConnectError('no', { code: Code.NotFound })),
      { method: 'Look' },
    );
    const exchange = await send(route, { method: 'GET', query: HI });
    expect([exchange.status, exchange.headers, exchange.text]).toEqual([
      404,
      ['content-type', 'application/json', ...BASE],
      '{"code":"not_found","message":"no"}',
    ]);
  });
});

const tagged = (etag: string) => (call: ServerCall) =>
  void call.responseHeaders.set('etag', etag).set('cache-control', 'max-age=60');

describe('ConnectGetCall: validators (RFC 9110, section 13.1.2)', () => {
  it.each([
    ['"1"', '"1"'],
    ['"1"', 'W/"1"'],
    ['W/"1"', '"1"'],
    ['W/"1"', 'W/"1"'],
    ['"2"', '"1", "2"'],
    ['"2"', '"1",W/"2"'],
    ['"1"', '*'],
    ['"1"', ' * '],
  ])('answers etag %s for if-none-match %s with 304 and headers only', async (etag, known) => {
    const exchange = await get({ headers: { 'if-none-match': known }, before: tagged(etag) });
    expect([exchange.status, exchange.headers, exchange.chunks]).toEqual([
      304,
      [...BASE, 'etag', etag, 'cache-control', 'max-age=60'],
      [],
    ]);
  });

  it.each([
    ['"1"', '"2"'],
    ['"1"', '1'],
    ['"1"', ''],
    ['"a"', '"A"'],
    ['"1"', 'w/"1"'],
  ])('answers etag %s for if-none-match %j with the message', async (etag, known) => {
    const exchange = await get({ headers: { 'if-none-match': known }, before: tagged(etag) });
    expect([exchange.status, exchange.text]).toEqual([200, '"hi"']);
  });

  it('answers with the message when the handler sets no etag', async () => {
    expect((await get({ headers: { 'if-none-match': '*' } })).status).toBe(200);
  });

  it('answers with the message when the client knows none', async () => {
    const exchange = await get({ before: tagged('"1"') });
    expect([exchange.status, exchange.responseHeader('etag')]).toEqual([200, '"1"']);
  });

  it('is for GET alone', async () => {
    const route = createTestRoute(echo('unary', tagged('"1"')), { method: 'Look' });
    const headers = { 'content-type': 'application/proto', 'if-none-match': '"1"' };
    expect((await send(route, { headers }, proto('hi'))).status).toBe(200);
  });
});

describe('Connect GET in the dispatcher', () => {
  it('serves POST at the same path', async () => {
    const route = createTestRoute(echo('unary'), { method: 'Look' });
    const exchange = await send(route, { headers: { 'content-type': 'application/proto' } }, proto('hi'));
    expect([exchange.status, exchange.responseHeader('vary')]).toEqual([200, undefined]);
  });

  it.each(['HEAD', 'PUT'])('answers %s with 405 and both methods', async (method) => {
    const exchange = await send(createTestRoute(echo('unary'), { method: 'Look' }), { method, query: HI });
    expect([exchange.status, exchange.headers, exchange.chunks]).toEqual([405, ['allow', 'GET, POST'], []]);
  });

  it('refuses a body with 415 and an empty body', async () => {
    const route = createTestRoute(echo('unary'), { method: 'Look' });
    const request = { method: 'GET', query: HI, headers: { 'content-length': '4' } };
    const exchange = await send(route, request, proto('hi'));
    expect([exchange.status, exchange.chunks]).toEqual([415, []]);
  });

  it('refuses a body of unknown length at its first byte', async () => {
    const invoked = jest.fn();
    const route = createTestRoute(silent('unary', invoked), { method: 'Look' });
    const exchange = open(route, { method: 'GET', query: HI, hasBody: true });
    expect(exchange.status).toBeUndefined();
    exchange.data(proto('hi'));
    await exchange.closed;
    expect([exchange.status, exchange.chunks]).toEqual([415, []]);
    expect(invoked).not.toHaveBeenCalled();
  });

  it('waits for the end of a body that may come, and for nothing after it', async () => {
    const calls: (ServerCall & { isMidMessage?: boolean })[] = [];
    const route = createTestRoute(
      silent('unary', (call) => calls.push(call)),
      { method: 'Look' },
    );
    const exchange = open(route, { method: 'GET', query: HI, hasBody: true });
    expect(calls).toEqual([]);
    exchange.finish();
    expect(calls.map((call) => call.isMidMessage)).toEqual([false]);
    exchange.abort();
    await exchange.closed;
  });

  it('serves a request whose body ends without a byte', async () => {
    const route = createTestRoute(echo('unary'), { method: 'Look' });
    const exchange = await send(route, { method: 'GET', query: HI, hasBody: true });
    expect([exchange.status, exchange.text]).toEqual([200, '"hi"']);
  });
});
