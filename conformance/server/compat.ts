/**
 * The runner's protocol: one request on stdin, one response on stdout, each with its length in four bytes
 * in front.
 */
import { fromBinary, type MessageInitShape, toBinary, create } from '@bufbuild/protobuf';
import {
  type ServerCompatRequest,
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from '../gen/connectrpc/conformance/v1/server_compat_pb.js';

const PREFIX_BYTES = 4;

/** @throws Error When stdin ends before the request does. */
export async function readRequest(input: AsyncIterable<Buffer>): Promise<ServerCompatRequest> {
  let received = Buffer.alloc(0);
  for await (const chunk of input) {
    received = Buffer.concat([received, chunk]);
    const end = received.length < PREFIX_BYTES ? Infinity : PREFIX_BYTES + received.readUInt32BE();
    if (received.length >= end) {
      return fromBinary(ServerCompatRequestSchema, received.subarray(PREFIX_BYTES, end));
    }
  }
  throw new Error(`stdin ended after ${received.length} bytes, in the middle of the runner's request`);
}

export function encodeResponse(response: MessageInitShape<typeof ServerCompatResponseSchema>): Buffer {
  const message = toBinary(ServerCompatResponseSchema, create(ServerCompatResponseSchema, response));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length);
  return Buffer.concat([prefix, message]);
}
