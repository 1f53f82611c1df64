/**
 * The generated decoders and encoders against protobuf-es: the same messages, bytes and errors for anything, and
 * generated code in fact for what is valid.
 */
import { spawnSync } from 'node:child_process';
import { create, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import {
  DurationSchema,
  EmptySchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  ListValueSchema,
  StringValueSchema,
  StructSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { bytesOf, CodecPair, corrupt, makeOdd, testTypes } from '../../test/support/codec-pair.js';
import {
  everyFieldKind,
  messagesOf,
  pick,
  type Random,
  randomFrom,
  randomInit,
} from '../../test/support/field-kinds.js';
import { protoCodec } from './proto-codec.js';

const SEED = 20_261_122;

const TYPES = testTypes().map((desc) => [desc.typeName, desc] as const);

function seeds(numRuns: number, property: (random: Random) => void): void {
  fc.assert(
    fc.property(fc.integer(), (seed) => property(randomFrom(seed))),
    { seed: SEED, numRuns },
  );
}

describe.each(TYPES)('%s', (name, desc) => {
  const codec = new CodecPair(desc);
  // Groups are left to protobuf-es, and types with a google.protobuf.Struct.
  const mayDefer = name.endsWith('.Grouped') || name.endsWith('.Structured');

  it('decodes what protobuf-es writes, without its help', () => {
    seeds(150, (random) => {
      const bytes = bytesOf(desc, random);
      expect(codec.expectSameMessage(bytes)).toBe(true);
      expect(codec.expectSameMessage(Uint8Array.from(bytes))).toBe(true);
    });
    expect(codec.deferrals > 0).toBe(mayDefer);
  });

  it('is strictly equal to a message of protobuf-es, for jest too', () => {
    seeds(10, (random) => {
      const bytes = bytesOf(desc, random);
      expect(codec.decode(bytes)).toStrictEqual(fromBinary(desc, bytes));
    });
  });

  it('encodes messages and objects as protobuf-es does, without its help', () => {
    codec.deferrals = 0;
    seeds(150, (random) => {
      const init = randomInit(desc, random);
      expect(codec.expectSameBytes(init)).toBe(true);
      expect(codec.expectSameBytes(create(desc, init))).toBe(true);
      expect(codec.expectSameBytes({ ...create(desc, init), $typeName: undefined })).toBe(true);
    });
    expect(codec.deferrals > 0).toBe(mayDefer);
  });

  it('merges what comes twice, and keeps unknown fields', () => {
    codec.deferrals = 0;
    seeds(100, (random) => {
      const unknown = pick(random, UNKNOWN_FIELDS);
      const bytes = Buffer.concat([bytesOf(desc, random), unknown, bytesOf(desc, random)]);
      expect(codec.expectSameMessage(bytes)).toBe(true);
      expect(codec.expectSameBytes(fromBinary(desc, bytes))).toBe(true);
    });
    expect(codec.deferrals > 0).toBe(mayDefer);
  });
});

/** Of field 100,000, with each wire type. */
const UNKNOWN_FIELDS = [
  '80ea3000',
  '80ea30ffff01',
  '81ea300102030405060708',
  '82ea3003616263',
  '85ea3001020304',
].map((hex) => Buffer.from(hex, 'hex'));

describe('bytes that are no message of the type', () => {
  const codecs = TYPES.map(([, desc]) => ({ desc, codec: new CodecPair(desc) }));
  const RUNS = 25_000;

  it('are the same message or error as for protobuf-es', () => {
    const counts = { messages: 0, errors: 0 };
    seeds(RUNS, (random) => {
      const { desc, codec } = pick(random, codecs);
      counts[codec.expectSameMessage(corrupt(bytesOf(desc, random), random)) ? 'messages' : 'errors']++;
    });
    const deferrals = codecs.reduce((sum, { codec }) => sum + codec.deferrals, 0);
    expect(counts.messages).toBeGreaterThan(RUNS / 10);
    expect(counts.errors).toBeGreaterThan(RUNS / 10);
    expect(deferrals).toBeGreaterThanOrEqual(counts.errors);
    expect(deferrals).toBeLessThan(RUNS * 0.9);
  });
});

describe('objects that do not fit the type', () => {
  const codecs = TYPES.map(([, desc]) => ({ desc, codec: new CodecPair(desc) }));
  const RUNS = 12_000;

  it.each(['init object', 'message'])('are the same bytes or error as for protobuf-es: %s', (kind) => {
    const counts = { bytes: 0, errors: 0 };
    seeds(RUNS, (random) => {
      const { desc, codec } = pick(random, codecs);
      const init = randomInit(desc, random);
      const value = kind === 'message' ? create(desc, init) : init;
      makeOdd(value, desc, random);
      counts[codec.expectSameBytes(value) ? 'bytes' : 'errors']++;
    });
    expect(counts.bytes).toBeGreaterThan(RUNS / 10);
    expect(counts.errors).toBeGreaterThan(RUNS / 10);
  });
});

const { Everything: EVERYTHING } = Object.fromEntries(everyFieldKind('proto3'));
const {
  Everything: OLD,
  Required: REQUIRED,
  Grouped: GROUPED,
} = Object.fromEntries(everyFieldKind('proto2'));

describe('protobuf-es decides about', () => {
  it.each([
    [20, 0],
    [31, 0],
    [32, 1],
    [49, 1],
    [60, 1],
  ])('%d lists within each other: %d deferrals', (depth, deferrals) => {
    const codec = new CodecPair(ListValueSchema);
    codec.expectSameMessage(nestedLists(depth));
    expect(codec.deferrals).toBe(deferrals);
  });

  it.each<[string, DescMessage | undefined, string]>([
    ['a text that is not UTF-8', StringValueSchema, '0a01ff'],
    ['another wire type than the field has', StringValueSchema, '0801'],
    ['field number zero', StringValueSchema, '0001'],
    ['a tag of more than 32 bits', StringValueSchema, '8a8080801001'],
    ['a group', StringValueSchema, '1314'],
    ['a group of the type', GROUPED, '0b0c'],
    ['a group that has a length instead', GROUPED, '0a00'],
    ['a group that ends', StringValueSchema, '14'],
    ['an unfinished varint', DurationSchema, '08ff'],
    ['a varint of eleven bytes for 64 bits', DurationSchema, '08ffffffffffffffffffff01'],
    ['a varint of eleven bytes for 32 bits', DurationSchema, '10ffffffffffffffffffff01'],
    ['a length beyond the end', StringValueSchema, '0a02'],
    ['a length beyond the end of the parent', ListValueSchema, '0a021a0261'],
    ['the key __proto__', StructSchema, '0a0d0a095f5f70726f746f5f5f1200'],
    ['an unknown field in a map entry', StructSchema, '0a051801120020'],
    ['an unknown value of a closed enum', OLD, '00'],
  ])('%s', (_, desc, hex) => {
    expect.hasAssertions();
    const type = desc as DescMessage;
    const codec = new CodecPair(type);
    codec.expectSameMessage(type === OLD ? unknownEnum(type) : Buffer.from(hex, 'hex'));
    expect(codec.deferrals).toBe(1);
  });

  it.each<[string, DescMessage | undefined, unknown]>([
    ['a missing required field', REQUIRED, { text: 'a' }],
    ['a group', GROUPED, { leaf: { text: 'a' } }],
    ['a typed array for a list', EVERYTHING, { int32List: Int32Array.of(1) }],
    ['an array for bytes', EVERYTHING, { bytesSingle: [1, 2] }],
    ['a number for a 64-bit integer', EVERYTHING, { int64Single: 5 }],
    ['a key that is no integer', EVERYTHING, { byInt32: { '': 'a' } }],
    ['a key that is an integer, but not as text of one', EVERYTHING, { byInt32: { '1e3': 'a' } }],
    ['a key that is no boolean', EVERYTHING, { byBool: { yes: 'a' } }],
    ['text for a number', EVERYTHING, { int32Single: '5' }],
    ['a message of another type', EVERYTHING, { leafSingle: create(EmptySchema) }],
    ['an array for an object', EVERYTHING, { leafSingle: [] }],
    ['too large a float', EVERYTHING, { floatSingle: 1e39 }],
    [
      'a getter that throws',
      EVERYTHING,
      Object.defineProperty({}, 'int32Single', { get: () => JSON.parse('{') }),
    ],
  ])('%s', (_, desc, value) => {
    const codec = new CodecPair(desc as DescMessage);
    codec.expectSameBytes(value);
    expect(codec.deferrals).toBe(1);
  });
});

/** `depth` lists within each other. */
function nestedLists(depth: number): Uint8Array {
  let bytes = Buffer.alloc(0);
  for (let i = 0; i < depth; i++) {
    // ListValue.values = 1, Value.list_value = 6.
    const value = Buffer.concat([Buffer.of(0x32), varint(bytes.length), bytes]);
    bytes = Buffer.concat([Buffer.of(0x0a), varint(value.length), value]);
  }
  return bytes;
}

/** `color_single`, which is closed in proto2, with the value 77. */
function unknownEnum(desc: DescMessage): Uint8Array {
  const { number = 0 } = desc.field['colorSingle'] ?? {};
  return Buffer.concat([varint((number << 3) | 0), Buffer.of(77)]);
}

function varint(value: number): Buffer {
  return Buffer.from(value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);
}

describe('an encoder', () => {
  const { encode } = new CodecPair(StringValueSchema);

  it.each([0, 5, 100])('leaves %d bytes of headroom', (headroomBytes) => {
    const encoded = encode({ value: 'abc' }, headroomBytes);
    expect(encoded).toHaveLength(headroomBytes + 5);
    expect(Buffer.from(encoded.subarray(headroomBytes)).toString('latin1')).toBe('\n\x03abc');
  });

  it.each([47, 48, 49, 127, 128, 16_383, 16_384, 40_000, 2_000_000])(
    'writes texts of %d letters',
    (length) => {
      const codec = new CodecPair(StringValueSchema);
      for (const letter of ['a', 'ü', '€']) {
        expect(codec.expectSameBytes({ value: letter.repeat(length) })).toBe(true);
      }
      expect(codec.deferrals).toBe(0);
    },
  );

  it('may be called by a getter of what it encodes', () => {
    let nested: Uint8Array | undefined;
    const message = {
      // Written last, and so when the other field is on its way.
      get seconds() {
        nested = encode({ value: 'inner' }, 0);
        return 7n;
      },
      nanos: 5,
    };
    const codec = new CodecPair(DurationSchema);
    expect(codec.expectSameBytes(message)).toBe(true);
    expect(codec.deferrals).toBe(0);
    expect(Buffer.from(nested ?? []).toString('latin1')).toBe('\n\x05inner');
  });

  it('begins anew after an error', () => {
    const duration = new CodecPair(DurationSchema);
    expect(() => duration.encode({ seconds: 'soon', nanos: 5 }, 0)).toThrow(
      'google.protobuf.Duration.seconds',
    );
    expect(Buffer.from(encode({ value: 'a' }, 0)).toString('latin1')).toBe('\n\x01a');
  });

  it('gives every message bytes of its own', () => {
    const first = encode({ value: 'first' }, 0);
    encode({ value: 'other' }, 0);
    expect(Buffer.from(first).toString('latin1')).toBe('\n\x05first');
  });
});

describe('names that no compiler lets through', () => {
  const ODD = [
    '',
    '1',
    'a"b',
    "a'b",
    'a`${b}`',
    'a\\',
    'a\nb',
    '\u2028',
    '*/',
    "'];throw 1;//",
    '"]=globalThis.hacked=1;//',
  ];
  const NAMES = [
    ...'constructor toString hasOwnProperty isPrototypeOf toJSON $typeName $unknown class default this'.split(
      ' ',
    ),
    ...'value message reader writer read write bound0 Message child end'.split(' '),
    ...ODD,
  ];
  const KINDS = [
    { type: FieldDescriptorProto_Type.INT32 },
    { type: FieldDescriptorProto_Type.STRING, label: FieldDescriptorProto_Label.REPEATED },
    { type: FieldDescriptorProto_Type.STRING, oneofIndex: 0 },
    { type: FieldDescriptorProto_Type.INT32, proto3Optional: true, oneofIndex: 0 },
    { type: FieldDescriptorProto_Type.MESSAGE, typeName: '.odd.Type' },
  ];

  /** A type with one field, whose names are put in afterwards: newer versions of protobuf-es check those of files. */
  function oddType(name: string, kind: (typeof KINDS)[number], typeName = 'odd.Type'): DescMessage {
    const field = { name: 'field', number: 1, label: FieldDescriptorProto_Label.OPTIONAL, ...kind };
    const oneofDecl = kind.oneofIndex === undefined ? [] : [{ name: 'choice' }];
    const messages = messagesOf('proto3', 'odd', [{ name: 'Type', field: [field], oneofDecl }]);
    const desc = messages.get('Type') as DescMessage;
    Object.assign(desc, { typeName });
    Object.assign(desc.fields[0] ?? {}, { localName: name });
    return desc;
  }

  it.each(NAMES.flatMap((name) => KINDS.map((kind, index) => [name, index, kind] as const)))(
    'of fields: %j, kind %d',
    (name, _, kind) => {
      const desc = oddType(name, kind);
      const codec = new CodecPair(desc);
      for (const hex of ['0801', '0a0161', '0a00', '1001', '']) {
        codec.expectSameMessage(Buffer.from(hex, 'hex'));
      }
      for (const value of [1, 'a', ['a'], {}]) {
        codec.expectSameBytes({ [name]: value });
        codec.expectSameBytes({ choice: { case: name, value } });
      }
      expect(globalThis).not.toHaveProperty('hacked');
    },
  );

  it.each(NAMES)('of oneofs: %j', (name) => {
    const desc = oddType('field', KINDS[2] as (typeof KINDS)[number]);
    Object.assign(desc.oneofs[0] ?? {}, { localName: name });
    const codec = new CodecPair(desc);
    codec.expectSameMessage(Buffer.from('0a0161', 'hex'));
    codec.expectSameBytes({ [name]: { case: 'field', value: 'a' } });
    expect(globalThis).not.toHaveProperty('hacked');
  });

  it.each(NAMES)('of types: %j', (name) => {
    const codec = new CodecPair(oddType('field', KINDS[0] as (typeof KINDS)[number], name));
    expect(codec.decode(Buffer.of(8, 5))).toStrictEqual({ $typeName: name, field: 5 });
    expect(Buffer.from(codec.encode({ $typeName: name, field: 5 }, 0))).toEqual(Buffer.of(8, 5));
    expect(codec.deferrals).toBe(0);
    expect(globalThis).not.toHaveProperty('hacked');
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', '$typeName', '$unknown'])(
    '%j is left to protobuf-es',
    (name) => {
      const codec = new CodecPair(oddType(name, KINDS[1] as (typeof KINDS)[number]));
      codec.decode(Buffer.of());
      codec.expectSameBytes({});
      expect(codec.deferrals).toBe(2);
    },
  );

  it.each(['a"b', "'];throw 1;//", '\u2028', 'class', 'message', '1'])('%j has generated code', (name) => {
    const codec = new CodecPair(oddType(name, KINDS[0] as (typeof KINDS)[number]));
    expect(codec.decode(Buffer.of(8, 5))).toStrictEqual({ $typeName: 'odd.Type', [name]: 5 });
    expect(Buffer.from(codec.encode({ [name]: 5 }, 0))).toEqual(Buffer.of(8, 5));
    expect(codec.deferrals).toBe(0);
  });
});

describe('a process that must not generate code', () => {
  const PROGRAM = `
    import { DurationSchema } from '@bufbuild/protobuf/wkt';
    import { protoCodec } from './lib/codec/proto-codec.ts';
    let canGenerate = true;
    try { new Function(''); } catch { canGenerate = false; }
    const bytes = Buffer.from(protoCodec.encoder(DurationSchema)({ nanos: 5 }, 0));
    console.log(JSON.stringify([canGenerate, bytes.toString('hex'), protoCodec.decoder(DurationSchema)(bytes).nanos]));`;

  it.each<[string[], string]>([
    [[], '[true,"1005",5]'],
    [['--disallow-code-generation-from-strings'], '[false,"1005",5]'],
  ])('with the flags %j', (flags, output) => {
    const bundle = spawnSync(
      'node_modules/.bin/esbuild',
      ['--bundle', '--platform=node', '--format=esm', '--log-level=error', '--loader=ts'],
      { input: PROGRAM, encoding: 'utf8' },
    );
    expect(bundle.stderr).toBe('');
    const program = spawnSync(process.execPath, [...flags, '--input-type=module', '-'], {
      input: bundle.stdout,
      encoding: 'utf8',
    });
    expect(program.stdout.trim()).toBe(output);
  });
});

describe('generated code', () => {
  it('is not there before the first message', () => {
    let calls = 0;
    const desc = messagesOf('proto3', 'lazy', [{ name: 'T' }]).get('T') as DescMessage;
    const watched = new Proxy(desc, {
      get(target, key, receiver) {
        calls++;
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
    const [decode, encode] = [protoCodec.decoder(watched), protoCodec.encoder(watched)];
    expect(calls).toBe(0);
    decode(new Uint8Array());
    encode({}, 0);
    expect(calls).toBeGreaterThan(0);
  });
});
