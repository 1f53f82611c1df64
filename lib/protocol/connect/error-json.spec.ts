import { anyPack, AnySchema, DurationSchema, Int32ValueSchema, StructSchema } from '@bufbuild/protobuf/wkt';
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { Code, CODES, codeToName } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { RpcHeaders } from '../../rpc/headers.js';
import { errorFromJson, errorToJson } from './error-json.js';

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

function read(json: Readonly<Record<string, unknown>>): ConnectError {
  return errorFromJson(json, { fallbackCode: Code.DataLoss, metadata: new RpcHeaders({ 'x-a': '1' }) });
}

describe('errorFromJson (Connect protocol, "Error Codes")', () => {
  it.each(CODES)('reads code %d by its name', (code) => {
    expect(read({ code: codeToName(code) }).code).toBe(code);
  });

  it.each([undefined, null, 'foobar', 'NOT_FOUND', 'CODE_NOT_FOUND', '', 5, {}, '__proto__'])(
    'takes the fallback for the code %j, and keeps the rest',
    (code) => {
      const error = read({ code, message: 'oops', details: [{ type: 'a.B', value: '' }] });
      expect([error.code, error.rawMessage, error.details.length]).toEqual([Code.DataLoss, 'oops', 1]);
    },
  );

  it.each([undefined, null, 17, ['x'], {}])('reads the message %j as none', (message) => {
    expect(read({ code: 'aborted', message }).rawMessage).toBe('');
  });

  it('is an error from the wire, with its metadata', () => {
    const error = read({ code: 'aborted' });
    expect([error.fromWire, error.metadata.toList()]).toEqual([true, ['x-a', '1']]);
  });

  it('reads what errorToJson writes', () => {
    const details = [{ desc: DurationSchema, value: { seconds: 3n } }];
    const written = errorToJson(new ConnectError('grün', { code: Code.Aborted, details }));
    const error = read({ ...written });
    expect(error).toMatchObject({ code: Code.Aborted, rawMessage: 'grün' });
    expect(error.findDetails(DurationSchema)).toMatchObject([{ seconds: 3n }]);
  });
});

describe('errorFromJson (Connect protocol, "Error Details")', () => {
  const kept = { type: 'a.B', value: Buffer.from([0xfb]) };

  it.each<[string, unknown]>([
    ['unpadded', { type: 'a.B', value: '+w' }],
    ['padded', { type: 'a.B', value: '+w==' }],
    ['with a URL in front of its type', { type: 'type.googleapis.com/a.B', value: '+w' }],
    ['with debug that is garbage', { type: 'a.B', value: '+w', debug: 'garbage' }],
    ['with other fields', { type: 'a.B', value: '+w', frob: 'nitz' }],
  ])('reads a detail %s as its bytes, whatever its type is', (_, detail) => {
    expect(read({ details: [detail] }).details).toEqual([kept]);
  });

  it.each([
    null,
    17,
    'text',
    [],
    {},
    { type: 'a.B' },
    { value: '+w' },
    { type: 1, value: '+w' },
    { type: 'a.B', value: '*' },
  ])('leaves out %j, which is no detail, and keeps the others', (detail) => {
    expect(read({ details: [detail, { type: 'a.B', value: '+w' }] }).details).toEqual([kept]);
  });

  it.each([undefined, null, 'text', 17, {}])('reads the details %j as none', (details) => {
    expect(read({ details }).details).toEqual([]);
  });
});
