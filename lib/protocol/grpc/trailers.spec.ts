import { fromBinary } from '@bufbuild/protobuf';
import { DurationSchema, Int32ValueSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { StatusSchema } from '../../gen/google/rpc/status_pb.js';
import { Code, CODES } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { RpcHeaders } from '../../rpc/headers.js';
import { statusTrailers } from './trailers.js';

describe('statusTrailers (gRPC over HTTP/2, "Responses")', () => {
  it('is the status alone after a success', () => {
    expect(statusTrailers(undefined, undefined)).toEqual(['grpc-status', '0']);
  });

  it('is the status before the trailers of the application', () => {
    const trailers = new RpcHeaders([
      ['x-a', '1'],
      ['x-a', '2'],
      ['x-data-bin', Uint8Array.of(0xfb)],
    ]);
    expect(statusTrailers(undefined, trailers)).toEqual([
      'grpc-status',
      '0',
      'x-a',
      '1',
      'x-a',
      '2',
      'x-data-bin',
      '+w',
    ]);
  });

  it('does not keep the trailers of one call for the next', () => {
    statusTrailers(undefined, new RpcHeaders({ 'x-a': '1' }));
    expect(statusTrailers(undefined, undefined)).toEqual(['grpc-status', '0']);
  });

  it.each(CODES)('writes code %d in decimal, and the message', (code) => {
    expect(statusTrailers(new ConnectError('no', { code }), undefined)).toEqual([
      'grpc-status',
      String(code),
      'grpc-message',
      'no',
    ]);
  });

  it('percent-encodes the message', () => {
    expect(statusTrailers(new ConnectError('grün\n'), undefined)).toEqual([
      'grpc-status',
      '2',
      'grpc-message',
      'gr%C3%BCn%0A',
    ]);
  });

  it('adds the metadata of the error, then the trailers', () => {
    const error = new ConnectError('', { code: Code.Aborted, metadata: { 'x-a': 'error' } });
    expect(statusTrailers(error, new RpcHeaders({ 'x-a': 'trailer' }))).toEqual([
      'grpc-status',
      '10',
      'grpc-message',
      '',
      'x-a',
      'error',
      'x-a',
      'trailer',
    ]);
  });

  it('drops reserved names, so that there is one status', () => {
    const wire = [
      'grpc-status',
      '0',
      'grpc-message',
      'x',
      'grpc-status-details-bin',
      'y',
      'content-type',
      'z',
    ];
    const error = new ConnectError('no', { metadata: RpcHeaders.fromWire(wire) });
    expect(statusTrailers(error, RpcHeaders.fromWire(wire))).toEqual([
      'grpc-status',
      '2',
      'grpc-message',
      'no',
    ]);
  });
});

function detailsOf(error: ConnectError): string | undefined {
  const list = statusTrailers(error, undefined);
  const at = list.indexOf('grpc-status-details-bin');
  return at === -1 ? undefined : list[at + 1];
}

describe('statusTrailers: details (gRPC, richer error model)', () => {
  it.each([
    [6, true],
    [5, false],
  ])('with a send limit of %d bytes sends six bytes of details: %s', (limit, isSent) => {
    const error = new ConnectError('', { details: [{ type: 'a.B', value: new Uint8Array(6) }] });
    expect(statusTrailers(error, undefined, limit).includes('grpc-status-details-bin')).toBe(isSent);
  });

  const duration = { desc: DurationSchema, value: { seconds: 3n } };

  it('are a google.rpc.Status in unpadded base64, with the same code and message', () => {
    const header = detailsOf(new ConnectError('grün', { code: Code.NotFound, details: [duration] })) ?? '';
    expect(header).toMatch(/^[A-Za-z0-9+/]+$/);
    expect(fromBinary(StatusSchema, Buffer.from(header, 'base64'))).toMatchObject({
      code: 5,
      message: 'grün',
      details: [
        { typeUrl: 'type.googleapis.com/google.protobuf.Duration', value: Uint8Array.from([0x08, 0x03]) },
      ],
    });
  });

  it('are these bytes', () => {
    const detail = { type: 'a.B', value: Uint8Array.of(1) };
    // 08 05: code; 12 01 6e: message "n"; 1a ..: an Any with its URL and one byte.
    const bytes = Buffer.concat([
      Buffer.from([0x08, 0x05, 0x12, 0x01, 0x6e, 0x1a, 0x1c, 0x0a, 0x17]),
      Buffer.from('type.googleapis.com/a.B'),
      Buffer.from([0x12, 0x01, 0x01]),
    ]);
    const error = new ConnectError('n', { code: Code.NotFound, details: [detail] });
    expect(detailsOf(error)).toBe(bytes.toString('base64').replaceAll('=', ''));
  });

  it('keep their order, and relay bytes of types that are not known', () => {
    const details = [{ type: 'acme.v1.B', value: Uint8Array.of(0xff) }, duration];
    const header = detailsOf(new ConnectError('', { details })) ?? '';
    const status = fromBinary(StatusSchema, Buffer.from(header, 'base64'));
    expect(status.details.map(({ typeUrl, value }) => [typeUrl, [...value]])).toEqual([
      ['type.googleapis.com/acme.v1.B', [0xff]],
      ['type.googleapis.com/google.protobuf.Duration', [8, 3]],
    ]);
  });

  it('are left out when there are none', () => {
    expect(detailsOf(new ConnectError('no'))).toBeUndefined();
  });

  it('are left out when they do not fit their type, the others stay', () => {
    const broken = { desc: Int32ValueSchema, value: { value: 2 ** 40 } };
    expect(detailsOf(new ConnectError('no', { details: [broken] }))).toBeUndefined();
    expect(detailsOf(new ConnectError('no', { details: [broken, duration] }))).toBe(
      detailsOf(new ConnectError('no', { details: [duration] })),
    );
  });
});
