/**
 * One method of one channel, as promises and streams, and as Observables.
 */
import { Observable } from 'rxjs';
import { type CallStart, type ClientCall, type SingleReply } from '../rpc/client-call.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { RpcHeaders } from '../rpc/headers.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import { describeResult } from '../stream/handler-result.js';
import { MessageStream, type RpcStream } from '../stream/message-stream.js';
import { type OutboundOptions, sendStream } from '../stream/outbound.js';
import { SendCredit } from '../stream/readiness.js';
import { type HttpClient } from '../wire/client-exchange.js';
import { type ClientEndpoint } from '../wire/client-protocol.js';
import { type CallOptions } from './client-types.js';
import { LazyReplies } from './lazy-replies.js';

/** What all calls of a channel share. */
export interface CallDefaults {
  /** `undefined` for none. */
  readonly headers: RpcHeaders | undefined;
  /** Milliseconds; `undefined` for no limit. */
  readonly timeoutMs: number | undefined;
  /** Bytes of encoded requests of an Observable that may wait for the server, per call. */
  readonly bufferBytes: number;
}

const NO_OPTIONS: CallOptions = Object.freeze({});

export class MethodCaller {
  readonly #outbound: OutboundOptions;

  constructor(
    private readonly spec: MethodSpec,
    private readonly endpoint: ClientEndpoint,
    private readonly http: HttpClient,
    private readonly defaults: CallDefaults,
  ) {
    this.#outbound = {
      overflow: 'buffer',
      bufferBytes: defaults.bufferBytes,
      mistakes: REQUEST_MISTAKES,
      toError: requestsFailed,
    };
  }

  /** The caller with the shape that {@link ConnectClient} promises. */
  get promising(): (request: unknown, options?: CallOptions) => Promise<unknown> | RpcStream<unknown> {
    return this.spec.streamsResponses
      ? (request, options) => this.#stream(request, options)
      : (request, options) => this.#promise(request, options);
  }

  /** The caller with the shape that {@link RxConnectClient} promises. */
  get observable(): (request: unknown, options?: CallOptions) => Observable<unknown> {
    return this.spec.streamsResponses
      ? (request, options) =>
          new Observable((subscriber) => this.#stream(request, options).subscribe(subscriber))
      : (request, options) => this.#single(request, options);
  }

  #promise(request: unknown, options = NO_OPTIONS): Promise<unknown> {
    return new Promise((succeed, fail) => {
      this.#call(request, options, { succeed, fail });
    });
  }

  #single(request: unknown, options = NO_OPTIONS): Observable<unknown> {
    return new Observable((subscriber) => {
      const call = this.#call(request, options, {
        succeed(message) {
          subscriber.next(message);
          subscriber.complete();
        },
        fail: (error) => subscriber.error(error),
      });
      return () => call.cancel(new ConnectError('the caller unsubscribed', { code: Code.Canceled }));
    });
  }

  #stream(request: unknown, options = NO_OPTIONS): RpcStream<unknown> {
    const replies = new LazyReplies(() => this.#call(request, options, undefined).replies);
    return new MessageStream(replies, { path: this.spec.path, onceHint: ONCE_HINT });
  }

  /** @throws ConnectError `invalid_argument` when an option cannot be sent. */
  #call(request: unknown, options: CallOptions, reply: SingleReply | undefined): ClientCall {
    const call = this.endpoint.open(this.http, this.#start(options), reply);
    if (this.spec.streamsRequests) {
      sendStream(request, call, new SendCredit(call), this.#outbound);
    } else {
      call.send(request);
    }
    return call;
  }

  #start(options: CallOptions): CallStart {
    return {
      headers: this.#headers(options.headers),
      timeoutMs: checkedTimeout(options.timeoutMs ?? this.defaults.timeoutMs),
      signal: options.signal,
      onHeaders: options.onHeaders,
      onTrailers: options.onTrailers,
    };
  }

  #headers(init: CallOptions['headers']): RpcHeaders | undefined {
    const { headers: defaults } = this.defaults;
    if (init === undefined) {
      return defaults;
    }
    const headers = readHeaders(init);
    for (const [name, value] of defaults ?? []) {
      if (!headers.has(name)) {
        headers.append(name, value);
      }
    }
    return headers;
  }
}

function readHeaders(init: NonNullable<CallOptions['headers']>): RpcHeaders {
  try {
    return new RpcHeaders(init);
  } catch (cause) {
    throw new ConnectError((cause as Error).message, { code: Code.InvalidArgument, cause });
  }
}

function checkedTimeout(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs !== undefined && (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs))) {
    throw new ConnectError(`timeoutMs is ${String(timeoutMs)}: expected milliseconds`, {
      code: Code.InvalidArgument,
    });
  }
  return timeoutMs === Infinity ? undefined : timeoutMs;
}

const ONCE_HINT = 'Call the method again, or use the Rx client, where every subscription is a call';

function requestsFailed(cause: unknown): ConnectError {
  return ConnectError.is(cause)
    ? cause
    : new ConnectError(`the requests failed: ${String(cause)}`, { code: Code.Canceled, cause });
}

const REQUEST_MISTAKES = Object.freeze({
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
