/**
 * Where calls go, and how: one protocol, one codec, one way to a server.
 */
import { type DescMethod } from '@bufbuild/protobuf';
import { type Codec } from '../codec/codec.js';
import { createJsonCodec } from '../codec/json-codec.js';
import { protoCodec } from '../codec/proto-codec.js';
import { type Compression } from '../compression/compression.js';
import { builtinCompressions } from '../compression/zlib.js';
import { clientProtocols } from '../protocol/index.js';
import { type HeadersInit, RpcHeaders } from '../rpc/headers.js';
import { createMethodSpec } from '../rpc/method-spec.js';
import { type HttpClient } from '../wire/client-exchange.js';
import { type ClientProtocol, type ClientWireOptions } from '../wire/client-protocol.js';
import { MAX_ENVELOPE_BYTES } from '../wire/envelope.js';
import { type CallBeginner, type CallDefaults, CallSender } from './call/call-sender.js';
import { CallsUnderWay, TrackedCalls } from './call/tracked-calls.js';
import { bytesOf, durationOf } from './checked-options.js';
import { checkedInterceptors, type ClientInterceptors } from './interceptor/interceptor.js';
import { InterceptorChain } from './interceptor/interceptor-chain.js';
import { MethodCaller } from './call/method-caller.js';
import { incomingCalls } from './propagation/incoming-calls.js';
import { passedOnHeaders, type Propagate } from './propagation/propagate-option.js';
import { PropagatingCalls } from './propagation/propagating-calls.js';
import { type RetryOptions } from './retry/retry-policy.js';
import { RetryPolicies } from './retry/retry-policy-table.js';

/** How a channel calls, whatever carries its bytes. */
export interface CallSettings {
  /** `'connect'`, `'grpc'` or `'grpc-web'`. Default: `'connect'`. */
  readonly protocol?: string;
  /** `'proto'`, `'json'`, or a codec of your own. Default: `'proto'`. */
  readonly codec?: string | Codec;
  /** What responses may be compressed with, in order of preference. Default: gzip, br, zstd (Node 24), deflate. */
  readonly compressions?: readonly Compression[];
  /** How requests are compressed: one of {@link compressions}, by its name. Default: not at all. */
  readonly requestCompression?: string;
  /** Smallest request message that is compressed, in bytes. Default: 1,024. */
  readonly compressMinBytes?: number;
  /** Calls methods without side effects by GET (Connect only), so that caches can answer. Default: false. */
  readonly useGet?: boolean;
  /** Time for each call, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
  /** Sent with each request. Default: none. */
  readonly headers?: HeadersInit;
  /** Largest response message, in bytes after decompression. Default: 4 MiB. Beyond: `resource_exhausted`. */
  readonly receiveLimitBytes?: number;
  /** Largest request message, in bytes. Default: what an envelope holds, 2^32 - 1. Beyond: `resource_exhausted`. */
  readonly sendLimitBytes?: number;
  /** Bytes of encoded requests of an Observable that may wait for the server, per call. Default: 4 MiB. */
  readonly bufferBytes?: number;
  /** Around every call, outermost first. Those of a client are around these. Default: none. */
  readonly interceptors?: ClientInterceptors;
  /** Which failed calls are tried again, and when. Default: none. */
  readonly retry?: RetryOptions;
  /**
   * Deadline and cancellation of the incoming call that a handler here works on pass on to the calls that it makes, and
   * with them the headers that are named. `false` passes nothing on. Default: true, with `traceparent` and `tracestate`.
   */
  readonly propagate?: Propagate;
}

const MIB = 1024 * 1024;

/** What carries the calls of a channel. */
export interface ClientEngine extends HttpClient {
  /** Takes no requests any more; settles when those under way have ended. */
  close(): Promise<void>;
  /** Cuts off what is under way. */
  destroy(): void;
}

/** Where the calls of a channel go. */
export interface ChannelPlace {
  /** For messages. */
  readonly name: string;
  /** In front of every path; empty for none. */
  readonly prefix: string;
}

export class Channel {
  readonly #protocol: ClientProtocol;
  readonly #wire: ClientWireOptions;
  readonly #defaults: CallDefaults;
  readonly #interceptors: ClientInterceptors;
  readonly #retries: RetryPolicies;
  readonly #callers = new Map<DescMethod, MethodCaller>();
  /** Of headers that pass on; `undefined` when nothing does. */
  readonly #passedOn: readonly string[] | undefined;
  readonly #prefix: string;
  readonly #underWay: CallsUnderWay;
  #isClosed = false;

