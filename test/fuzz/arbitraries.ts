/**
 * Requests as they might come from anybody: mostly what the protocols know, with every part now and then wrong.
 */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { frame } from '../support/frames.js';

export interface FuzzRequest {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  /** Names in lower case; none of those that frame the body. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body as it is sent, piece by piece. */
  readonly chunks: readonly Uint8Array[];
  /** The request is sent to its end. */
  readonly isWhole: boolean;
}

/** What a service is called and takes. */
export interface FuzzTarget {
  readonly paths: readonly string[];
  /** A message as JSON. */
  json(this: void, text: string): string;
}

/** Field 1, a string: both services here have no other. */
function proto(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return Buffer.concat([Buffer.from([0x0a, ...length]), bytes]);
}

const TOKENS = ['a', 'fail', '', 'grüße 😀', '\u0000', '__proto__', 'x'.repeat(3_000), '\r\nx-injected: 1'];

/** Bytes of a header value as node:http writes them. */
const headerValue = fc
  .array(
    fc.integer({ min: 0x20, max: 0xff }).filter((unit) => unit !== 0x7f),
    { maxLength: 40 },
  )
  .map((units) => String.fromCharCode(...units).trim());

const headerName = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('x-data-bin', '__proto__', 'constructor', 'tostring', 'hasownproperty'),
  },
);

const MEDIA_TYPES = [
  'application/json',
  'application/proto',
  'application/connect+json',
  'application/connect+proto',
  'application/grpc',
  'application/grpc+proto',
  'application/grpc+json',
  'application/grpc-web',
  'application/grpc-web+json',
  'application/grpc-web-text',
  'application/grpc-web-text+proto',
  'application/grpc-web-text-base64',
] as const;

const contentType = fc.oneof(
  { weight: 16, arbitrary: fc.constantFrom<string>(...MEDIA_TYPES) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom<string>(...MEDIA_TYPES),
        fc.constantFrom('; charset=utf-8', ';charset=latin1', ' ;;', ';a', '+xml', ', text/html'),
      )
      .map((parts) => parts.join('')),
  },
  { weight: 1, arbitrary: fc.constantFrom(...MEDIA_TYPES).map((type) => type.toUpperCase()) },
  { weight: 1, arbitrary: headerValue },
);

const encoding = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('gzip', 'br', 'deflate', 'identity') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', 'zstd', 'GZIP', 'gzip, br', 'x', 'constructor', '*', 'gzip;q=0'),
  },
);

const timeout = fc.oneof(
  fc.constantFrom(
    '1H',
    '20S',
    '900m',
    '99999999n',
    '5u',
    '0m',
    '-1S',
    '1',
    '',
    '123456789S',
    'S',
    '1e3',
    'NaN',
  ),
  fc.constantFrom('0', '1', '30000', '9999999999', '99999999999', '-5', '1.5', ' 7', '0x10'),
);

const knownHeader = fc.oneof(
  fc.tuple(fc.constantFrom('grpc-timeout', 'connect-timeout-ms'), timeout),
  fc.tuple(fc.constantFrom('grpc-encoding', 'connect-content-encoding', 'content-encoding'), encoding),
  fc.tuple(fc.constantFrom('grpc-accept-encoding', 'connect-accept-encoding', 'accept-encoding'), encoding),
  fc.tuple(fc.constant('connect-protocol-version'), fc.constantFrom('1', '2', '', 'v1')),
  fc.tuple(fc.constant('accept'), contentType),
  fc.tuple(fc.constant('if-none-match'), fc.constantFrom('*', '"1"', ',,')),
  fc.tuple(fc.constant('te'), fc.constant('trailers')),
  fc.tuple(fc.constant('origin'), fc.constantFrom('https://a.test', 'null', '')),
  fc.tuple(fc.constant('access-control-request-method'), fc.constantFrom('POST', 'x')),
  fc.tuple(fc.constant('x-http-method-override'), fc.constant('PUT')),
);

const headers = fc
  .tuple(
    fc.option(contentType, { freq: 12 }),
    fc.array(
      fc.oneof(
        { weight: 3, arbitrary: knownHeader },
        { weight: 1, arbitrary: fc.tuple(headerName, headerValue) },
      ),
      { maxLength: 4 },
    ),
  )
  .map(([type, others]) =>
    type === null ? others : [['content-type', type] as [string, string], ...others],
  );

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constant('POST') },
  { weight: 3, arbitrary: fc.constant('GET') },
  { weight: 1, arbitrary: fc.constantFrom('PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE') },
);

