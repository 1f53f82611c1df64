/**
 * What reads bytes of a peer, and what writes bytes that are made of an application's texts: for any input there is
 * a result or the one error that is documented.
 */
import { describe, expect, it, jest } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { StatusSchema } from '../../lib/gen/google/rpc/status_pb.js';
import { encodeEndStream } from '../../lib/protocol/connect/end-stream.js';
import { type ErrorJson, errorToJson } from '../../lib/protocol/connect/error-json.js';
import { parseGetRequest } from '../../lib/protocol/connect/get-request.js';
import { statusTrailers } from '../../lib/protocol/grpc/trailers.js';
import { Base64Decoder } from '../../lib/protocol/grpc-web/base64-decoder.js';
import { encodeTrailerFrame } from '../../lib/protocol/grpc-web/trailers.js';
import { decodeBase64 } from '../../lib/rpc/base64.js';
import { Code, codeToName } from '../../lib/rpc/code.js';
import { ConnectError } from '../../lib/rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../lib/rpc/headers.js';
import { canonicalContentType } from '../../lib/server/content-type.js';
import { EnvelopeReader, maxPayloadBytes } from '../../lib/wire/envelope-reader.js';
import { appendHeaders, isReservedHeader } from '../../lib/wire/metadata-headers.js';
import { chunked } from './arbitraries.js';
import { fuzz } from './settings.js';

const { parameters, timeoutMs } = fuzz(300, 0.03);
jest.setTimeout(timeoutMs);

/** Any UTF-16, half surrogate pairs included. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 10 })
    .map((units) => String.fromCharCode(...units)),
  fc.constantFrom('a\r\nset-cookie: b', '%', '\0', '\ud800', 'à', ' a ', '__proto__', '"'),
);
/** Without halves of surrogate pairs, as UTF-8 writes it. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

const anyName = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.-]{1,12}$/),
  fc.constantFrom('grpc-status', 'Content-Length', ':path', 'x-bin', '__proto__', 'constructor', 'trailer'),
  anyText,
);

/** Bags as an application makes them: what is refused at once is not in them. */
const bag = fc
  .array(fc.tuple(anyName, fc.oneof(anyText, fc.uint8Array({ maxLength: 9 }))), { maxLength: 6 })
  .map((pairs) => {
    const headers = new RpcHeaders();
    for (const [name, value] of pairs) {
      try {
        headers.append(name, value);
      } catch (error) {
        if (!(error instanceof TypeError)) {
          throw error;
        }
      }
    }
    return headers;
  });

const detail = fc.record({
  type: anyText.map(wellFormed),
  value: fc.uint8Array({ maxLength: 20 }),
});
const anyError = fc
  .record({
    message: anyText,
    code: fc.constantFrom(Code.Canceled, Code.Unknown, Code.Internal, Code.Unauthenticated),
    details: fc.array(detail, { maxLength: 3 }),
    metadata: bag,
  })
  .map(({ message, code, details, metadata }) => new ConnectError(message, { code, details, metadata }));

