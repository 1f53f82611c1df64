/**
 * Message types with every kind of field, and random messages of any type.
 *
 * The descriptors are built here, and not generated from a file, so that the table of kinds is a loop over all of
 * them, and so that tests can have names that no compiler lets through.
 */
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
  ScalarType,
} from '@bufbuild/protobuf';
import {
  type DescriptorProtoSchema,
  Edition,
  EnumDescriptorProtoSchema,
  FeatureSet_FieldPresence,
  FeatureSet_MessageEncoding,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  type FieldDescriptorProtoSchema,
  FieldOptions_JSType,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  isWrapperDesc,
} from '@bufbuild/protobuf/wkt';

type FieldInit = Exclude<MessageInitShape<typeof FieldDescriptorProtoSchema>, Message>;
type MessageInit = Exclude<MessageInitShape<typeof DescriptorProtoSchema>, Message>;

/** Each with the edition of its file, and so with rules of its own for presence, packing and enums. */
export const SYNTAXES = ['proto2', 'proto3', 'editions'] as const;
export type Syntax = (typeof SYNTAXES)[number];

const SCALARS = Object.values(ScalarType).filter((type) => typeof type === 'number');
const KEYS = SCALARS.filter(
  (type) => ![ScalarType.DOUBLE, ScalarType.FLOAT, ScalarType.BYTES].includes(type),
);
const LONGS = [
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
  ScalarType.SINT64,
];

const IMPORTS = [file_google_protobuf_wrappers, file_google_protobuf_struct];
const WRAPPERS = file_google_protobuf_wrappers.messages;

/** @returns Messages of one file by their names. */
export function messagesOf(
  syntax: Syntax,
  packageName: string,
  messageType: MessageInit[],
): Map<string, DescMessage> {
  const file = create(FileDescriptorProtoSchema, {
    name: `${packageName}.proto`,
    package: packageName,
    dependency: IMPORTS.map(({ proto }) => proto.name),
    syntax,
    ...(syntax === 'editions' && { edition: Edition.EDITION_2023 }),
    messageType,
    enumType: [
      create(EnumDescriptorProtoSchema, {
        name: 'Color',
        value: [
          { name: 'COLOR_ZERO', number: 0 },
          { name: 'COLOR_ONE', number: 1 },
          { name: 'COLOR_MINUS', number: -1 },
          { name: 'COLOR_LARGE', number: 2 ** 31 - 1 },
        ],
      }),
    ],
  });
  const registry = createFileRegistry(
    file,
    (name) => IMPORTS.find((each) => each.proto.name === name)?.proto,
  );
  return new Map(
    registry.getFile(`${packageName}.proto`)?.messages.map((message) => [message.name, message]) ?? [],
  );
}

/**
 * `Everything`: each scalar, an enum and messages (itself, too) as singular, optional, repeated, packed, unpacked,
 * map and oneof field. `Required` and `Grouped`: what only old files, or only new ones, can have.
 */
export function everyFieldKind(syntax: Syntax): Map<string, DescMessage> {
  const packageName = `fields.${syntax}`;
  const messages = [
    everything(syntax, packageName),
    leaf(),
    empty(),
    structured(packageName),
    grouped(syntax, packageName),
  ];
  return messagesOf(
    syntax,
    packageName,
    syntax === 'proto3' ? messages.slice(0, -1) : [...messages, required(syntax)],
  );
}