/** A query for Connect GET: each parameter right, wrong, missing, or twice. */
function queries(messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<string> {
  const text = fc.oneof(
    messages.map((bytes) => Buffer.from(bytes).toString('base64url')),
    messages.map((bytes) => encodeURIComponent(Buffer.from(bytes).toString())),
    fc.stringMatching(/^[!-"$-~]{0,30}$/),
  );
  const parameter = fc.oneof(
    fc.constantFrom('connect=v1', 'connect=v2', 'base64=1', 'base64=0', 'compression=gzip', 'compression=x'),
    fc.constantFrom('encoding=json', 'encoding=proto', 'encoding=constructor', 'encoding'),
    fc.constantFrom('', '=', '%', '%ff=1', '__proto__=1', 'message'),
    text.map((value) => `message=${value}`),
  );
  const wellFormed = fc
    .tuple(fc.constantFrom('json', 'proto'), text, fc.constantFrom('', '&base64=1', '&compression=gzip'))
    .map(([codec, message, more]) => `connect=v1&encoding=${codec}&message=${message}${more}`);
  return fc.oneof(
    { weight: 2, arbitrary: wellFormed },
    { weight: 1, arbitrary: fc.array(parameter, { maxLength: 6 }).map((parts) => parts.join('&')) },
  );
}

function messagesOf(target: FuzzTarget): fc.Arbitrary<Uint8Array> {
  const text = fc.oneof(fc.constantFrom(...TOKENS), fc.string({ unit: 'binary', maxLength: 20 }));
  const nested = fc
    .integer({ min: 1, max: 3_000 })
    .map((depth) => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  const strangeJson = fc.constantFrom(
    target.json('x').replace('"x"', '1'),
    // Half a surrogate pair, as JSON can write it and UTF-8 cannot.
    target.json('x').replace('x', String.raw`\ud800`),
    '{"__proto__":{"a":1},"constructor":1}',
    '{',
    'null',
    '[]',
    '""',
    '\ufeff{}',
  );
  return fc.oneof(
    { weight: 4, arbitrary: text.map((value): Uint8Array => proto(value)) },
    { weight: 4, arbitrary: text.map((value): Uint8Array => Buffer.from(target.json(value))) },
    {
      weight: 1,
      arbitrary: fc.oneof(strangeJson, nested, fc.json()).map((value): Uint8Array => Buffer.from(value)),
    },
    { weight: 1, arbitrary: fc.constant<Uint8Array>(Buffer.from([0x0a, 0x02, 0xc3, 0x28])) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 3_000 }).map((n): Uint8Array => Buffer.alloc(n, 0x0b)),
    },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 30 }) },
  );
}

/** Well below what HTTP/1.1 takes of headers: a longer one ends the connection, with what was pipelined before. */
const MAX_TARGET = 8_000;

/** What the prefix of an envelope holds. */
const MAX_LENGTH = 2 ** 32 - 1;

const COMPRESS: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
  (bytes) => bytes,
  (bytes) => bytes,
  (bytes) => gzipSync(bytes),
  (bytes) => brotliCompressSync(bytes),
  (bytes) => deflateSync(bytes),
  (bytes) => gzipSync(bytes).subarray(0, -5),
  (bytes) => gzipSync(Buffer.concat([bytes, Buffer.alloc(100_000)])),
];

