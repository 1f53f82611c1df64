/**
 * A method as the server serves it: its spec, its handler, and every setting resolved to a value.
 */
import { type Codec } from '../codec/codec.js';
import { type Compression } from '../compression/compression.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import { type RouteHandler } from '../rpc/server-call.js';

/** Settings of the wire, complete: defaults are resolved where options come in. */
export interface WireOptions {
  readonly codecs: readonly Codec[];
  /** In order of preference; `identity` is not listed. */
  readonly compressions: readonly Compression[];
  /** Largest request message, in bytes after decompression. */
  readonly receiveLimitBytes: number;
  /** Largest response message, in bytes before compression. */
  readonly sendLimitBytes: number;
  /** Smallest response message that is compressed; `Infinity` for none. */
  readonly compressMinBytes: number;
  /** Longest timeout a client may ask for; longer ones are shortened. `Infinity` for no limit. */
  readonly maxTimeoutMs: number;
  /** Refuse Connect requests without `connect-protocol-version: 1`. */
  readonly requireProtocolVersion: boolean;
}

export interface Route {
  readonly spec: MethodSpec;
  readonly handler: RouteHandler;
  readonly options: WireOptions;
  /**
   * Told of mistakes of the application that its caller sees only as `internal`, for example a response that
   * does not fit its type.
   */
  report(error: unknown): void;
}
