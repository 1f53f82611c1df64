/**
 * Protobuf's binary format to messages, by code that is generated once per message type.
 *
 * Two reasons, both measured. Property stores with names in the text are about twice as fast as protobuf-es's
 * closures. And messages come from a constructor of their type, where protobuf-es makes the messages of all types with
 * one literal: descriptors, thousands of them and immortal, teach V8 to allocate everything from that place in the old
 * generation, so that dead requests are only found by the expensive collector.
 *
 * What is made is what protobuf-es makes, down to the order of keys. What is not well-formed, or rare (groups, unknown
 * values of closed enums, deep nesting), is left to it.
 */
import { create, type DescField, type DescMessage, type DescOneof, type Message } from '@bufbuild/protobuf';
import { type Decoder } from './codec.js';
import { defer } from './deferral.js';
import { formOf, type ScalarOrEnumField, scalarForm, wrappedField } from './field-plan.js';
import { GeneratedCode, generatedPart, literal, onePerType, property } from './generated-code.js';
import { WireReader } from './wire-reader.js';
import { tagOf, WIRE_LENGTH } from './wire-type.js';

/** Messages within messages; protobuf-es decides about more, it refuses more than 100. */
const MAX_DEPTH = 64;

/** The generated part of one message type. */
interface TypeDecoder {
  /** Makes a message with all defaults. */
  Message: new () => Message;
  /** Merges what stands before `end` into the message. */
  read(reader: WireReader, message: Message, end: number, depth: number): void;
}

/**
 * @param fallback Decodes what generated code does not handle, and everything when there can be no generated code.
 * @returns Generates code when it is called first.
 */
export function compileDecoder(desc: DescMessage, fallback: Decoder): Decoder {
  let decode: Decoder = (bytes) => {
    decode = generatedDecoder(desc, fallback) ?? fallback;
    return decode(bytes);
  };
  return (bytes) => decode(bytes);
}

function generatedDecoder(desc: DescMessage, fallback: Decoder): Decoder | undefined {
  const type = generatedPart(desc, typeDecoder);
  if (type === undefined) {
    return undefined;
  }
  return (bytes) => {
    try {
      const message = new type.Message();
      type.read(new WireReader(bytes), message, bytes.byteLength, 1);
      return message;
    } catch {
      return fallback(bytes);
    }
  };
}

const typeDecoder = onePerType(generateType);

function generateType(desc: DescMessage): TypeDecoder {
  const code = new GeneratedCode();
  const known = new Set(desc.fields.map(({ number }) => number));
  return code.run<TypeDecoder>(`
    ${constructorText(desc, code)}
    function read(reader, message, end, depth) {
      if (depth > ${MAX_DEPTH}) ${code.bind(defer)}();
      let unknown;
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag) {
          ${desc.fields.map((field) => fieldCases(field, code)).join('\n')}
          default:
            unknown ??= message.$unknown ?? [];
            unknown.push(reader.unknownField(tag, ${code.bind(known)}, end));
        }
      }
      if (reader.pos !== end) ${code.bind(defer)}();
      if (unknown !== undefined) message.$unknown = unknown;
    }
    return { Message, read };`);
}

/** A function that sets the keys which a new message of protobuf-es has, in their order, to the values they have there. */
function constructorText(desc: DescMessage, code: GeneratedCode): string {
  const sample = create(desc);
  const members = new Map(desc.members.map((member) => [member.localName, member]));
  const stores = Object.entries(sample).map(
    ([name, value]) => `${property('this', name)} = ${initialValue(members.get(name), value, code)};`,
  );
  return `
    function Message() {
      ${stores.join('\n')}
    }
    Message.prototype = ${code.bind(Object.getPrototypeOf(sample))};`;
}

function initialValue(
  member: DescField | DescOneof | undefined,
  value: unknown,
  code: GeneratedCode,
): string {
  if (member?.kind === 'oneof') {
    return '{ case: undefined }';
  }
  switch (member?.fieldKind) {
    case 'list':
      return '[]';
    case 'map':
      return '{}';
    default:
      // The type's name, a scalar, an enum; protobuf-es shares an empty Uint8Array between messages, too.
      return literalOrBound(value, code);
  }
}

function literalOrBound(value: unknown, code: GeneratedCode): string {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return literal(value);
    default:
      return code.bind(value);
  }
}

/** The cases of a `switch` over tags. */
function fieldCases(field: DescField, code: GeneratedCode): string {
  if (field.message !== undefined && field.delimitedEncoding) {
    // Groups are rare. Without a case their tags get to `unknownField`, which defers for the type's own fields.
    return '';
  }
  switch (field.fieldKind) {
    case 'list':
      return field.listKind === 'message'
        ? messageListCase(field, field.message, code)
        : scalarListCases(field, code);
    case 'map':
      return mapCase(field, code);
    case 'message':
      return messageCase(field, field.message, code);
    default:
      return caseText(tagOf(field.number, formOf(field).wireType), storeText(field, scalarText(field, code)));
  }
}

function caseText(tag: number, statements: string): string {
  return `case ${tag}: { ${statements} break; }`;
}

/** Stores a value in a singular field. */
function storeText({ localName, oneof }: DescField, value: string): string {
  return oneof === undefined
    ? `${property('message', localName)} = ${value};`
    : `${property('message', oneof.localName)} = { case: ${literal(localName)}, value: ${value} };`;
}

