import { create, toBinary } from '@bufbuild/protobuf';
import {
  DurationSchema,
  EmptySchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { protoCodec } from './proto-codec.js';

const encode = protoCodec.encoder(DurationSchema);
const decode = protoCodec.decoder(DurationSchema);

describe('protoCodec', () => {
  it('is named as in content types', () => {
    expect(protoCodec.name).toBe('proto');
  });

  it('reads what it writes', () => {
    const message = create(DurationSchema, { seconds: 5n, nanos: 7 });
    expect(Buffer.from(encode(message, 0))).toEqual(Buffer.from([0x08, 5, 0x10, 7]));
    expect(decode(encode(message, 0))).toEqual(message);
  });

  it('reads no bytes as a message with defaults, a new one each time', () => {
    const first = decode(new Uint8Array());
    expect(first).toEqual(create(DurationSchema));
    expect(decode(new Uint8Array())).not.toBe(first);
  });

  it('ignores and keeps unknown fields', () => {
    const bytes = Buffer.from([0x08, 5, 0x7a, 1, 0x41]);
    expect(decode(bytes)).toMatchObject({ seconds: 5n });
    expect(Buffer.from(encode(decode(bytes), 0))).toEqual(bytes);
  });

  it('takes a plain object with the fields of the message', () => {
    expect(Buffer.from(encode({ seconds: 5n, nanos: 7 }, 0))).toEqual(Buffer.from([0x08, 5, 0x10, 7]));
    expect(encode({}, 0)).toHaveLength(0);
  });

  it.each([0, 1, 5, 100])('leaves %d bytes of headroom before the message', (headroomBytes) => {
    const message = create(DurationSchema, { seconds: 5n });
    const encoded = encode(message, headroomBytes);
    expect(encoded).toHaveLength(headroomBytes + 2);
    expect(Buffer.from(encoded.subarray(headroomBytes))).toEqual(
      Buffer.from(toBinary(DurationSchema, message)),
    );
    expect(protoCodec.encoder(EmptySchema)({}, headroomBytes)).toHaveLength(headroomBytes);
  });

  it.each<[string, unknown]>([
    ['another message', create(TimestampSchema)],
    ['undefined', undefined],
    ['null', null],
    ['a string', 'text'],
    ['a number', 5],
    ['a function', () => undefined],
  ])('does not write %s, and says what it expected', (_, value) => {
    expect(() => encode(value, 0)).toThrow('expected a message google.protobuf.Duration');
  });

  it.each<[string, unknown]>([
    ['text in an int64', { seconds: 'soon' }],
    ['a fraction in an int32', { nanos: 1.5 }],
    ['too large an int32', { nanos: 2 ** 31 }],
  ])('does not write %s', (_, value) => {
    expect(() => encode(value, 0)).toThrow(/^cannot encode field google\.protobuf\.Duration\./);
  });

  it.each<[string, number[], string]>([
    ['a truncated varint', [0x08, 0xff], 'premature EOF'],
    ['a truncated string', [0x0a, 10, 0x41], 'premature EOF'],
    ['field number zero', [0x00, 1], 'illegal tag'],
    ['text', [...Buffer.from('{"seconds":5}')], 'premature EOF'],
  ])('does not read %s', (_, bytes, text) => {
    expect(() => decode(Uint8Array.from(bytes))).toThrow(text);
  });

  it('does not read a string that is not UTF-8', () => {
    expect(() => protoCodec.decoder(StringValueSchema)(Uint8Array.of(0x0a, 1, 0xff))).toThrow('utf-8');
  });

  it('throws an Error for 10,000 levels of nesting, and does not crash', () => {
    expect(() => protoCodec.decoder(StructSchema)(nestedStruct(10_000))).toThrow('recursion depth');
  });
});

/** `{ "": { "": … } }` as a Struct: fields(1) = { value(2) = { struct_value(5) = … } }. */
function nestedStruct(depth: number): Uint8Array {
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    for (const tag of [0x2a, 0x12, 0x0a]) {
      const head = Buffer.from([tag, ...varint(length)]);
      parts.push(head);
      length += head.length;
    }
  }
  return Buffer.concat(parts.toReversed());
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
