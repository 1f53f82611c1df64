/**
 * The binary codec: protobuf's wire format by generated code, and by protobuf-es where that does not suffice.
 */
import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Codec, type Decoder, type Encoder } from './codec.js';
import { compileDecoder } from './compiled-decoder.js';
import { compileEncoder } from './compiled-encoder.js';
import { toMessage } from './message-init.js';

export const protoCodec: Codec = Object.freeze({
  name: 'proto',
  decoder: (desc: DescMessage) => compileDecoder(desc, reflectingDecoder(desc)),
  encoder: (desc: DescMessage) => compileEncoder(desc, reflectingEncoder(desc)),
});

/** By protobuf-es alone: what generated code agrees with, or gives way to. */
export function reflectingDecoder(desc: DescMessage): Decoder {
  return (bytes) => (bytes.byteLength === 0 ? create(desc) : fromBinary(desc, bytes));
}

/** By protobuf-es alone: what generated code agrees with, or gives way to. */
export function reflectingEncoder(desc: DescMessage): Encoder {
  return (message, headroomBytes) => {
    const bytes = toBinary(desc, toMessage(desc, message));
    if (headroomBytes === 0) {
      return bytes;
    }
    const buffer = Buffer.allocUnsafe(headroomBytes + bytes.byteLength);
    buffer.set(bytes, headroomBytes);
    return buffer;
  };
}
