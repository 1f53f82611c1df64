/**
 * What a handler returns: a message, or a plain object with its fields.
 */
import { create, type DescMessage, type Message, type MessageInitShape } from '@bufbuild/protobuf';

/** @throws TypeError When the value is not an object, or is a message of another type. */
export function toMessage(desc: DescMessage, value: unknown): Message {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(
      `expected a message ${desc.typeName} or an object with its fields, got ${describe(value)}`,
    );
  }
  const typeName = (value as { $typeName?: unknown }).$typeName;
  if (typeName === undefined) {
    // Fields of a wrong type are refused when the message is encoded; the compiler has refused them before.
    return create(desc, value as MessageInitShape<DescMessage>);
  }
  if (typeName !== desc.typeName) {
    throw new TypeError(`expected a message ${desc.typeName}, got ${describe(typeName)}`);
  }
  return value as Message;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : value === null ? 'null' : typeof value;
}
