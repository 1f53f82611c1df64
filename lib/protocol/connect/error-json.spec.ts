import { anyPack, AnySchema, DurationSchema, Int32ValueSchema, StructSchema } from '@bufbuild/protobuf/wkt';
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { Code, CODES, codeToName } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { errorToJson } from './error-json.js';

function jsonOf(error: ConnectError): string {
  return JSON.stringify(errorToJson(error));
}

describe('errorToJson (Connect protocol, "Error Codes")', () => {
  it.each(CODES)('names code %d', (code) => {
    expect(jsonOf(new ConnectError('', { code }))).toBe(`{"code":"${codeToName(code)}"}`);
  });

  it('writes the message without the code in front', () => {
    expect(jsonOf(new ConnectError('no such order', { code: Code.NotFound }))).toBe(
      '{"code":"not_found","message":"no such order"}',
    );
  });

  it.each(['"quoted" \\ \n', 'grüße ☺ 😀', '\u2028\u0000'])('keeps the text %j', (message) => {
    expect(JSON.parse(jsonOf(new ConnectError(message)))).toEqual({ code: 'unknown', message });
  });

  it('writes nothing of cause and metadata', () => {
    const error = new ConnectError('x', { cause: new Error('secret'), metadata: { 'x-secret': 'secret' } });
    expect(jsonOf(error)).toBe('{"code":"unknown","message":"x"}');
  });
});

describe('errorToJson (Connect protocol, "Error Details")', () => {
  const base = { code: 'unknown', message: 'x' };

  it('writes a detail that was made here with its type, unpadded base64 and debug JSON', () => {
    const error = new ConnectError('x', { details: [{ desc: DurationSchema, value: { seconds: 3n } }] });
    expect(jsonOf(error)).toBe(
      '{"code":"unknown","message":"x","details":' +
        '[{"type":"google.protobuf.Duration","value":"CAM","debug":"3s"}]}',
    );
  });

  it.each([
    [[0xfb], '+w'],
    [[0xfb, 0xff], '+/8'],
    [[0xfb, 0xff, 0xfe], '+//+'],
    [[], ''],
  ])('relays the bytes %j of a detail from the wire as %j, without debug', (bytes, value) => {
    const detail = { type: 'acme.v1.Unknown', value: Uint8Array.from(bytes) };
    expect(errorToJson(new ConnectError('x', { details: [detail] }))).toEqual({
      ...base,
      details: [{ type: 'acme.v1.Unknown', value }],
    });
  });

  it('keeps the order of details', () => {
    const details = [
      { type: 'b', value: new Uint8Array(0) },
      { desc: StructSchema, value: { fields: {} } },
      { type: 'a', value: new Uint8Array(0) },
    ];
    expect(errorToJson(new ConnectError('x', { details })).details?.map(({ type }) => type)).toEqual([
      'b',
      'google.protobuf.Struct',
      'a',
    ]);
  });

  it('leaves debug out of an Any whose type is not known here', () => {
    const any = anyPack(DurationSchema, create(DurationSchema, { seconds: 3n }));
    const error = new ConnectError('x', { details: [{ desc: AnySchema, value: any }] });
    const [detail] = errorToJson(error).details ?? [];
    expect(detail).toEqual({ type: 'google.protobuf.Any', value: expect.stringMatching(/^[A-Za-z0-9+/]+$/) });
    expect(detail).not.toHaveProperty('debug');
  });

  it('leaves out a detail that does not fit its type, and keeps the others', () => {
    const details = [
      { desc: Int32ValueSchema, value: { value: 2 ** 40 } },
      { desc: Int32ValueSchema, value: { value: 7 } },
    ];
    expect(errorToJson(new ConnectError('x', { details }))).toEqual({
      ...base,
      details: [{ type: 'google.protobuf.Int32Value', value: 'CAc', debug: 7 }],
    });
  });

  it('leaves the list out when none is left', () => {
    const details = [{ desc: Int32ValueSchema, value: { value: 2 ** 40 } }];
    expect(errorToJson(new ConnectError('x', { details }))).toEqual(base);
  });

  it.each([
    [8, 1],
    [7, 0],
  ])('with a send limit of %d bytes keeps %d details of eight characters', (limit, count) => {
    const error = new ConnectError('', { details: [{ type: 'a.B', value: new Uint8Array(6) }] });
    expect(errorToJson(error, limit).details ?? []).toHaveLength(count);
  });
});