/** Envelopes with flags and lengths that are mostly what the payload is. */
function envelopesOf(messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const envelope = fc
    .record({
      payload: messages,
      compress: fc.constantFrom(...COMPRESS),
      flags: fc.oneof(
        { weight: 8, arbitrary: fc.constant('right' as const) },
        { weight: 1, arbitrary: fc.constantFrom(0, 1, 2, 3, 0x80, 0x81) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
      ),
      excess: fc.oneof(
        { weight: 12, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.constantFrom(-1, 1, 100, 5_000, MAX_LENGTH) },
      ),
    })
    .map(({ payload, compress, flags, excess }) => {
      const bytes = compress(payload);
      const isCompressed = bytes !== payload;
      const sealed = frame(flags === 'right' ? Number(isCompressed) : flags, bytes);
      sealed.writeUInt32BE(Math.min(Math.max(0, bytes.byteLength + excess), MAX_LENGTH), 1);
      return sealed;
    });
  return fc.array(envelope, { maxLength: 4 }).map((parts) => Buffer.concat(parts));
}

function bodiesOf(messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const envelopes = envelopesOf(messages);
  return fc.oneof(
    { weight: 3, arbitrary: fc.tuple(messages, fc.constantFrom(...COMPRESS)).map(([m, c]) => c(m)) },
    { weight: 5, arbitrary: envelopes },
    { weight: 2, arbitrary: envelopes.map((bytes) => Buffer.from(Buffer.from(bytes).toString('base64'))) },
    { weight: 1, arbitrary: fc.constant(new Uint8Array(0)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
}

/** Bytes, cut anywhere. */
export function chunked(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array[]> {
  return fc
    .tuple(bytes, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }))
    .map(([whole, cuts]) => cutAt(whole, cuts));
}

/** @param cuts Where to cut, as parts of the whole, in any order. */
export function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = cuts.map((cut) => Math.floor(cut * bytes.byteLength)).toSorted((a, b) => a - b);
  return [...ends, bytes.byteLength].map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

/** Nothing, or a byte changed or the end cut off, as a bad line would have it. */
const damage = fc.oneof(
  { weight: 3, arbitrary: fc.constant((bytes: Uint8Array) => bytes) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })).map(([at, value]) => {
      return (bytes: Uint8Array): Uint8Array =>
        at < bytes.byteLength
          ? Buffer.concat([bytes.subarray(0, at), Buffer.of(value), bytes.subarray(at + 1)])
          : bytes;
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 9 })
      .map((count) => (bytes: Uint8Array) => bytes.subarray(0, -count)),
  },
);

/** Requests whose parts belong together: what a client sends, but for damage to the body. */
function soundRequestsTo({ paths, json }: FuzzTarget): fc.Arbitrary<FuzzRequest> {
  return fc
    .record({
      type: fc.constantFrom(...MEDIA_TYPES),
      texts: fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { minLength: 1, maxLength: 3 }),
      isSingle: fc.boolean(),
      path: fc.constantFrom(...paths),
      damage,
      more: fc.array(knownHeader, { maxLength: 1 }),
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
    })
    .map(({ type, texts, isSingle, path, damage: damaged, more, cuts }) => {
      const messages = texts.map((text) => (type.includes('json') ? Buffer.from(json(text)) : proto(text)));
      const isBare = type === 'application/json' || type === 'application/proto';
      const envelopes = messages.slice(0, isSingle ? 1 : undefined).map((message) => frame(0, message));
      const body = isBare ? (messages[0] ?? Buffer.alloc(0)) : Buffer.concat(envelopes);
      const sent = type.includes('text') ? Buffer.from(body.toString('base64')) : body;
      return {
        method: 'POST',
        target: path,
        headers: [['content-type', type], ...more],
        chunks: cutAt(damaged(sent), cuts),
        isWhole: true,
      };
    });
}

/** Requests of all protocols for one service: half of them sound. */
export function requestsTo(target: FuzzTarget): fc.Arbitrary<FuzzRequest> {
  return fc.oneof(soundRequestsTo(target), mixedRequestsTo(target));
}

/** Requests whose parts come together by chance. */
function mixedRequestsTo(target: FuzzTarget): fc.Arbitrary<FuzzRequest> {
  const messages = messagesOf(target);
  const path = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...target.paths) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '/',
        '*',
        '//',
        '/..',
        '/a b',
        `${target.paths[0]}/`,
        `http://x${target.paths[0]}`,
      ),
    },
    { weight: 1, arbitrary: fc.webPath().map((text) => `/${text}`) },
  );
  const query = fc.oneof(
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: queries(messages).map((text) => `?${text}`) },
  );
  return fc
    .record({
      method,
      path,
      query,
      headers,
      chunks: chunked(bodiesOf(messages)),
      isWhole: fc.oneof(
        { weight: 5, arbitrary: fc.constant(true) },
        { weight: 1, arbitrary: fc.constant(false) },
      ),
    })
    .map(({ path: of, query: search, ...request }) => ({
      ...request,
      target: (of.replaceAll(' ', '%20') + search).slice(0, MAX_TARGET),
    }));
}
