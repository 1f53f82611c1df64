/**
 * What the generated decoders and encoders both need to know of fields: tags, the forms of scalars, and which
 * types they leave to protobuf-es.
 *
 * Spec: protobuf.dev, "Encoding".
 */
import { type DescField, type DescMessage, protoInt64, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence, isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { type BackwardWriter } from './backward-writer.js';
import { WIRE_32_BIT, WIRE_64_BIT, WIRE_LENGTH, WIRE_VARINT } from './wire-type.js';
import { type WireReader } from './wire-reader.js';

/** How a scalar is written, and what it is when it is absent. */
export interface ScalarForm {
  /** The name of the method of `WireReader` and `BackwardWriter`. */
  readonly method: keyof WireReader & keyof BackwardWriter;
  readonly wireType: number;
  /** As text of a program. */
  readonly zero: string;
}

const SCALAR_FORMS = {
  [ScalarType.DOUBLE]: { method: 'double', wireType: WIRE_64_BIT, zero: '0' },
  [ScalarType.FLOAT]: { method: 'float', wireType: WIRE_32_BIT, zero: '0' },
  [ScalarType.INT64]: { method: 'int64', wireType: WIRE_VARINT, zero: '0n' },
  [ScalarType.UINT64]: { method: 'uint64', wireType: WIRE_VARINT, zero: '0n' },
  [ScalarType.INT32]: { method: 'int32', wireType: WIRE_VARINT, zero: '0' },
  [ScalarType.FIXED64]: { method: 'fixed64', wireType: WIRE_64_BIT, zero: '0n' },
  [ScalarType.FIXED32]: { method: 'fixed32', wireType: WIRE_32_BIT, zero: '0' },
  [ScalarType.BOOL]: { method: 'bool', wireType: WIRE_VARINT, zero: 'false' },
  [ScalarType.STRING]: { method: 'string', wireType: WIRE_LENGTH, zero: '""' },
  [ScalarType.BYTES]: { method: 'bytes', wireType: WIRE_LENGTH, zero: 'new Uint8Array(0)' },
  [ScalarType.UINT32]: { method: 'uint32', wireType: WIRE_VARINT, zero: '0' },
  [ScalarType.SFIXED32]: { method: 'sfixed32', wireType: WIRE_32_BIT, zero: '0' },
  [ScalarType.SFIXED64]: { method: 'sfixed64', wireType: WIRE_64_BIT, zero: '0n' },
  [ScalarType.SINT32]: { method: 'sint32', wireType: WIRE_VARINT, zero: '0' },
  [ScalarType.SINT64]: { method: 'sint64', wireType: WIRE_VARINT, zero: '0n' },
} as const satisfies Record<ScalarType, ScalarForm>;

/** Fields that hold scalars or enums: singular, in lists, or as values of maps. */
export type ScalarOrEnumField = Exclude<DescField, { readonly message: DescMessage }>;

export function scalarForm(type: ScalarType): ScalarForm {
  return SCALAR_FORMS[type];
}

/** The form of the field's values, or of its list's items: "Enums are encoded as if they were int32s." */
export function formOf(field: ScalarOrEnumField): ScalarForm {
  return SCALAR_FORMS[field.scalar ?? ScalarType.INT32];
}

export function isImplicit(field: DescField): boolean {
  return field.presence === FeatureSet_FieldPresence.IMPLICIT;
}

export function isRequired(field: DescField): boolean {
  return field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED;
}

/** Whether there can be generated code for the type, which means: for all types that it can contain, too. */
export function isCompilable(desc: DescMessage): boolean {
  // Without BigInt (an environment variable turns it off) 64-bit integers have other types.
  return protoInt64.supported && [...reachableTypes(desc)].every(hasPlainFields);
}

function reachableTypes(desc: DescMessage): Set<DescMessage> {
  const reached = new Set([desc]);
  // A Set iterates over what is added meanwhile.
  for (const { fields } of reached) {
    for (const { message } of fields) {
      if (message !== undefined) {
        reached.add(message);
      }
    }
  }
  return reached;
}

function hasPlainFields({ fields, members }: DescMessage): boolean {
  return (
    members.every(({ localName }) => isPlainName(localName)) &&
    fields.every((field) => !hasOwnRepresentation(field)) &&
    new Set(members.map(({ localName }) => localName)).size === members.length &&
    new Set(fields.map(({ number }) => number)).size === fields.length
  );
}

/** Descriptors that are read at run time can have any names; these would read or hide what is no field. */
function isPlainName(localName: string): boolean {
  return !(localName in Object.prototype) && !localName.startsWith('$');
}

/** A `google.protobuf.Struct` is an object as JSON has it, and not a message. */
function hasOwnRepresentation(field: DescField): boolean {
  if (field.message === undefined) {
    return false;
  }
  const isObject =
    field.message.typeName === 'google.protobuf.Struct' && field.parent.typeName !== 'google.protobuf.Value';
  return isObject || (isUnwrapped(field) && wrappedField(field) === undefined);
}

/** The field of the wrapper, if the field has the wrapper's value instead of a message. */
export function wrappedField(field: DescField): ScalarOrEnumField | undefined {
  const [value, ...others] = field.message?.fields ?? [];
  const isPlain = value?.message === undefined && others.length === 0;
  return isUnwrapped(field) && isPlain && value !== undefined && isImplicit(value) ? value : undefined;
}

/** "Singular wrapper fields outside a oneof are unwrapped to the scalar value." */
function isUnwrapped(field: DescField): boolean {
  return field.fieldKind === 'message' && field.oneof === undefined && isWrapperDesc(field.message);
}
