import { create, createRegistry } from '@bufbuild/protobuf';
import {
  anyPack,
  AnySchema,
  DurationSchema,
  EmptySchema,
  Field_Cardinality,
  FieldSchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { createJsonCodec, type JsonOptions } from './json-codec.js';

const codec = createJsonCodec();

function write(value: unknown, options?: JsonOptions): string {
  return Buffer.from(createJsonCodec(options).encoder(FieldSchema)(value, 0)).toString();
}

function read(text: string | Uint8Array, options?: JsonOptions): unknown {
  return createJsonCodec(options).decoder(FieldSchema)(Buffer.from(text));
}

describe('the JSON codec', () => {
  it('is named as in content types', () => {
    expect(codec.name).toBe('json');
  });

  it('reads what it writes', () => {
    const message = create(FieldSchema, {
      name: 'grün 😀 "x"',
      number: 5,
      jsonName: 'gruen',
      cardinality: Field_Cardinality.REPEATED,
    });
    expect(write(message)).toBe(
      '{"cardinality":"CARDINALITY_REPEATED","number":5,"name":"grün 😀 \\"x\\"","jsonName":"gruen"}',
    );
    expect(read(write(message))).toEqual(message);
  });

  it.each<[JsonOptions, string]>([
    [{}, '{"cardinality":"CARDINALITY_REPEATED","jsonName":"a"}'],
    [{ enumAsInteger: true }, '{"cardinality":3,"jsonName":"a"}'],
    [{ useProtoFieldName: true }, '{"cardinality":"CARDINALITY_REPEATED","json_name":"a"}'],
  ])('writes with %j as %s', (options, text) => {
    expect(write({ cardinality: Field_Cardinality.REPEATED, jsonName: 'a' }, options)).toBe(text);
    expect(read(text, options)).toMatchObject({ cardinality: Field_Cardinality.REPEATED, jsonName: 'a' });
  });

  it('writes defaults when it is told to', () => {
    expect(JSON.parse(write({}, { alwaysEmitImplicit: true }))).toMatchObject({
      number: 0,
      name: '',
      packed: false,
    });
    expect(write({})).toBe('{}');
  });

  it('ignores unknown fields, unless it is told not to', () => {
    expect(read('{"name":"a","new":{"x":[1]}}')).toMatchObject({ name: 'a' });
    expect(() => read('{"name":"a","new":1}', { ignoreUnknownFields: false })).toThrow('new');
  });

  it('knows the types of Any that it is given', () => {
    const any = anyPack(DurationSchema, create(DurationSchema, { seconds: 5n }));
    const text = '{"value":"5s","@type":"type.googleapis.com/google.protobuf.Duration"}';
    const knowing = createJsonCodec({ registry: createRegistry(DurationSchema) });
    expect(Buffer.from(knowing.encoder(AnySchema)(any, 0)).toString()).toBe(text);
    expect(knowing.decoder(AnySchema)(Buffer.from(text))).toEqual(any);
    expect(() => codec.encoder(AnySchema)(any, 0)).toThrow('not in the type registry');
    expect(() => codec.decoder(AnySchema)(Buffer.from(text))).toThrow('not in the type registry');
  });

  it.each<[string, number[]]>([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a truncated sequence', [0xe2, 0x82]],
    ['0xFF', [0xff]],
  ])('rejects %s, which is not UTF-8', (_, bytes) => {
    const text = Buffer.concat([Buffer.from('{"name":"a'), Buffer.from(bytes), Buffer.from('"}')]);
    expect(() => read(text)).toThrow('not valid for encoding utf-8');
  });

  it.each(['\ufffd', 'before \ufffd after', '😀\ufffd'])('accepts a literal U+FFFD in %j', (name) => {
    expect(read(JSON.stringify({ name }))).toMatchObject({ name });
  });

  it('rejects a byte order mark, as JSON does', () => {
    expect(() => read('\ufeff{}')).toThrow('is not valid JSON');
    expect(() => read('\ufeff{"name":"\ufffd"}')).toThrow('is not valid JSON');
  });

  it.each([
    '',
    '{',
    'null',
    '5',
    '"text"',
    '[]',
    '{"name":5}',
    '{"number":"x"}',
    '{"number":1.5}',
    '{} {}',
    '\u0000',
  ])('does not read %j', (text) => {
    expect(() => read(text)).toThrow(/^cannot decode (message|field) google\.protobuf\.Field/);
  });

  it.each([0, 1, 5, 100])('leaves %d bytes of headroom before the message', (headroomBytes) => {
    const encoded = codec.encoder(StringValueSchema)({ value: 'grün 😀' }, headroomBytes);
    expect(Buffer.from(encoded.subarray(headroomBytes)).toString()).toBe('"grün 😀"');
    expect(codec.encoder(EmptySchema)({}, headroomBytes)).toHaveLength(headroomBytes + 2);
  });

  it.each<[string, unknown]>([
    ['another message', create(TimestampSchema)],
    ['undefined', undefined],
    ['null', null],
    ['a string', '{}'],
  ])('does not write %s, and says what it expected', (_, value) => {
    expect(() => write(value)).toThrow('expected a message google.protobuf.Field');
  });

  it('does not write a field that does not fit', () => {
    expect(() => write({ number: 'x' })).toThrow('google.protobuf.Field.number');
    expect(() => codec.encoder(DurationSchema)({ seconds: 10n ** 15n }, 0)).toThrow('out of range');
  });

  it('throws an Error for 10,000 levels of nesting, and does not crash', () => {
    const text = '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000);
    expect(() => codec.decoder(StructSchema)(Buffer.from(text))).toThrow('recursion depth');
  });
});