function expectHeaders(list: HeaderList): void {
  for (let i = 0; i < list.length; i += 2) {
    expect(list[i]).toMatch(/^[0-9a-z_.\-!#$%&'*+^`|~]+$/);
    expect(list[i + 1]).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/);
  }
}

/** Tries a property as long as the settings say. */
function check<T>(values: fc.Arbitrary<T>, property: (value: T) => void): void {
  fc.assert(fc.property(values, property), parameters);
}

describe('headers and trailers for any names, values and errors', () => {
  it('an application can add nothing that breaks a header block', () =>
    check(bag, (headers) => {
      expectHeaders(headers.toList());
      const list = appendHeaders([], headers);
      expect(list.filter((name, i) => i % 2 === 0 && isReservedHeader(name))).toEqual([]);
    }));

  it('what a peer sent can be read', () =>
    check(fc.array(fc.tuple(anyName, anyText)), (pairs) => {
      const headers = RpcHeaders.fromWire(pairs.flat());
      for (const [name] of pairs) {
        expect(headers.has(name)).toBe(!name.startsWith(':'));
        headers.getAllBinary(name);
      }
    }));

  it('a content type has a canonical form or none', () =>
    check(anyText, (text) => {
      const canonical = canonicalContentType(text);
      expect(canonical === undefined || canonicalContentType(canonical) === canonical).toBe(true);
    }));

  it('a gRPC status has one code, its message, and its details', () =>
    check(fc.tuple(anyError, bag), ([error, trailers]) => {
      const list = statusTrailers(error, trailers);
      expectHeaders(list);
      const headers = RpcHeaders.fromWire(list);
      expect(headers.getAll('grpc-status')).toEqual([String(error.code)]);
      expect(headers.getAll('grpc-message').map(decodeURIComponent)).toEqual([wellFormed(error.rawMessage)]);
      const details = headers.getBinary('grpc-status-details-bin');
      const status = details && fromBinary(StatusSchema, details);
      expect(status?.details.map(({ value }) => [...value]) ?? []).toEqual(
        error.details.map((each) => [...('desc' in each ? [] : each.value)]),
      );
    }));

  it('a gRPC-Web trailer frame holds the trailers, one in a line', () =>
    check(fc.tuple(anyError, bag), ([error, trailers]) => {
      const list = statusTrailers(error, trailers);
      const block = Buffer.from(encodeTrailerFrame(list)).toString('latin1', 5);
      const lines = block.split('\r\n').slice(0, -1);
      expect(
        lines.flatMap((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
      ).toEqual(list);
    }));
});

describe('Connect error JSON for any error', () => {
  it('is UTF-8 with code, message and details', () =>
    check(anyError, (error) => {
      const bytes = Buffer.from(JSON.stringify(errorToJson(error)), 'utf8');
      const { code, message = '', details = [] } = JSON.parse(bytes.toString('utf8')) as ErrorJson;
      expect([code, wellFormed(message)]).toEqual([codeToName(error.code), wellFormed(error.rawMessage)]);
      expect(details.map(({ type, value }) => ({ type, value: decodeBase64(value) }))).toEqual(
        error.details.map((each) =>
          'desc' in each ? {} : { type: each.type, value: Buffer.from(each.value) },
        ),
      );
    }));

  it('ends a stream with all metadata but the reserved', () =>
    check(fc.tuple(fc.option(anyError), bag), ([error, trailers]) => {
      const envelope = Buffer.from(encodeEndStream(error ?? undefined, trailers));
      expect([envelope[0], envelope.readUInt32BE(1)]).toEqual([2, envelope.byteLength - 5]);
      const { metadata = {} } = JSON.parse(envelope.toString('utf8', 5)) as {
        metadata?: Record<string, string[]>;
      };
      const sent = [...(error?.metadata ?? []), ...trailers].filter(([name]) => !isReservedHeader(name));
      expect(Object.values(metadata).flat().toSorted()).toEqual(sent.map(([, value]) => value).toSorted());
    }));
});

describe('the query of a Connect GET', () => {
  const part = fc.oneof(
    anyText,
    fc.constantFrom(
      'encoding=json',
      'message=%7B%7D',
      'base64=1',
      'message=-w%3D',
      '&',
      '=',
      '%zz',
      '%c3',
      '+',
    ),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => `message=${Buffer.from(bytes).toString('base64url')}`),
  );
  const anyQuery = fc.array(part, { maxLength: 6 }).map((parts) => parts.join('&'));

  it('is a request or the client’s mistake', () =>
    check(anyQuery, (query) => {
      expect(['request', Code.InvalidArgument]).toContain(outcomeOf(query));
    }));
});

/** @returns The code of the error; anything but a ConnectError is thrown on. */
function outcomeOf(query: string): 'request' | Code {
  try {
    const { encoding, message } = parseGetRequest(query);
    return typeof encoding === 'string' && message instanceof Uint8Array ? 'request' : Code.Unknown;
  } catch (error) {
    if (error instanceof ConnectError) {
      return error.code;
    }
    throw error;
  }
}

describe('gRPC-Web text', () => {
  const text = fc.oneof(
    fc
      .array(fc.uint8Array({ maxLength: 9 }), { maxLength: 5 })
      .map((flushes) => Buffer.from(flushes.map((bytes) => Buffer.from(bytes).toString('base64')).join(''))),
    fc.stringMatching(/^[A-Za-z0-9+/=\n!-]{0,24}$/).map((characters) => Buffer.from(characters)),
    fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes)),
  );

  it('is the same bytes, or none, wherever it is cut', () =>
    check(chunked(text), (chunks) => {
      expect(decodeText(chunks)).toEqual(decodeText([Buffer.concat(chunks)]));
    }));
});

/** @returns All bytes; `undefined` when the text is not base64. */
function decodeText(chunks: readonly Uint8Array[]): Buffer | undefined {
  const decoder = new Base64Decoder();
  const parts = [...chunks.map((chunk) => decoder.decode(chunk)), decoder.finish()];
  return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
}

describe('the envelope reader', () => {
  const LIMIT = 40;
  const prefixed = fc
    .tuple(
      fc.constantFrom(0, 1, 2, 0x80, 0xff),
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom(0, 0, 0, 1, 250),
    )
    .map(([flags, payload, excess]) => {
      const [high, low] = [payload.length === 7 ? 0xff : 0, payload.length + excess];
      return Buffer.concat([Buffer.from([flags, high, 0, low >> 8, low & 0xff]), payload]);
    });
  const bytes = fc.oneof(
    fc.array(prefixed, { maxLength: 4 }).map((parts) => Buffer.concat(parts)),
    fc.uint8Array({ maxLength: 30 }).map((raw) => Buffer.from(raw)),
  );

  it('finds the same in any bytes, wherever they are cut', () =>
    check(chunked(bytes), (chunks) => {
      const reader = new EnvelopeReader(LIMIT);
      const seen: unknown[] = [];
      try {
        for (const chunk of chunks) {
          reader.push(chunk);
          for (let payload = reader.read(); payload !== undefined; payload = reader.read()) {
            seen.push([reader.flags, [...payload]]);
          }
        }
        seen.push(reader.isMidEnvelope ? 'cut' : 'end');
      } catch (error) {
        seen.push(codeToName((error as ConnectError).code));
      }
      expect(seen).toEqual(envelopesIn(Buffer.concat(chunks), LIMIT));
    }));
});

/** The same, from the whole, as the specification has it. */
function envelopesIn(bytes: Buffer, limit: number): unknown[] {
  const seen: unknown[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < 5) {
      return [...seen, 'cut'];
    }
    const [flags, length] = [bytes.readUInt8(at), bytes.readUInt32BE(at + 1)];
    if (length > maxPayloadBytes(limit, flags)) {
      return [...seen, 'resource_exhausted'];
    }
    if (bytes.length - at - 5 < length) {
      return [...seen, 'cut'];
    }
    seen.push([flags, [...bytes.subarray(at + 5, at + 5 + length)]]);
    at += 5 + length;
  }
  return [...seen, 'end'];
}
