/**
 * Calls of one method on their way to its endpoint: what the caller and the channel give becomes what the wire sends.
 */
import { type CallStart, type ClientCall, type SingleReply } from '../../rpc/client-call.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeadersInit, RpcHeaders } from '../../rpc/headers.js';
import { type MessageSource } from '../../rpc/message-flow.js';
import { type MethodSpec } from '../../rpc/method-spec.js';
import { describeResult } from '../../stream/handler-result.js';
import { type OutboundOptions, sendStream } from '../../stream/outbound.js';
import { SendCredit } from '../../stream/readiness.js';
import { type HttpClient } from '../../wire/client-exchange.js';
import { type ClientEndpoint } from '../../wire/client-protocol.js';
import { type CallOptions } from '../client-types.js';

/** What all calls of a channel share. */
export interface CallDefaults {
  /** `undefined` for none. */
  readonly headers: RpcHeaders | undefined;
  /** Milliseconds; `undefined` for no limit. */
  readonly timeoutMs: number | undefined;
  /** Bytes of encoded requests of an Observable that may wait for the server, per call. */
  readonly bufferBytes: number;
}

/** A call that has begun: what its caller may still do. */
export interface BegunCall {
  /** Gives the call up. Does nothing once it is over. */
  cancel(reason: ConnectError): void;
}

/** Begins calls of one method. Its `request` is one message, or a stream of them, as the method takes it. */
export interface CallBeginner {
  readonly spec: MethodSpec;
  /**
   * For methods with one reply.
   *
   * @throws ConnectError `invalid_argument` when an option cannot be sent.
   */
  beginSingle(request: unknown, options: SendOptions, reply: SingleReply): BegunCall;
  /**
   * For methods with a stream of replies.
   *
   * @throws ConnectError As {@link beginSingle}.
   */
  beginStream(request: unknown, options: SendOptions): MessageSource<unknown>;
}

export interface SendOptions extends CallOptions {
  /** Told of the credit of a stream of requests, before the stream is subscribed or iterated. */
  readonly onCredit?: ((credit: SendCredit) => void) | undefined;
}

/** What a sender sends through. */
export interface SendRoute {
  readonly spec: MethodSpec;
  readonly endpoint: ClientEndpoint;
  readonly http: HttpClient;
  /** Admits calls, where they come from the caller and not from an interceptor. */
  readonly gate?: { admit(): void } | undefined;
}

export class CallSender implements CallBeginner {
  readonly spec: MethodSpec;
  readonly #outbound: OutboundOptions;

  constructor(
    private readonly route: SendRoute,
    private readonly defaults: CallDefaults,
  ) {
    this.spec = route.spec;
    this.#outbound = {
      overflow: 'buffer',
      bufferBytes: defaults.bufferBytes,
      mistakes: REQUEST_MISTAKES,
      toError: requestsFailed,
    };
  }

  beginSingle(request: unknown, options: SendOptions, reply: SingleReply): ClientCall {
    return this.#begin(request, options, reply);
  }

  beginStream(request: unknown, options: SendOptions): MessageSource<unknown> {
    return this.#begin(request, options, undefined).replies;
  }

  #begin(request: unknown, options: SendOptions, reply: SingleReply | undefined): ClientCall {
    const { endpoint, http, gate } = this.route;
    gate?.admit();
    const call = endpoint.open(http, this.#start(options), reply);
    if (this.spec.streamsRequests) {
      const credit = new SendCredit(call);
      options.onCredit?.(credit);
      sendStream(request, call, credit, this.#outbound);
    } else {
      call.send(request);
    }
    return call;
  }

  #start(options: CallOptions): CallStart {
    const { headers } = this.defaults;
    return {
      headers: options.headers === undefined ? headers : mergeHeaders(options.headers, headers),
      timeoutMs: checkedTimeout(options.timeoutMs ?? this.defaults.timeoutMs),
      signal: options.signal,
      onHeaders: options.onHeaders,
      onTrailers: options.onTrailers,
    };
  }
}

/**
 * @returns A new bag: the caller's headers, and the channel's of other names.
 * @throws ConnectError `invalid_argument` when one cannot be sent.
 */
export function mergeHeaders(init: HeadersInit | undefined, defaults: RpcHeaders | undefined): RpcHeaders {
  const headers = readHeaders(init);
  for (const [name, value] of defaults === undefined ? [] : withoutNamesOf(headers, defaults)) {
    headers.append(name, value);
  }
  return headers;
}

function withoutNamesOf(headers: RpcHeaders, defaults: RpcHeaders): [string, string][] {
  return [...defaults].filter(([name]) => !headers.has(name));
}

function readHeaders(init: HeadersInit | undefined): RpcHeaders {
  try {
    return new RpcHeaders(init);
  } catch (cause) {
    throw new ConnectError((cause as Error).message, { code: Code.InvalidArgument, cause });
  }
}

/**
 * @returns Milliseconds; `undefined` for no limit.
 * @throws ConnectError `invalid_argument` when it is no number.
 */
export function checkedTimeout(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs !== undefined && (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs))) {
    throw new ConnectError(`timeoutMs is ${String(timeoutMs)}: expected milliseconds`, {
      code: Code.InvalidArgument,
    });
  }
  return timeoutMs === Infinity ? undefined : timeoutMs;
}

function requestsFailed(cause: unknown): ConnectError {
  return ConnectError.is(cause)
    ? cause
    : new ConnectError(`the requests failed: ${String(cause)}`, { code: Code.Canceled, cause });
}

export const REQUEST_MISTAKES = Object.freeze({
  unstreamable: (path: string, value: unknown) =>
    new ConnectError(
      `${path} takes a stream of requests, but got ${describeResult(value)}: ` +
        'give it an Observable, an async generator or an iterable',
      { code: Code.InvalidArgument },
    ),
  overflown: (path: string, bufferBytes: number) =>
    new ConnectError(
      `requests of ${path} come faster than its server reads, and their buffer of ${bufferBytes} bytes is full: ` +
        'raise bufferBytes of the channel, or give the method an async generator',
      { code: Code.ResourceExhausted },
    ),
});
