/**
 * The JSON codec: proto3's JSON mapping by protobuf-es.
 *
 * Reading is lenient (unknown fields are ignored, as Connect clients of a newer schema need it), and strict
 * about UTF-8. Spec: Connect protocol, "Unary-Request", `application/json`.
 */
import { type DescMessage, fromJsonString, type Registry, toJsonString } from '@bufbuild/protobuf';
import { type Codec } from './codec.js';
import { toMessage } from './message-init.js';

/** How messages are written as JSON, and read. */
export interface JsonOptions {
  /** Write fields that hold their default. Default: false. */
  readonly alwaysEmitImplicit?: boolean;
  /** Write enums as numbers. Default: false, by name. */
  readonly enumAsInteger?: boolean;
  /** Write fields by their proto names. Default: false, by their JSON names. */
  readonly useProtoFieldName?: boolean;
  /** Fail on unknown fields. Default: true, they are ignored. */
  readonly ignoreUnknownFields?: boolean;
  /** Types for `google.protobuf.Any` and extensions. Default: none. */
  readonly registry?: Registry;
}

export function createJsonCodec(options: JsonOptions = {}): Codec {
  const readOptions = { ignoreUnknownFields: true, ...options };
  return Object.freeze({
    name: 'json',
    decoder(desc: DescMessage) {
      return (bytes: Uint8Array) => fromJsonString(desc, decodeUtf8(bytes), readOptions);
    },
    encoder(desc: DescMessage) {
      return (message: unknown, headroomBytes: number) => {
        const text = toJsonString(desc, toMessage(desc, message), options);
        const buffer = Buffer.allocUnsafe(headroomBytes + Buffer.byteLength(text));
        buffer.write(text, headroomBytes, 'utf8');
        return buffer;
      };
    },
  });
}

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws TypeError When the bytes are not UTF-8. */
function decodeUtf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  // Buffer replaces what is not UTF-8 by U+FFFD and is three times as fast as a strict decoder; the sign itself is legal text.
  return text.includes('\ufffd') ? STRICT_UTF8.decode(bytes) : text;
}
