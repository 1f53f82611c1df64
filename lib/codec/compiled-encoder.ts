/**
 * Messages, and plain objects with their fields, to protobuf's binary format, by code that is generated once per
 * message type.
 *
 * Objects are written as they are: no message is made of them first. `create` and `toBinary` of protobuf-es treat
 * the two differently (an absent list is empty in an object and a mistake in a message), and so does the generated
 * code. What does not fit the type is left to them.
 */
import { type DescField, type DescMessage, type DescOneof, ScalarType } from '@bufbuild/protobuf';
import { BackwardWriter, toBigInt } from './backward-writer.js';
import { type Encoder } from './codec.js';
import { defer } from './deferral.js';
import {
  formOf,
  isImplicit,
  isRequired,
  type ScalarOrEnumField,
  scalarForm,
  wrappedField,
} from './field-plan.js';
import { GeneratedCode, generatedPart, literal, onePerType, property } from './generated-code.js';
import { tagOf, WIRE_LENGTH } from './wire-type.js';

/** The generated part of one message type. */
interface TypeEncoder {
  /**
   * Writes the fields, without a length.
   *
   * @param mayBeInit Whether a plain object is taken, too.
   */
  write(writer: BackwardWriter, message: unknown, mayBeInit: boolean): void;
}

/**
 * @param fallback Encodes what generated code does not handle, and everything when there can be no generated code.
 * @returns Generates code when it is called first.
 */
export function compileEncoder(desc: DescMessage, fallback: Encoder): Encoder {
  let encode: Encoder = (message, headroomBytes) => {
    encode = generatedEncoder(desc, fallback) ?? fallback;
    return encode(message, headroomBytes);
  };
  return (message, headroomBytes) => encode(message, headroomBytes);
}

function generatedEncoder(desc: DescMessage, fallback: Encoder): Encoder | undefined {
  const type = generatedPart(desc, typeEncoder);
  if (type === undefined) {
    return undefined;
  }
  return (message, headroomBytes) => {
    const writer = takeWriter();
    try {
      type.write(writer, message, true);
      return writer.finish(headroomBytes);
    } catch {
      return fallback(message, headroomBytes);
    } finally {
      giveBack(writer);
    }
  };
}

let idleWriter: BackwardWriter | undefined;

/** One writer serves all messages; an encoder that a getter of a message calls gets one of its own. */
function takeWriter(): BackwardWriter {
  const writer = idleWriter ?? new BackwardWriter();
  idleWriter = undefined;
  return writer;
}

function giveBack(writer: BackwardWriter): void {
  writer.reset();
  idleWriter = writer;
}

const typeEncoder = onePerType(generateType);

/** Fields in descending order, because the writer goes to the front. */
function generateType(desc: DescMessage): TypeEncoder {
  const code = new GeneratedCode();
  const fields = desc.fields.toSorted((a, b) => b.number - a.number);
  const typeName = literal(desc.typeName);
  return code.run<TypeEncoder>(`
    function write(writer, message, mayBeInit) {
      const isInit = ${code.bind(isInitObject)}(message, message.$typeName, ${typeName}, mayBeInit);
      let value;
      ${desc.oneofs.map((oneof) => oneofText(oneof, code)).join('\n')}
      if (!isInit && (value = message.$unknown) !== undefined) writer.unknownFields(value);
      ${fields.map((field) => fieldText(field, code)).join('\n')}
    }
    return { write };`);
}

/**
 * What `create` takes as an object with the fields of a message: it has no type. As in `create`, what is in a
 * message is not converted.
 */
function isInitObject(value: unknown, typeName: unknown, expected: string, mayBeInit: boolean): boolean {
  if (typeof value !== 'object') {
    defer();
  }
  if (typeName === expected) {
    return false;
  }
  return typeName === undefined && mayBeInit && !Array.isArray(value) ? true : defer();
}

const NO_CASE = Object.freeze({ case: undefined });

function oneofText(oneof: DescOneof, code: GeneratedCode): string {
  return `const ${oneofName(oneof)} = ${property('message', oneof.localName)}
    ?? (isInit ? ${code.bind(NO_CASE)} : ${code.bind(defer)}());`;
}

function oneofName(oneof: DescOneof): string {
  return `oneof${oneof.parent.oneofs.indexOf(oneof)}`;
}

function fieldText(field: DescField, code: GeneratedCode): string {
  if (field.oneof !== undefined) {
    return caseText(field, field.oneof, code);
  }
  const read = `value = ${property('message', field.localName)};`;
  if (!isImplicit(field) && field.fieldKind !== 'list' && field.fieldKind !== 'map') {
    return `${read} ${explicitText(field, code)}`;
  }
  return `${read}
    if (value == null) { if (!isInit) ${code.bind(defer)}(); }
    else ${presentText(field, code)}`;
}

function caseText(field: DescField, oneof: DescOneof, code: GeneratedCode): string {
  const name = oneofName(oneof);
  return `if (${name}.case === ${literal(field.localName)}) {
    value = ${name}.value;
    if (value == null) ${code.bind(defer)}();
    ${singleText(field, 'value', code)}
  }`;
}

