/**
 * The runner's protocol on stdin and stdout: messages, each with its length in four bytes in front.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';

const PREFIX_BYTES = 4;

/** @throws Error When the input ends before the message does. */
export async function readMessage<Desc extends DescMessage>(
  schema: Desc,
  input: AsyncIterable<Buffer>,
): Promise<MessageShape<Desc>> {
  for await (const message of readMessages(schema, input)) {
    return message;
  }
  throw new Error('stdin ended before the runner has sent a message');
}

/** @throws Error When the input ends in the middle of a message. */
export async function* readMessages<Desc extends DescMessage>(
  schema: Desc,
  input: AsyncIterable<Buffer>,
): AsyncGenerator<MessageShape<Desc>, void, undefined> {
  let received = Buffer.alloc(0);
  for await (const chunk of input) {
    received = Buffer.concat([received, chunk]);
    for (let end = endOfFirst(received); end <= received.length; end = endOfFirst(received)) {
      yield fromBinary(schema, received.subarray(PREFIX_BYTES, end));
      received = received.subarray(end);
    }
  }
  if (received.length > 0) {
    throw new Error(`stdin ended after ${received.length} bytes of a message`);
  }
}

function endOfFirst(received: Buffer): number {
  return received.length < PREFIX_BYTES ? Infinity : PREFIX_BYTES + received.readUInt32BE();
}

export function encodeMessage<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Buffer {
  const message = toBinary(schema, create(schema, init));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length);
  return Buffer.concat([prefix, message]);
}
