/**
 * The binary codec: protobuf's wire format by protobuf-es.
 */
import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Codec } from './codec.js';
import { toMessage } from './message-init.js';

export const protoCodec: Codec = Object.freeze({
  name: 'proto',
  decoder(desc: DescMessage) {
    return (bytes: Uint8Array) => (bytes.byteLength === 0 ? create(desc) : fromBinary(desc, bytes));
  },
  encoder(desc: DescMessage) {
    return (message: unknown, headroomBytes: number) => {
      const bytes = toBinary(desc, toMessage(desc, message));
      if (headroomBytes === 0) {
        return bytes;
      }
      const buffer = Buffer.allocUnsafe(headroomBytes + bytes.byteLength);
      buffer.set(bytes, headroomBytes);
      return buffer;
    };
  },
});
