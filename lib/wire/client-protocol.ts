/**
 * The client's Protocol port: what a protocol must do so that shared code never asks which one it is.
 *
 * A method is compiled once per channel; per call there is one `open`.
 */
import { type Codec } from '../codec/codec.js';
import { type Compression } from '../compression/compression.js';
import { type CallStart, type ClientCall, type SingleReply } from '../rpc/client-call.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import { type HttpClient } from './client-exchange.js';

/** Settings of a channel's wire, complete. */
export interface ClientWireOptions {
  readonly codec: Codec;
  /** What responses may use, in order of preference. */
  readonly compressions: readonly Compression[];
  /** What requests use from {@link compressMinBytes} on. */
  readonly requestCompression: Compression | undefined;
  /** Smallest request message that is compressed, in bytes. */
  readonly compressMinBytes: number;
  /** Largest response message, in bytes after decompression; error bodies and end-streams too. */
  readonly receiveLimitBytes: number;
  /** Largest request message, in bytes before compression. */
  readonly sendLimitBytes: number;
  /** Calls methods without side effects by GET, where the protocol has it. */
  readonly useGet: boolean;
}

/** A method as a channel calls it. */
export interface ClientMethod {
  readonly spec: MethodSpec;
  /** The path with the prefix of the channel's URL in front. */
  readonly path: string;
  readonly options: ClientWireOptions;
}

/** A method in one protocol and one codec. */
export interface ClientEndpoint {
  /**
   * Begins a call. Does not throw: what is wrong fails the call.
   *
   * @param reply For methods with one reply.
   */
  open(http: HttpClient, start: CallStart, reply: SingleReply | undefined): ClientCall;
}

export interface ClientProtocol {
  /** For options, logs and metrics. */
  readonly name: string;
  /** Needs HTTP trailers, and so HTTP/2. */
  readonly needsHttp2: boolean;
  endpoint(method: ClientMethod): ClientEndpoint;
}