  /** @throws TypeError When a setting is wrong. */
  constructor(
    private readonly engine: ClientEngine,
    settings: CallSettings,
    { name, prefix }: ChannelPlace,
  ) {
    this.#prefix = prefix;
    this.#underWay = new CallsUnderWay(name);
    this.#protocol = findNamed('protocol', settings.protocol ?? 'connect', clientProtocols);
    this.#wire = resolveWire(settings);
    this.#defaults = {
      headers: settings.headers === undefined ? undefined : new RpcHeaders(settings.headers),
      timeoutMs: settings.timeoutMs === undefined ? undefined : durationOf('timeoutMs', settings.timeoutMs),
      bufferBytes: bytesOf('bufferBytes', settings.bufferBytes ?? 4 * MIB),
    };
    this.#interceptors = checkedInterceptors(settings.interceptors ?? []);
    this.#retries = new RetryPolicies(settings.retry);
    this.#passedOn = passedOnHeaders(settings.propagate ?? true);
    if (this.#passedOn !== undefined) {
      incomingCalls.channelOpened();
    }
  }

  /** @internal Its protocol does not work over HTTP/1.1. */
  get needsHttp2(): boolean {
    return this.#protocol.needsHttp2;
  }

  /** Takes no calls any more; settles when those under way have ended. */
  async close(): Promise<void> {
    this.#closed();
    const underWay = this.#underWay.close();
    if (underWay !== undefined) {
      // They may have tries to come.
      await underWay;
    }
    await this.engine.close();
  }

  /** Ends at once: calls under way fail. */
  destroy(): void {
    this.#closed();
    this.#underWay.destroy();
    this.engine.destroy();
  }

  /**
   * @internal Compiled once per method; for a client with interceptors, once per client.
   *
   * @param interceptors The client's own.
   */
  caller(method: DescMethod, interceptors: ClientInterceptors = []): MethodCaller {
    if (interceptors.length > 0) {
      return this.#compile(method, interceptors);
    }
    const known = this.#callers.get(method);
    if (known !== undefined) {
      return known;
    }
    const caller = this.#compile(method, []);
    this.#callers.set(method, caller);
    return caller;
  }

  #compile(method: DescMethod, ofClient: ClientInterceptors): MethodCaller {
    const calls = this.#intercepted(method, [...ofClient, ...this.#interceptors]);
    return new MethodCaller(
      this.#passedOn === undefined ? calls : new PropagatingCalls(calls, this.#defaults, this.#passedOn),
    );
  }

  #intercepted(method: DescMethod, interceptors: ClientInterceptors): CallBeginner {
    if (interceptors.length > 0) {
      const bare = { ...this.#defaults, headers: undefined, timeoutMs: undefined };
      const { sender } = this.#sender(method, bare);
      return new TrackedCalls(new InterceptorChain(sender, interceptors, this.#defaults), this.#underWay);
    }
    const { sender, isRetried } = this.#sender(method, this.#defaults, this.#underWay);
    // Others are exchanges from their begin to their end, and the engine knows them.
    return isRetried ? new TrackedCalls(sender, this.#underWay) : sender;
  }

  /** The first time, nobody needs to know of incoming calls for this channel any more. */
  #closed(): void {
    if (!this.#isClosed && this.#passedOn !== undefined) {
      incomingCalls.channelClosed();
    }
    this.#isClosed = true;
  }

  #sender(method: DescMethod, defaults: CallDefaults, gate?: CallsUnderWay) {
    const spec = createMethodSpec(method);
    const plain = this.#protocol.endpoint({ spec, path: this.#prefix + spec.path, options: this.#wire });
    const endpoint = this.#retries.around(plain, spec);
    const sender = new CallSender({ spec, endpoint, http: this.engine, gate }, defaults);
    return { sender, isRetried: endpoint !== plain };
  }
}

function resolveWire(settings: CallSettings): ClientWireOptions {
  const compressions = settings.compressions ?? builtinCompressions;
  return Object.freeze({
    codec: resolveCodec(settings.codec ?? protoCodec),
    compressions,
    requestCompression:
      settings.requestCompression === undefined
        ? undefined
        : findNamed('requestCompression', settings.requestCompression, compressions),
    compressMinBytes: bytesOf('compressMinBytes', settings.compressMinBytes ?? 1_024),
    receiveLimitBytes: bytesOf('receiveLimitBytes', settings.receiveLimitBytes ?? 4 * MIB),
    sendLimitBytes: Math.min(
      bytesOf('sendLimitBytes', settings.sendLimitBytes ?? MAX_ENVELOPE_BYTES),
      MAX_ENVELOPE_BYTES,
    ),
    useGet: settings.useGet ?? false,
  });
}

function resolveCodec(codec: string | Codec): Codec {
  return typeof codec === 'string' ? findNamed('codec', codec, [protoCodec, createJsonCodec()]) : codec;
}

/** @throws TypeError When there is none of that name. */
export function findNamed<T extends { readonly name: string }>(
  option: string,
  name: string,
  known: readonly T[],
): T {
  const match = known.find((candidate) => candidate.name === name);
  if (match === undefined) {
    const names = known.map((candidate) => candidate.name).join(', ');
    throw new TypeError(`${option} is "${name}": expected one of ${names}`);
  }
  return match;
}