function everything(syntax: Syntax, packageName: string): MessageInit {
  const fields: FieldInit[] = [];
  const nestedType: MessageInit[] = [];
  const oneofDecl = [{ name: 'choice' }];
  const add = (name: string, type: FieldInit): void => {
    // Numbers out of the order of declaration, with tags of one to five bytes.
    const index = fields.length;
    const number = index % 3 === 0 ? 1000 - index : index === 10 ? 2 ** 29 - 1 : index + 1;
    fields.push({ name, number, label: Label.OPTIONAL, ...type });
  };
  const addAll = (name: string, type: FieldInit, isPackable: boolean): void => {
    add(`${name}_single`, type);
    if (syntax === 'proto3') {
      oneofDecl.push({ name: `_${name}_optional` });
      add(`${name}_optional`, { ...type, proto3Optional: true, oneofIndex: oneofDecl.length - 1 });
    } else if (syntax === 'editions' && type.type !== Type.MESSAGE) {
      add(`${name}_implicit`, {
        ...type,
        options: { features: { fieldPresence: FeatureSet_FieldPresence.IMPLICIT } },
      });
    }
    add(`${name}_list`, { ...type, label: Label.REPEATED });
    if (isPackable && syntax !== 'editions') {
      add(`${name}_packed`, { ...type, label: Label.REPEATED, options: { packed: true } });
      add(`${name}_unpacked`, { ...type, label: Label.REPEATED, options: { packed: false } });
    }
    addMap(`${name}_map`, { type: Type.STRING }, type);
    add(`${name}_case`, { ...type, oneofIndex: 0 });
  };
  const addMap = (name: string, key: FieldInit, value: FieldInit): void => {
    const entry = `${name.replaceAll(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase())}Entry`;
    nestedType.push({
      name: entry,
      options: { mapEntry: true },
      field: [
        { name: 'key', number: 1, label: Label.OPTIONAL, ...key },
        { name: 'value', number: 2, label: Label.OPTIONAL, ...value },
      ],
    });
    add(name, {
      label: Label.REPEATED,
      type: Type.MESSAGE,
      typeName: `.${packageName}.Everything.${entry}`,
    });
  };

  for (const scalar of SCALARS) {
    const isPackable = scalar !== ScalarType.STRING && scalar !== ScalarType.BYTES;
    addAll(ScalarType[scalar].toLowerCase(), { type: scalar as unknown as Type }, isPackable);
  }
  for (const key of KEYS) {
    addMap(`by_${ScalarType[key].toLowerCase()}`, { type: key as unknown as Type }, { type: Type.STRING });
  }
  for (const long of LONGS) {
    const asText = { type: long as unknown as Type, options: { jstype: FieldOptions_JSType.JS_STRING } };
    add(`text_${ScalarType[long].toLowerCase()}`, asText);
    add(`text_${ScalarType[long].toLowerCase()}_list`, { ...asText, label: Label.REPEATED });
  }
  addAll('color', { type: Type.ENUM, typeName: `.${packageName}.Color` }, true);
  addAll('leaf', { type: Type.MESSAGE, typeName: `.${packageName}.Leaf` }, false);
  addAll('empty', { type: Type.MESSAGE, typeName: `.${packageName}.Empty` }, false);
  for (const { name, typeName } of WRAPPERS) {
    addAll(name.toLowerCase(), { type: Type.MESSAGE, typeName: `.${typeName}` }, false);
  }
  addAll('self', { type: Type.MESSAGE, typeName: `.${packageName}.Everything` }, false);
  if (syntax === 'proto2') {
    add('default_text', { type: Type.STRING, defaultValue: 'a "default"\n' });
    add('default_long', { type: Type.INT64, defaultValue: '-9223372036854775808' });
    add('default_bytes', { type: Type.BYTES, defaultValue: 'abc' });
    add('default_double', { type: Type.DOUBLE, defaultValue: '-inf' });
    add('default_color', {
      type: Type.ENUM,
      typeName: `.${packageName}.Color`,
      defaultValue: 'COLOR_MINUS',
    });
  }
  return { name: 'Everything', field: fields, nestedType, oneofDecl };
}

function leaf(): MessageInit {
  return {
    name: 'Leaf',
    field: [
      { name: 'text', number: 1, label: Label.OPTIONAL, type: Type.STRING },
      { name: 'count', number: 2, label: Label.OPTIONAL, type: Type.INT32 },
      { name: 'items', number: 3, label: Label.REPEATED, type: Type.INT64 },
    ],
  };
}

function empty(): MessageInit {
  return { name: 'Empty' };
}

function structured(packageName: string): MessageInit {
  const struct = { type: Type.MESSAGE, typeName: '.google.protobuf.Struct' };
  return {
    name: 'Structured',
    field: [
      { name: 'object', number: 1, label: Label.OPTIONAL, ...struct },
      { name: 'objects', number: 2, label: Label.REPEATED, ...struct },
      {
        name: 'leaf',
        number: 3,
        label: Label.OPTIONAL,
        type: Type.MESSAGE,
        typeName: `.${packageName}.Leaf`,
      },
    ],
  };
}

function required(syntax: Syntax): MessageInit {
  const label =
    syntax === 'proto2'
      ? { label: Label.REQUIRED }
      : {
          label: Label.OPTIONAL,
          options: { features: { fieldPresence: FeatureSet_FieldPresence.LEGACY_REQUIRED } },
        };
  return {
    name: 'Required',
    field: [
      { name: 'text', number: 1, type: Type.STRING, ...label },
      { name: 'count', number: 2, type: Type.INT32, ...label },
    ],
  };
}

