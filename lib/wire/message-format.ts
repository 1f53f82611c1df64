/**
 * One codec on one method: received bytes to message, message to bytes, with the limits of this side, and every failure
 * as the error of whoever is at fault.
 */
import { type Codec, type Decoder, type Encoder } from '../codec/codec.js';
import { type Compression, DecompressionLimitError } from '../compression/compression.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import { type ClientMethod } from './client-protocol.js';
import { ENVELOPE_PREFIX_BYTES, encodeEnvelope, FLAG_COMPRESSED, sealEnvelope } from './envelope.js';
import { messageTooLarge } from './envelope-reader.js';
import { type Route } from './route.js';

/** What a side of the call knows: types, limits, and whom to blame. */
interface Side {
  readonly received: MethodSpec['input'];
  readonly sent: MethodSpec['input'];
  /** Largest received message, in bytes after decompression. */
  readonly receiveLimitBytes: number;
  /** Largest sent message, in bytes before compression. */
  readonly sendLimitBytes: number;
  /** Smallest sent message that is compressed, in bytes. */
  readonly compressMinBytes: number;
  /** Of received bytes that are no message. */
  readonly malformedCode: Code;
  /** Of received bytes that do not inflate. */
  readonly corruptDataCode: Code;
  /** The application's value does not fit its type, or its compression failed. */
  applicationFault(cause: unknown): ConnectError;
}

export class MessageFormat {
  readonly #decode: Decoder;
  readonly #encode: Encoder;

  private constructor(
    private readonly codec: Codec,
    private readonly side: Side,
  ) {
    this.#decode = codec.decoder(side.received);
    this.#encode = codec.encoder(side.sent);
  }

  /**
   * Requests in, responses out. What the application does wrong is reported, and its caller sees `internal` without a
   * reason.
   *
   * @param corruptDataCode What a request gets whose compressed bytes are broken: the Connect and gRPC texts
   * differ.
   */
  static ofServer(route: Route, codec: Codec, corruptDataCode: Code): MessageFormat {
    const { spec, options } = route;
    return new MessageFormat(codec, {
      received: spec.input,
      sent: spec.output,
      receiveLimitBytes: options.receiveLimitBytes,
      sendLimitBytes: options.sendLimitBytes,
      compressMinBytes: options.compressMinBytes,
      malformedCode: Code.InvalidArgument,
      corruptDataCode,
      applicationFault(cause) {
        route.report(cause);
        return new ConnectError('internal error', { code: Code.Internal, cause });
      },
    });
  }

  /** Requests out, responses in. A response that cannot be read is the server's fault, whatever is wrong with it. */
  static ofClient({ spec, options }: ClientMethod): MessageFormat {
    return new MessageFormat(options.codec, {
      received: spec.output,
      sent: spec.input,
      receiveLimitBytes: options.receiveLimitBytes,
      sendLimitBytes: options.sendLimitBytes,
      compressMinBytes: options.compressMinBytes,
      malformedCode: Code.Internal,
      corruptDataCode: Code.Internal,
      applicationFault: (cause) =>
        new ConnectError(`cannot encode ${spec.input.typeName}: ${reasonOf(cause)}`, {
          code: Code.InvalidArgument,
          cause,
        }),
    });
  }

  /**
   * @throws ConnectError When the bytes are not a message; `resource_exhausted` when they inflate beyond the limit.
   */
  decode(bytes: Uint8Array, compression: Compression | undefined): unknown {
    const plain = this.inflate(bytes, compression);
    try {
      return this.#decode(plain);
    } catch (cause) {
      const reason = reasonOf(cause);
      // protobuf-es begins so itself, with the type's name, for JSON but not for binary data.
      const message = reason.startsWith('cannot decode')
        ? reason
        : `cannot decode ${this.side.received.typeName} from ${this.codec.name}: ${reason}`;
      throw new ConnectError(message, { code: this.side.malformedCode, cause });
    }
  }

  /**
   * @throws ConnectError When the application's value does not fit the type; `resource_exhausted` when it is larger
   * than the send limit.
   */
  encode(message: unknown, headroomBytes: number): Uint8Array {
    let bytes: Uint8Array;
    try {
      bytes = this.#encode(message, headroomBytes);
    } catch (cause) {
      throw this.side.applicationFault(cause);
    }
    const { sendLimitBytes } = this.side;
    if (bytes.byteLength - headroomBytes > sendLimitBytes) {
      throw messageTooLarge(bytes.byteLength - headroomBytes, sendLimitBytes);
    }
    return bytes;
  }

  /**
   * @param compression How the message is compressed when it is large enough; `undefined` for not at all.
   * @returns The message in its envelope.
   * @throws ConnectError As {@link encode}.
   */
  encodeEnvelope(message: unknown, compression: Compression | undefined): Uint8Array {
    const envelope = this.encode(message, ENVELOPE_PREFIX_BYTES);
    return compression !== undefined &&
      envelope.byteLength - ENVELOPE_PREFIX_BYTES >= this.side.compressMinBytes
      ? encodeEnvelope(FLAG_COMPRESSED, this.compress(envelope.subarray(ENVELOPE_PREFIX_BYTES), compression))
      : sealEnvelope(envelope, 0);
  }

  /**
   * @param compression What the sender declared.
   * @throws ConnectError `internal` for flags that are not known or not declared; otherwise as {@link decode}.
   */
  decodeEnvelope(flags: number, payload: Uint8Array, compression: Compression | undefined): unknown {
    if ((flags & ~FLAG_COMPRESSED) !== 0) {
      throw new ConnectError(
        `unknown flags 0x${flags.toString(16)} in an envelope: only 0x1 (compressed) is known`,
        { code: Code.Internal },
      );
    }
    return this.decode(payload, declaredCompression(flags, compression));
  }

  /** @throws ConnectError When a plugged-in compression fails. */
  compress(bytes: Uint8Array, compression: Compression): Uint8Array {
    try {
      return compression.compress(bytes);
    } catch (cause) {
      throw this.side.applicationFault(cause);
    }
  }

  /** @throws ConnectError When the bytes are not in that format; `resource_exhausted` beyond the receive limit. */
  inflate(bytes: Uint8Array, compression: Compression | undefined): Uint8Array {
    // "A zero-length payload with the flag set is the empty message": there is nothing to inflate.
    if (compression === undefined || bytes.byteLength === 0) {
      return bytes;
    }
    const { receiveLimitBytes, corruptDataCode } = this.side;
    try {
      return compression.decompress(bytes, receiveLimitBytes);
    } catch (cause) {
      if (cause instanceof DecompressionLimitError) {
        throw messageTooLarge(undefined, receiveLimitBytes);
      }
      throw new ConnectError(`cannot inflate the message: its bytes are not ${compression.name}`, {
        code: corruptDataCode,
        cause,
      });
    }
  }
}

/**
 * @returns How the payload of an envelope is compressed.
 * @throws ConnectError `internal` when it is, but its sender declared no compression.
 */
export function declaredCompression(
  flags: number,
  compression: Compression | undefined,
): Compression | undefined {
  if ((flags & FLAG_COMPRESSED) === 0) {
    return undefined;
  }
  if (compression === undefined) {
    throw new ConnectError('compressed message, but its sender declares no compression', {
      code: Code.Internal,
    });
  }
  return compression;
}

/** The codecs' errors speak of the sender's own bytes; a RangeError speaks of our stack. */
function reasonOf(error: unknown): string {
  return error instanceof RangeError && error.message.includes('call stack')
    ? 'it is nested too deeply'
    : error instanceof Error
      ? error.message
      : 'malformed';
}