/** "Fields with explicit presence have properties on the prototype chain for default values": those are not set. */
function explicitText(field: DescField, code: GeneratedCode): string {
  const isOwn = `${code.bind(Object.hasOwn)}(message, ${literal(field.localName)})`;
  const isMistake = isRequired(field) ? 'true' : 'value === null && !isInit';
  return `if (value != null && (isInit || ${isOwn})) { ${singleText(field, 'value', code)} }
    else if (${isMistake}) ${code.bind(defer)}();`;
}

/** A statement that writes the field of the local name `value`, which is not null. */
function presentText(field: DescField, code: GeneratedCode): string {
  switch (field.fieldKind) {
    case 'list':
      return listText(field, code);
    case 'map':
      return mapText(field, code);
    default:
      return `if (${isSetText(field, code)}) { ${singleText(field, 'value', code)} }`;
  }
}

/** Implicit presence: zeros are not written, but -0 is. */
function isSetText(field: DescField, code: GeneratedCode): string {
  if (field.fieldKind === 'enum') {
    return `value !== ${literal(field.enum.values[0]?.number ?? 0)}`;
  }
  switch (field.scalar) {
    case ScalarType.BYTES:
      return '!(value instanceof Uint8Array) || value.length > 0';
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return '!Object.is(value, 0)';
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return `(value = ${code.bind(toBigInt)}(value)) !== 0n`;
    default:
      return `value !== ${formOf(field as ScalarOrEnumField).zero}`;
  }
}

/** Statements that write one value of a field, with its tag. */
function singleText(field: DescField, value: string, code: GeneratedCode): string {
  if (field.message === undefined) {
    const { method, wireType } = formOf(field);
    return `writer.${method}(${value}); writer.tag(${tagOf(field.number, wireType)});`;
  }
  const wrapped = wrappedField(field);
  if (wrapped !== undefined) {
    return wrapperText(wrapped, tagOf(field.number, WIRE_LENGTH), code);
  }
  // Groups are rare.
  return field.delimitedEncoding
    ? `${code.bind(defer)}();`
    : messageText(field.message, value, tagOf(field.number, WIRE_LENGTH), code);
}

/** The local name `value` has what is in the wrapper. */
function wrapperText(wrapped: ScalarOrEnumField, tag: number, code: GeneratedCode): string {
  return `{
    const sizeBefore = writer.size;
    if (${isSetText(wrapped, code)}) { ${singleText(wrapped, 'value', code)} }
    writer.prefix(sizeBefore, ${tag});
  }`;
}

function messageText(message: DescMessage, value: string, tag: number, code: GeneratedCode): string {
  return `{
    const sizeBefore = writer.size;
    ${code.bind(typeEncoder(message))}.write(writer, ${value}, isInit);
    writer.prefix(sizeBefore, ${tag});
  }`;
}

function listText(field: DescField & { readonly fieldKind: 'list' }, code: GeneratedCode): string {
  const isNoArray = `if (!Array.isArray(value)) ${code.bind(defer)}();`;
  if (!field.packed || field.message !== undefined) {
    return `{ ${isNoArray} for (let i = value.length; --i >= 0;) { ${singleText(field, 'value[i]', code)} } }`;
  }
  return `{
    ${isNoArray}
    if (value.length > 0) {
      const sizeBefore = writer.size;
      for (let i = value.length; --i >= 0;) writer.${formOf(field).method}(value[i]);
      writer.prefix(sizeBefore, ${tagOf(field.number, WIRE_LENGTH)});
    }
  }`;
}

function mapText(field: DescField & { readonly fieldKind: 'map' }, code: GeneratedCode): string {
  const key = scalarForm(field.mapKey);
  return `{
    const keys = ${code.bind(keysOf)}(value);
    for (let i = keys.length; --i >= 0;) {
      const entrySizeBefore = writer.size;
      ${mapValueText(field, code)}
      writer.${key.method}(${mapKeyText(field.mapKey, code)});
      writer.tag(${tagOf(1, key.wireType)});
      writer.prefix(entrySizeBefore, ${tagOf(field.number, WIRE_LENGTH)});
    }
  }`;
}

function mapValueText(field: DescField & { readonly fieldKind: 'map' }, code: GeneratedCode): string {
  if (field.mapKind === 'message') {
    return messageText(field.message, 'value[keys[i]]', tagOf(2, WIRE_LENGTH), code);
  }
  const { method, wireType } = formOf(field);
  return `writer.${method}(value[keys[i]]); writer.tag(${tagOf(2, wireType)});`;
}

/** Keys are names of properties; the writer takes 64-bit integers as text. */
function mapKeyText(type: ScalarType, code: GeneratedCode): string {
  switch (type) {
    case ScalarType.BOOL:
      return `${code.bind(boolKey)}(keys[i])`;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return `${code.bind(integerKey)}(keys[i])`;
    default:
      return 'keys[i]';
  }
}

function keysOf(record: unknown): string[] {
  return typeof record === 'object' && record !== null && !Array.isArray(record)
    ? Object.keys(record)
    : defer();
}

function boolKey(key: string): boolean {
  return key === 'true' || (key === 'false' ? false : defer());
}

/** @returns A number that has this text, and no other. */
function integerKey(key: string): number {
  const number = Number(key);
  return String(number) === key ? number : defer();
}
