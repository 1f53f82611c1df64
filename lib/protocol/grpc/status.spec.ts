import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { StatusSchema } from '../../gen/google/rpc/status_pb.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { outcomeWithoutTrailers, readOutcome, splitTrailersOnly } from './status.js';
import { statusTrailers } from './trailers.js';

const HEADERS = ['content-type', 'application/grpc', 'x-h', '1'];

function read(trailers: HeaderList): ConnectError | undefined {
  return readOutcome(HEADERS, trailers, false).error;
}

/** A `grpc-status-details-bin` header. */
function statusHeader(status: MessageInitShape<typeof StatusSchema>, isPadded = false): HeaderList {
  const text = Buffer.from(toBinary(StatusSchema, create(StatusSchema, status))).toString('base64');
  return ['grpc-status-details-bin', isPadded ? text : text.replaceAll('=', '')];
}

describe('readOutcome (gRPC over HTTP/2, "Responses")', () => {
  it.each([
    [true, ['x-a', '1', 'x-a', '2']],
    [false, undefined],
  ])('is a success for status 0, with trailers when they are wanted: %s', (wantsTrailers, trailers) => {
    const outcome = readOutcome(HEADERS, ['x-a', '1', 'grpc-status', '0', 'x-a', '2'], wantsTrailers);
    expect([outcome.error, outcome.trailers?.toList()]).toEqual([undefined, trailers]);
  });

  it.each([
    ['1', Code.Canceled],
    ['16', Code.Unauthenticated],
    ['17', Code.Unknown],
    ['4294967296', Code.Unknown],
    ['99999999999999999999999', Code.Unknown],
  ])('reads status %s as code %d, with the text of the server', (status, code) => {
    expect(read(['grpc-status', status, 'grpc-message', 'no%25'])).toMatchObject({ code, rawMessage: 'no%' });
  });

  it.each(['', '00', '01', '-1', '+5', '5.0', '0x5', '5 ', ' 5', '5, 5', '٣', 'NOT_FOUND'])(
    'says unknown for the status %j, and quotes it',
    (status) => {
      expect(read(['grpc-status', status])).toMatchObject({
        code: Code.Unknown,
        rawMessage: `grpc-status is "${status}"`,
      });
      expect(read(['grpc-status', status, 'grpc-message', 'why'])?.rawMessage).toBe(
        `grpc-status is "${status}": why`,
      );
    },
  );

  it('says unknown without a status', () => {
    expect(read(['grpc-message', 'why'])).toMatchObject({
      code: Code.Unknown,
      rawMessage: 'the trailers have no grpc-status: why',
    });
  });

  it('has headers, then trailers without the three of gRPC, as the metadata of an error from the wire', () => {
    const trailers = ['x-t', '1', 'grpc-status', '5', 'grpc-message', 'no', ...statusHeader({}), 'x-t', '2'];
    const { error, trailers: told } = readOutcome(HEADERS, trailers, false);
    expect([error?.metadata.toList(), told?.toList(), error?.fromWire]).toEqual([
      [...HEADERS, 'x-t', '1', 'x-t', '2'],
      ['x-t', '1', 'x-t', '2'],
      true,
    ]);
  });

  it('reads more trailers than a call has arguments', () => {
    const trailers = [...Array.from({ length: 600_000 }, () => 'grpc-message'), 'grpc-status', '5'];
    expect(read(trailers)?.code).toBe(Code.NotFound);
    expect(read([...Array.from({ length: 600_000 }, () => 'x'), 'grpc-status', '5'])?.metadata.size).toBe(
      300_002,
    );
  });
});

describe('readOutcome: details (gRPC, richer error model)', () => {
  const detail = { typeUrl: 'type.googleapis.com/acme.v1.Thing', value: Uint8Array.of(1) };
  const full = { code: 9, message: 'from the status', details: [detail] };

  it.each([true, false])('reads them with code and message, padded: %s', (isPadded) => {
    const error = read(['grpc-status', '5', 'grpc-message', 'header', ...statusHeader(full, isPadded)]);
    expect(error).toMatchObject({ code: 9, rawMessage: 'from the status' });
    expect(error?.details).toEqual([{ type: 'acme.v1.Thing', value: Buffer.from([1]) }]);
  });

  it('needs the padding that it tests', () => {
    expect(statusHeader(full, true)[1]).toMatch(/=$/);
  });

  it.each([
    ['acme.v1.Thing', 'acme.v1.Thing'],
    ['/acme.v1.Thing', 'acme.v1.Thing'],
    ['https://example.com/types/acme.v1.Thing', 'acme.v1.Thing'],
    ['', ''],
  ])('takes the type %j for %j', (typeUrl, type) => {
    const details = [{ typeUrl, value: new Uint8Array(0) }, detail];
    expect(read(['grpc-status', '5', ...statusHeader({ details })])?.details).toMatchObject([
      { type },
      { type: 'acme.v1.Thing' },
    ]);
  });

  it('keeps code and text of the headers where the status has none', () => {
    const trailers = ['grpc-status', '5', 'grpc-message', 'header', ...statusHeader({ details: [detail] })];
    expect(read(trailers)).toMatchObject({ code: 5, rawMessage: 'header', details: [{}] });
    expect(read(['grpc-status', '5', ...statusHeader({ code: 17 })])?.code).toBe(5);
  });

  it.each(['', 'no base64!', 'A', '////', 'CA', 'AAAA, AAAA'])('ignores what is none: %j', (header) => {
    const trailers = ['grpc-status', '5', 'grpc-message', 'header', 'grpc-status-details-bin', header];
    expect(read(trailers)).toMatchObject({ code: 5, rawMessage: 'header', details: [] });
  });

  it('reads what this library writes', () => {
    const error = new ConnectError('grün\n', {
      code: Code.Aborted,
      details: [{ type: 'a.B', value: Uint8Array.of(0xff) }],
      metadata: { 'x-a': '1' },
    });
    const { code, rawMessage, details, metadata } =
      readOutcome([], statusTrailers(error, undefined), false).error ?? new ConnectError('');
    expect([code, rawMessage, metadata.toList()]).toEqual([error.code, error.rawMessage, ['x-a', '1']]);
    expect(details).toEqual([{ type: 'a.B', value: Buffer.from([0xff]) }]);
  });
});

describe('outcomeWithoutTrailers', () => {
  it('is internal, and keeps the headers for whoever looks for the cause', () => {
    const { error, trailers } = outcomeWithoutTrailers(HEADERS);
    expect([error?.code, error?.metadata.toList(), trailers]).toEqual([Code.Internal, HEADERS, undefined]);
  });
});

describe('splitTrailersOnly (gRPC over HTTP/2, "Trailers-Only")', () => {
  it('leaves the content type, and nothing else', () => {
    expect(splitTrailersOnly(['x-a', 'content-type', 'content-type', 'y', 'grpc-status', '0'])).toEqual({
      headers: ['content-type', 'y'],
      trailers: ['x-a', 'content-type', 'grpc-status', '0'],
    });
  });
});
