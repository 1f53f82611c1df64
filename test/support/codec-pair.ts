/**
 * The generated codec against protobuf-es: types, bytes and objects to try, and the comparison.
 */
import { deepStrictEqual, strictEqual } from 'node:assert';
import { create, type DescMessage, toBinary } from '@bufbuild/protobuf';
import {
  AnySchema,
  ApiSchema,
  DurationSchema,
  EmptySchema,
  FieldMaskSchema,
  FileDescriptorProtoSchema,
  ListValueSchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
  TypeSchema,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import { compileDecoder } from '../../lib/codec/compiled-decoder.js';
import { compileEncoder } from '../../lib/codec/compiled-encoder.js';
import { reflectingDecoder, reflectingEncoder } from '../../lib/codec/proto-codec.js';
import { StatusSchema } from '../../lib/gen/google/rpc/status_pb.js';
import { SayRequestSchema } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { everyFieldKind, pick, type Random, randomInit, SYNTAXES } from './field-kinds.js';

export function testTypes(): DescMessage[] {
  return [
    ...SYNTAXES.flatMap((syntax) => [...everyFieldKind(syntax).values()]),
    FileDescriptorProtoSchema,
    TimestampSchema,
    DurationSchema,
    AnySchema,
    EmptySchema,
    FieldMaskSchema,
    StructSchema,
    ValueSchema,
    ListValueSchema,
    StringValueSchema,
    TypeSchema,
    ApiSchema,
    StatusSchema,
    SayRequestSchema,
  ];
}

/** The generated codec of a type beside protobuf-es; it counts what it leaves to the other. */
export class CodecPair {
  deferrals = 0;
  readonly #reflectDecode: (bytes: Uint8Array) => unknown;
  readonly #reflectEncode: (message: unknown, headroomBytes: number) => Uint8Array;
  readonly decode;
  readonly encode;

  constructor(desc: DescMessage) {
    const decode = reflectingDecoder(desc);
    const encode = reflectingEncoder(desc);
    this.#reflectDecode = decode;
    this.#reflectEncode = encode;
    this.decode = compileDecoder(desc, (bytes) => {
      this.deferrals++;
      return decode(bytes);
    });
    this.encode = compileEncoder(desc, (message, headroomBytes) => {
      this.deferrals++;
      return encode(message, headroomBytes);
    });
  }

  /** @returns Whether there was a message. */
  expectSameMessage(bytes: Uint8Array): boolean {
    return expectSame(
      () => this.decode(bytes),
      () => this.#reflectDecode(bytes),
    );
  }

  /** @returns Whether there were bytes. */
  expectSameBytes(message: unknown): boolean {
    return expectSame(
      () => Buffer.from(this.encode(message, 0)),
      () => Buffer.from(this.#reflectEncode(message, 0)),
    );
  }
}

/** @returns Whether there was a result, and not an error. */
function expectSame(actual: () => unknown, expected: () => unknown): boolean {
  const [one, other] = [outcomeOf(actual), outcomeOf(expected)];
  deepStrictEqual(one, other);
  strictEqual(keysOf(one), keysOf(other));
  return 'value' in other;
}

function outcomeOf(run: () => unknown): { value: unknown } | { error: string } {
  try {
    return { value: run() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** As text, for the order of the keys. */
function keysOf(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
}

/** A random message of the type, as protobuf-es writes it. */
export function bytesOf(desc: DescMessage, random: Random): Buffer {
  return Buffer.from(toBinary(desc, create(desc, randomInit(desc, random))));
}

const ODD_BYTES = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x7f, 0x80, 0x0b, 0x0c, 0xff, 0xc0, 0xed];

/** @returns The bytes with something wrong in them, or twice, or missing; now and then a valid message again. */
export function corrupt(bytes: Buffer, random: Random): Buffer {
  const at = Math.floor(random() * bytes.length);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (Math.floor(random() * 6)) {
    case 0:
      return head;
    case 1:
      return Buffer.concat([head, Buffer.from([pick(random, ODD_BYTES)]), tail.subarray(1)]);
    case 2:
      return Buffer.concat([head, Buffer.from([random() * 256, random() * 256]), tail]);
    case 3:
      return Buffer.concat([head, tail.subarray(1 + random() * 4)]);
    case 4:
      return Buffer.concat([bytes, bytes.subarray(at, at + random() * 20)]);
    default: {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ (1 << (random() * 8));
      return copy;
    }
  }
}

/** Puts something odd into an object, or into one within it. */
export function makeOdd(value: object, desc: DescMessage, random: Random): void {
  const record = value as Record<string, unknown>;
  const keys = [
    ...Object.keys(record),
    ...Array.from({ length: 2 }, () => pick(random, desc.members)?.localName ?? 'none'),
    ...(random() < 0.1 ? ['$typeName', '$unknown', 'none'] : []),
  ].filter((key) => key !== '$typeName' || random() < 0.2);
  const key = pick(random, keys) ?? 'none';
  const child = record[key];
  if (typeof child === 'object' && child !== null && random() < 0.7) {
    makeOdd(child, desc, random);
  } else if (Array.isArray(record)) {
    record[Math.floor(random() * 3)] = oddValue(random);
  } else if (!(value instanceof Uint8Array)) {
    record[key] = oddValue(random);
  }
}

function oddValue(random: Random): unknown {
  return pick(random, pick(random, ODD_VALUES)());
}

/** Made anew each time: they are changed again. */
const ODD_VALUES: readonly (() => unknown[])[] = [
  () => [undefined, null, true, false, '', 'text', 'true', '\ud800', 'a\udc00b', Symbol('odd')],
  () => [0, -0, 1, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 32, -(2 ** 31) - 1, 1e39],
  () => ['0', '-1', ' 5', '0x10', '1.5', '18446744073709551616'],
  () => [0n, -1n, 2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n - 1n, 2n ** 64n],
  () => [
    [],
    [1],
    ['a'],
    [undefined],
    [[]],
    [{}],
    [1, 'a'],
    [1n, -1n],
    [true, 'false'],
    Array.from({ length: 2 }),
  ],
  () => [{}, { a: 1 }, { a: 'text' }, { a: undefined }, { '': 'a' }, { true: 'a', false: 'b' }],
  () => [
    { 1: 'a' },
    { '01': 'a' },
    { ' 1 ': 'a' },
    { 1.5: 'a' },
    { '-1': 'a' },
    { '0x10': 'b' },
    { 99999999999: 'a' },
  ],
  () => [{ case: undefined }, { case: 'none', value: 1 }, { case: 5 }, { case: 'leafCase' }],
  () => [
    { case: 'leafCase', value: {} },
    { case: 'int32Case', value: 'text' },
    { case: 'int32Case', value: 5 },
  ],
  () => [
    new Uint8Array(3),
    Buffer.from('abc'),
    new Int32Array(2),
    new Map([['a', 1]]),
    new Set([1]),
    new Date(0),
  ],
  () => [() => undefined, /a/, Object.create(null), Object.create({ text: 'inherited' })],
  () => [
    create(TimestampSchema, { nanos: 1 }),
    create(EmptySchema),
    { $typeName: undefined },
    { $typeName: 5 },
  ],
  () =>
    ['none', 'fields.proto2.Leaf', 'fields.proto3.Leaf', 'fields.editions.Leaf'].map(($typeName) => ({
      $typeName,
    })),
  () => [[{ no: 9, wireType: 0, data: Uint8Array.of(1) }], [{ no: 9, wireType: 0, data: [1] }], [null]],
  () => [{ text: 'a', $unknown: [{ no: 9, wireType: 0, data: Uint8Array.of(1) }] }],
  () => [JSON.parse('{"__proto__": "a"}'), JSON.parse('{"__proto__": {"text": "a"}}')],
];
