import { describe, expect, it } from '@jest/globals';
import { makeCall, type TestCall, type TestCallSetup } from '../../../test/support/client-call.js';
import { gunzipped, proto } from '../../../test/support/frames.js';
import { type MemoryClientExchange } from '../../../test/support/memory-http-client.js';
import { createJsonCodec } from '../../codec/json-codec.js';
import { gzip } from '../../compression/zlib.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { isNotModified } from '../../rpc/not-modified.js';
import { RpcHeaders } from '../../rpc/headers.js';
import { type ClientWireOptions } from '../../wire/client-protocol.js';
import { VERSION } from '../../wire/user-agent.js';
import { connectClientProtocol } from './client.js';
import { MAX_TARGET_CHARACTERS, parseGetRequest } from './get-request.js';

const PATH = '/test.v1.TestService/Look';
const jsonCodec = createJsonCodec();

interface GetSetup extends Omit<TestCallSetup, 'options'>, Partial<ClientWireOptions> {}

/** Calls the method without side effects. */
function look(text: string, setup: GetSetup = {}, name: 'Say' | 'Look' = 'Look') {
  const { headers, timeoutMs, ...options } = setup;
  const begun: TestCall = makeCall(
    connectClientProtocol,
    name,
    {
      ...(headers === undefined ? {} : { headers }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      options: { useGet: true, sendLimitBytes: Infinity, ...options },
    },
    [text],
  );
  return { ...begun, exchange: begun.http.request };
}

function queryOf(exchange: MemoryClientExchange): string {
  const [path, query = ''] = exchange.head.target.split('?');
  expect([exchange.head.method, path]).toEqual(['GET', PATH]);
  return query;
}

/** Random enough that gzip does not shrink it. */
function noise(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (state * 16_807) % 2_147_483_647;
    return String.fromCharCode(33 + (state % 90));
  }).join('');
}

describe('Connect client, GET request (Connect protocol, "Unary-Get-Request")', () => {
  it('puts a proto message into the query as URL-safe base64 without padding', () => {
    expect(queryOf(look('hi?>~').exchange)).toBe('connect=v1&base64=1&encoding=proto&message=CgVoaT8-fg');
  });

  it('puts a JSON message into the query as text', () => {
    expect(queryOf(look('grüße & so=1', { codec: jsonCodec }).exchange)).toBe(
      'connect=v1&encoding=json&message=%22gr%C3%BC%C3%9Fe%20%26%20so%3D1%22',
    );
  });

  it('puts another codec into the query as base64: its bytes need not be text', () => {
    const codec = { ...jsonCodec, name: 'x/odd' };
    expect(queryOf(look('hi', { codec }).exchange)).toBe(
      'connect=v1&base64=1&encoding=x%2Fodd&message=ImhpIg',
    );
  });

  it('keeps the parameter of an empty message', () => {
    expect(queryOf(look('').exchange)).toBe('connect=v1&base64=1&encoding=proto&message=');
  });

  it('sends no body, and no header that describes one', () => {
    const { exchange } = look('hi', { timeoutMs: 250, headers: new RpcHeaders({ 'x-a': '1' }) });
    expect([exchange.chunks, exchange.isOneStep, exchange.head.headers]).toEqual([
      [],
      true,
      [
        'connect-timeout-ms',
        '250',
        'accept-encoding',
        'gzip',
        'user-agent',
        `nestjs-connect/${VERSION}`,
        'x-a',
        '1',
      ],
    ]);
  });

  it.each<[string, GetSetup, 'Say' | 'Look']>([
    ['a method with side effects', {}, 'Say'],
    ['any method by default', { useGet: false }, 'Look'],
  ])('calls %s by POST', (_, setup, name) => {
    expect(look('hi', setup, name).exchange.head.method).toBe('POST');
  });

  it('makes equal URLs of equal messages', () => {
    expect(look('hi').exchange.head.target).toBe(look('hi').exchange.head.target);
  });
});

