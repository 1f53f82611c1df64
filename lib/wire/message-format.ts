/**
 * One codec on one route: request bytes to message, response message to bytes, with the route's limits, and
 * every failure as the error that its caller should get.
 */
import { type Codec, type Decoder, type Encoder } from '../codec/codec.js';
import { type Compression, DecompressionLimitError } from '../compression/compression.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { messageTooLarge } from './envelope-reader.js';
import { type Route } from './route.js';

export class MessageFormat {
  readonly #decode: Decoder;
  readonly #encode: Encoder;

  /**
   * @param corruptDataCode What a request gets whose compressed bytes are broken: the Connect and gRPC texts
   * differ.
   */
  constructor(
    private readonly route: Route,
    private readonly codec: Codec,
    private readonly corruptDataCode: Code,
  ) {
    this.#decode = codec.decoder(route.spec.input);
    this.#encode = codec.encoder(route.spec.output);
  }

  /**
   * @throws ConnectError `invalid_argument` when the bytes are not a message, `resource_exhausted` when they
   * inflate beyond the limit.
   */
  decode(bytes: Uint8Array, compression: Compression | undefined): unknown {
    // "A zero-length payload with the flag set is the empty message": there is nothing to inflate.
    const plain =
      compression === undefined || bytes.byteLength === 0 ? bytes : this.#inflate(bytes, compression);
    try {
      return this.#decode(plain);
    } catch (cause) {
      const reason = reasonOf(cause);
      // protobuf-es begins so itself, with the type's name, for JSON but not for binary data.
      const message = reason.startsWith('cannot decode')
        ? reason
        : `cannot decode ${this.route.spec.input.typeName} from ${this.codec.name}: ${reason}`;
      throw new ConnectError(message, { code: Code.InvalidArgument, cause });
    }
  }

  /**
   * @throws ConnectError `internal`, without a reason, when the handler's value does not fit the type (the
   * reason is reported); `resource_exhausted` when it is larger than the send limit.
   */
  encode(message: unknown, headroomBytes: number): Uint8Array {
    let bytes: Uint8Array;
    try {
      bytes = this.#encode(message, headroomBytes);
    } catch (cause) {
      throw this.#applicationFault(cause);
    }
    const { sendLimitBytes } = this.route.options;
    if (bytes.byteLength - headroomBytes > sendLimitBytes) {
      throw messageTooLarge(bytes.byteLength - headroomBytes, sendLimitBytes);
    }
    return bytes;
  }

  /** @throws ConnectError `internal`, without a reason, when a plugged-in compression fails (the reason is reported). */
  compress(bytes: Uint8Array, compression: Compression): Uint8Array {
    try {
      return compression.compress(bytes);
    } catch (cause) {
      throw this.#applicationFault(cause);
    }
  }

  #applicationFault(cause: unknown): ConnectError {
    this.route.report(cause);
    return new ConnectError('internal error', { code: Code.Internal, cause });
  }

  #inflate(bytes: Uint8Array, compression: Compression): Uint8Array {
    const { receiveLimitBytes } = this.route.options;
    try {
      return compression.decompress(bytes, receiveLimitBytes);
    } catch (cause) {
      if (cause instanceof DecompressionLimitError) {
        throw messageTooLarge(undefined, receiveLimitBytes);
      }
      throw new ConnectError(`cannot inflate the message: its bytes are not ${compression.name}`, {
        code: this.corruptDataCode,
        cause,
      });
    }
  }
}

/** The codecs' errors speak of the sender's own bytes; a RangeError speaks of our stack. */
function reasonOf(error: unknown): string {
  return error instanceof RangeError && error.message.includes('call stack')
    ? 'it is nested too deeply'
    : error instanceof Error
      ? error.message
      : 'malformed';
}