function grouped(syntax: Syntax, packageName: string): MessageInit {
  const type =
    syntax === 'proto2'
      ? { type: Type.GROUP }
      : {
          type: Type.MESSAGE,
          options: { features: { messageEncoding: FeatureSet_MessageEncoding.DELIMITED } },
        };
  const typeName = `.${packageName}.Leaf`;
  return {
    name: 'Grouped',
    field: [
      { name: 'leaf', number: 1, label: Label.OPTIONAL, typeName, ...type },
      { name: 'leaves', number: 2, label: Label.REPEATED, typeName, ...type },
      { name: 'text', number: 3, label: Label.OPTIONAL, type: Type.STRING },
    ],
  };
}

/** From 0 to below 1. */
export type Random = () => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}

/** Plain objects with some valid fields, for `create`. */
export function randomInit(desc: DescMessage, random: Random, depth = 0): Record<string, unknown> {
  const init: Record<string, unknown> = {};
  const count = depth > 3 ? 0 : Math.min(desc.members.length, Math.floor(random() * 6));
  const neverAbsent = desc.fields.filter(
    ({ presence }) => presence === FeatureSet_FieldPresence.LEGACY_REQUIRED,
  );
  for (const member of [...neverAbsent, ...Array.from({ length: count }, () => pick(random, desc.members))]) {
    if (member.kind === 'oneof') {
      const field = pick(random, member.fields);
      init[member.localName] = { case: field.localName, value: randomSingle(field, random, depth) };
    } else {
      init[member.localName] = randomValue(member, random, depth);
    }
  }
  return init;
}

function randomValue(field: DescField, random: Random, depth: number): unknown {
  const length = Math.floor(random() * (depth > 2 ? 2 : 5));
  switch (field.fieldKind) {
    case 'list':
      return Array.from({ length }, () => randomSingle(field, random, depth));
    case 'map':
      return Object.fromEntries(
        Array.from({ length }, () => [
          String(randomScalar(field.mapKey, random)),
          randomSingle(field, random, depth),
        ]),
      );
    default:
      return randomSingle(field, random, depth);
  }
}

function randomSingle(field: DescField, random: Random, depth: number): unknown {
  if (
    field.message?.typeName === 'google.protobuf.Struct' &&
    field.parent.typeName !== 'google.protobuf.Value'
  ) {
    return { text: pick(random, TEXTS), list: [null, random()] };
  }
  if (field.fieldKind === 'message' && field.oneof === undefined && isWrapperDesc(field.message)) {
    return randomScalar(field.message.fields[0].scalar, random);
  }
  if (field.message !== undefined) {
    return randomInit(field.message, random, depth + 1);
  }
  if (field.enum !== undefined) {
    return field.enum.open && random() < 0.2
      ? (random() * 2 ** 32) | 0
      : pick(random, field.enum.values).number;
  }
  const value = randomScalar(field.scalar, random);
  return field.fieldKind !== 'map' && field.longAsString ? String(value) : value;
}

const TEXTS = ['', 'a', 'text', 'Grüße', '\ufeff', '\ufffd', '😀', 'a\0b', 'x'.repeat(31), 'ü'.repeat(90)];
const INTEGERS = [0, 1, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28, 2 ** 31 - 1];
const NEGATIVES = [-1, -128, -(2 ** 31)];
const FLOATS = [0, -0, 1, -1.5, NaN, Infinity, -Infinity];

function randomScalar(type: ScalarType, random: Random): unknown {
  switch (type) {
    case ScalarType.STRING:
      return random() < 0.5
        ? pick(random, TEXTS)
        : 'The quick brown fox jumps over the lazy dog. '.repeat(3).slice(0, random() * 130);
    case ScalarType.BYTES:
      return Uint8Array.from({ length: random() * 20 }, () => random() * 256);
    case ScalarType.BOOL:
      return random() < 0.5;
    case ScalarType.DOUBLE:
      return random() < 0.5 ? pick(random, FLOATS) : random() * 1e9;
    case ScalarType.FLOAT:
      return random() < 0.5 ? pick(random, FLOATS) : Math.fround(random() * 1e9);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return pick(random, [...INTEGERS, 2 ** 32 - 1, Math.floor(random() * 2 ** 32)]);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return pick(random, [...INTEGERS, ...NEGATIVES, (random() * 2 ** 32) | 0]);
    default:
      return randomLong(type, random);
  }
}

function randomLong(type: ScalarType, random: Random): bigint {
  const bits = BigInt(Math.floor(random() * 65));
  const value = (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32));
  const unsigned = BigInt.asUintN(64, value) >> (64n - bits);
  return type === ScalarType.UINT64 || type === ScalarType.FIXED64 ? unsigned : BigInt.asIntN(64, unsigned);
}