describe('Connect client, GET and the length of URLs', () => {
  /** Path, `?`, and everything in front of the message. */
  const overhead = `${PATH}?connect=v1&encoding=json&message=%22%22`.length;

  it.each([
    [0, 'GET'],
    [1, 'POST'],
  ])('sends a URL that is %d characters over the limit by %s', (excess, httpMethod) => {
    const text = 'a'.repeat(MAX_TARGET_CHARACTERS - overhead + excess);
    const { exchange } = look(text, { codec: jsonCodec });
    expect(exchange.head.method).toBe(httpMethod);
    expect(exchange.head.target).toHaveLength(excess === 0 ? MAX_TARGET_CHARACTERS : PATH.length);
  });

  it('sends a short message plain though a compression is set', () => {
    expect(queryOf(look('hi', { requestCompression: gzip }).exchange)).not.toContain('compression');
  });

  it('compresses a message that is too long', () => {
    const text = 'a'.repeat(10_000);
    const query = queryOf(look(text, { codec: jsonCodec, requestCompression: gzip }).exchange);
    expect(query).toMatch(/^connect=v1&base64=1&compression=gzip&encoding=json&message=[\w-]+$/);
    const { message } = parseGetRequest(query);
    expect(gunzipped(Buffer.from(message).toString('latin1')).toString()).toBe(JSON.stringify(text));
  });

  it('falls back to POST with the compressed body when that is too long as well', () => {
    const text = noise(10_000);
    const { exchange } = look(text, { codec: jsonCodec, requestCompression: gzip });
    expect([exchange.head.method, exchange.head.target]).toEqual(['POST', PATH]);
    expect([exchange.header('content-encoding'), exchange.header('content-type')]).toEqual([
      'gzip',
      'application/json',
    ]);
    const body = Buffer.from(exchange.body).toString('latin1');
    expect(gunzipped(body).toString()).toBe(JSON.stringify(text));
  });

  it('falls back to POST with the plain body below the minimum to compress', () => {
    const { exchange } = look('a'.repeat(10_000), { requestCompression: gzip, compressMinBytes: 20_000 });
    expect([exchange.head.method, exchange.header('content-encoding')]).toEqual(['POST', undefined]);
    expect(exchange.body.byteLength).toBeGreaterThan(10_000);
  });
});

const answer = (status: number, headers: readonly string[], body?: Uint8Array) => {
  const begun = look('hi');
  begun.exchange
    .headers(status, headers)
    .data(...(body === undefined ? [] : [body]))
    .finish();
  return begun;
};

describe('Connect client, GET response', () => {
  it('reads a success like one to POST', () => {
    const { seen } = answer(200, ['content-type', 'application/proto'], proto('yes'));
    expect(seen).toEqual({ texts: ['yes'], end: 'complete' });
  });

  it('reads an error like one to POST', () => {
    const { seen } = answer(404, ['content-type', 'application/json'], Buffer.from('{"code":"not_found"}'));
    expect(seen.end).toMatchObject({ code: Code.NotFound });
  });

  it('tells "not modified" with the headers, and leaves the exchange to end by itself', () => {
    const { seen, told, exchange } = answer(304, ['etag', '"7"']);
    expect(seen.end).toMatchObject({
      code: Code.Unknown,
      rawMessage: 'HTTP status 304: not modified',
      fromWire: true,
    });
    expect((seen.end as ConnectError).metadata.get('etag')).toBe('"7"');
    expect([told[0]?.[1].get('etag'), exchange.isReset]).toEqual(['"7"', false]);
    expect(isNotModified(seen.end)).toBe(true);
  });

  it.each([
    ['another error', () => answer(404, ['etag', '"7"']).seen.end],
    [
      'an error that only reads like it',
      () => ConnectError.wire({ message: 'HTTP status 304: not modified' }),
    ],
    ['no error', () => undefined],
    ['a text', () => 'not modified'],
  ])('takes %s for no "not modified"', (_, error) => {
    expect(isNotModified(error())).toBe(false);
  });
});
