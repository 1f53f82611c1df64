/**
 * The Codec port: messages to bytes and back, compiled once per message type.
 */
import { type DescMessage, type Message } from '@bufbuild/protobuf';

/** @throws Error When the bytes are not a message of the type; its text may be shown to the sender. */
export type Decoder = (bytes: Uint8Array) => Message;

/**
 * Encodes a message, or a plain object that has its fields.
 *
 * @param headroomBytes Length of the gap, of any content, to leave before the message: an envelope's prefix
 * goes there, so that prefix and message are one buffer and one write.
 * @throws Error When the value does not fit the type.
 */
export type Encoder = (message: unknown, headroomBytes: number) => Uint8Array;

export interface Codec {
  /** As it stands in content types, for example `"proto"` in `application/connect+proto`. */
  readonly name: string;
  decoder(desc: DescMessage): Decoder;
  encoder(desc: DescMessage): Encoder;
}