/** Reads one value of a scalar or an enum, where `limit` is the end of what it is in. */
function scalarText(field: ScalarOrEnumField, code: GeneratedCode, limit = 'end'): string {
  const { method, wireType } = formOf(field);
  const value = `reader.${method}(${wireType === WIRE_LENGTH ? limit : ''})`;
  if (field.enum?.open === false) {
    const numbers = new Set(field.enum.values.map(({ number }) => number));
    return `${code.bind(knownNumber)}(${code.bind(numbers)}, ${value})`;
  }
  // `jstype = JS_STRING`; it does not hold for the values of maps.
  return field.fieldKind !== 'map' && field.scalar !== undefined && field.longAsString
    ? `String(${value})`
    : value;
}

/** "Closed enums": protobuf-es makes an unknown field of an unknown value. */
function knownNumber(numbers: ReadonlySet<number>, value: number): number {
  return numbers.has(value) ? value : defer();
}

/** Reads a message of its length, by the local names `child` and `childEnd`. */
function readChildText(type: string, existing: string, limit = 'end'): string {
  return `
    const childEnd = reader.end(${limit});
    const child = ${existing} ?? new ${type}.Message();
    ${type}.read(reader, child, childEnd, depth + 1);`;
}

/** "If a message field is already present, it will be merged with the new data." */
function messageCase(field: DescField, message: DescMessage, code: GeneratedCode): string {
  const { number, localName, oneof } = field;
  const wrapped = wrappedField(field);
  if (wrapped !== undefined) {
    return wrapperCase(field, wrapped, code);
  }
  const type = code.bind(typeDecoder(message));
  const oneofText = oneof && property('message', oneof.localName);
  const existing =
    oneofText === undefined
      ? property('message', localName)
      : `(${oneofText}.case === ${literal(localName)} ? ${oneofText}.value : undefined)`;
  return caseText(
    tagOf(number, WIRE_LENGTH),
    `${readChildText(type, existing)} ${storeText(field, 'child')}`,
  );
}

function wrapperCase(field: DescField, wrapped: ScalarOrEnumField, code: GeneratedCode): string {
  const { wireType, zero } = formOf(wrapped);
  return caseText(
    tagOf(field.number, WIRE_LENGTH),
    `const childEnd = reader.end(end);
     let child = ${property('message', field.localName)} ?? ${zero};
     while (reader.pos < childEnd) {
       if (reader.tag() !== ${tagOf(wrapped.number, wireType)}) ${code.bind(defer)}();
       child = ${scalarText(wrapped, code, 'childEnd')};
     }
     if (reader.pos !== childEnd) ${code.bind(defer)}();
     ${storeText(field, 'child')}`,
  );
}

function messageListCase(field: DescField, message: DescMessage, code: GeneratedCode): string {
  const type = code.bind(typeDecoder(message));
  return caseText(
    tagOf(field.number, WIRE_LENGTH),
    `${readChildText(type, 'undefined')} ${property('message', field.localName)}.push(child);`,
  );
}

/** "Parsers must be able to parse repeated fields that were compiled as packed as if they were not, and vice versa." */
function scalarListCases(field: ScalarOrEnumField, code: GeneratedCode): string {
  const { number, localName } = field;
  const { wireType } = formOf(field);
  const list = property('message', localName);
  const single = caseText(tagOf(number, wireType), `${list}.push(${scalarText(field, code)});`);
  if (wireType === WIRE_LENGTH) {
    return single;
  }
  const packed = caseText(
    tagOf(number, WIRE_LENGTH),
    `const list = ${list};
     const listEnd = reader.end(end);
     while (reader.pos < listEnd) list.push(${scalarText(field, code)});
     if (reader.pos !== listEnd) ${code.bind(defer)}();`,
  );
  return `${single}\n${packed}`;
}

function mapCase(field: DescField & { readonly fieldKind: 'map' }, code: GeneratedCode): string {
  const key = scalarForm(field.mapKey);
  const isTextKey = key.wireType === WIRE_LENGTH;
  return caseText(
    tagOf(field.number, WIRE_LENGTH),
    `const entryEnd = reader.end(end);
     let key = ${key.zero};
     let value;
     while (reader.pos < entryEnd) {
       switch (reader.tag()) {
         ${caseText(tagOf(1, key.wireType), `key = reader.${key.method}(${isTextKey ? 'entryEnd' : ''});`)}
         ${mapValueCase(field, code)}
         default: ${code.bind(defer)}();
       }
     }
     if (reader.pos !== entryEnd${isTextKey ? ' || key === "__proto__"' : ''}) ${code.bind(defer)}();
     ${property('message', field.localName)}[key] = value ?? ${mapZeroText(field, code)};`,
  );
}

function mapValueCase(field: DescField & { readonly fieldKind: 'map' }, code: GeneratedCode): string {
  if (field.mapKind === 'message') {
    const type = code.bind(typeDecoder(field.message));
    return caseText(tagOf(2, WIRE_LENGTH), `${readChildText(type, 'value', 'entryEnd')} value = child;`);
  }
  return caseText(tagOf(2, formOf(field).wireType), `value = ${scalarText(field, code, 'entryEnd')};`);
}

/** The value of an entry that has none. */
function mapZeroText(field: DescField & { readonly fieldKind: 'map' }, code: GeneratedCode): string {
  switch (field.mapKind) {
    case 'message':
      return `new ${code.bind(typeDecoder(field.message))}.Message()`;
    case 'enum':
      return literal(field.enum.values[0]?.number ?? 0);
    default:
      return scalarForm(field.scalar).zero;
  }
}
