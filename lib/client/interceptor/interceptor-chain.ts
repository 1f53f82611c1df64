/**
 * Calls of one method through the interceptors of its client and channel. Made only where there are some: without them
 * no call meets an Observable that it does not need.
 *
 *   caller ──► limits ──► interceptor ──► interceptor ──► CallSender
 */
import { create, type DescMessage, isMessage, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { catchError, defer, from, isObservable, map, mergeAll, Observable, throwError } from 'rxjs';
import { type SingleReply } from '../../rpc/client-call.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { ContextValues } from '../../rpc/context-values.js';
import { RpcHeaders } from '../../rpc/headers.js';
import { type MessageSource } from '../../rpc/message-flow.js';
import { type MethodSpec } from '../../rpc/method-spec.js';
import { creditedObservable } from '../../stream/credited-observable.js';
import { describeResult, isIterable, isPromiseLike } from '../../stream/handler-result.js';
import { type SendCredit } from '../../stream/readiness.js';
import { asFromWire, isTimeoutError } from '../../wire/outgoing-call.js';
import { CallLimits } from './call-limits.js';
import {
  type BegunCall,
  type CallBeginner,
  type CallDefaults,
  checkedTimeout,
  mergeHeaders,
  REQUEST_MISTAKES,
} from '../call/call-sender.js';
import { type CallOptions } from '../client-types.js';
import {
  type ClientInterceptors,
  type InterceptedCall,
  type NextCall,
  type ReplyHooks,
} from './interceptor.js';
import { InterceptedSingle, InterceptedStream } from './interceptor-replies.js';
import { MethodCaller } from '../call/method-caller.js';

export class InterceptorChain implements CallBeginner {
  readonly spec: MethodSpec;
  readonly #wire: MethodCaller;

  /**
   * @param sender Sends what comes out of the last interceptor; adds no headers and no timeout.
   * @param defaults What the first interceptor sees already.
   */
  constructor(
    sender: CallBeginner,
    private readonly interceptors: ClientInterceptors,
    private readonly defaults: CallDefaults,
  ) {
    this.spec = sender.spec;
    this.#wire = new MethodCaller(sender);
  }

  beginSingle(request: unknown, options: CallOptions, reply: SingleReply): BegunCall {
    const reply$ = this.#reply(request, options, undefined);
    return new InterceptedSingle(reply, () => withoutReply(this.spec)).start(reply$);
  }

  beginStream(request: unknown, options: CallOptions): MessageSource<unknown> {
    const replies = new InterceptedStream();
    return replies.from(this.#reply(request, options, replies.credit));
  }

  /** @param demand The credit of the replies, where they are a stream. */
  #reply(request: unknown, options: CallOptions, demand: SendCredit | undefined): Observable<unknown> {
    const headers = mergeHeaders(options.headers, this.defaults.headers);
    const timeoutMs = checkedTimeout(options.timeoutMs ?? this.defaults.timeoutMs);
    const limits = new CallLimits(timeoutMs, options.signal);
    const run = new InterceptedRun(this.#wire, this.interceptors, { limits, demand });
    const call = run.call(this.spec, request, {
      method: this.spec.method,
      service: this.spec.method.parent,
      headers,
      timeoutMs,
      signal: options.signal,
      values: options.values ?? new ContextValues(),
    });
    return limits.around(run.next(0, options)(call)).pipe(
      map((message) => checkedReply(this.spec, message)),
      catchError((error: unknown) => throwError(() => interceptedError(error))),
    );
  }
}

interface RunLimits {
  readonly limits: CallLimits;
  readonly demand: SendCredit | undefined;
}

type CallHead = Pick<InterceptedCall, 'method' | 'service' | 'headers' | 'timeoutMs' | 'signal' | 'values'>;

/** One call on its way through the interceptors. */
class InterceptedRun {
  /** Of the latest attempt, where requests are a stream. */
  #requestCredit: SendCredit | undefined;

  constructor(
    private readonly wire: MethodCaller,
    private readonly interceptors: ClientInterceptors,
    private readonly bounds: RunLimits,
  ) {}

  call({ path, input, kind }: MethodSpec, request: unknown, head: CallHead): InterceptedCall {
    return kind === 'unary' || kind === 'server_streaming'
      ? { ...head, kind, message: toMessage(input, request) }
      : { ...head, kind, messages: this.#messages(path, input, request) };
  }

  /** @param outer Told of headers and trailers after those who are further in. */
  next(index: number, outer: ReplyHooks): NextCall {
    return (call, own) => {
      const hooks = own === undefined ? outer : withOuter(own, outer);
      // Each subscription is an attempt of its own, with headers of its own.
      return defer(() => this.#run(index, { ...call, headers: new RpcHeaders(call.headers) }, hooks));
    };
  }

  #run(index: number, call: InterceptedCall, hooks: ReplyHooks): Observable<Message> {
    const interceptor = this.interceptors[index];
    if (interceptor === undefined) {
      return this.#send(call, hooks);
    }
    const next = this.next(index + 1, hooks);
    const reply =
      typeof interceptor === 'function' ? interceptor(next)(call) : interceptor.intercept(call, next);
    // What is no message is refused in front of the caller.
    return (isPromiseLike(reply) ? from(reply).pipe(mergeAll()) : reply) as Observable<Message>;
  }

  #send(call: InterceptedCall, { onHeaders, onTrailers }: ReplyHooks): Observable<Message> {
    const { limits, demand } = this.bounds;
    const options = {
      headers: call.headers,
      timeoutMs: limits.remainingMs(call.timeoutMs),
      signal: call.signal,
      onHeaders,
      onTrailers,
      onCredit: (credit: SendCredit) => {
        this.#requestCredit = credit;
      },
    };
    const request = 'messages' in call ? call.messages : call.message;
    const reply$ =
      demand === undefined
        ? this.wire.single(request, options)
        : creditedObservable(this.wire.stream(request, options), demand);
    return reply$ as Observable<Message>; // The wire decodes nothing else.
  }

  #messages(path: string, input: DescMessage, requests: unknown): Observable<Message> {
    const source$ = isObservable(requests)
      ? from(requests)
      : isIterable(requests)
        ? this.#iterated(path, requests)
        : throwError(() => REQUEST_MISTAKES.unstreamable(path, requests));
    return source$.pipe(map((request) => toMessage(input, request)));
  }

  #iterated(path: string, requests: AsyncIterable<unknown> | Iterable<unknown>): Observable<unknown> {
    let isRead = false;
    return new Observable((subscriber) => {
      if (isRead && 'next' in requests) {
        throw readTwice(path);
      }
      isRead = true;
      creditedObservable(requests, this.#requestCredit).subscribe(subscriber);
    });
  }
}

/** What is no message of the type is passed on as it is: the codec refuses it, and says why. */
function toMessage(type: DescMessage, value: unknown): Message {
  if (typeof value === 'object' && value !== null && !('$typeName' in value)) {
    try {
      return create(type, value as MessageInitShape<DescMessage>);
    } catch {
      // Nested values that are no messages.
    }
  }
  return value as Message;
}

/** @throws ConnectError `internal` when an interceptor answered with something else. */
function checkedReply({ path, output }: MethodSpec, value: unknown): Message {
  const message = toMessage(output, value);
  if (!isMessage(message, output)) {
    throw new ConnectError(
      `an interceptor answered ${path} with ${describeResult(value)}: expected ${output.typeName}`,
      { code: Code.Internal },
    );
  }
  return message;
}

function interceptedError(error: unknown): ConnectError {
  if (ConnectError.is(error)) {
    return asFromWire(error);
  }
  const isTimeout = isTimeoutError(error);
  return asFromWire(
    new ConnectError(
      isTimeout ? 'an interceptor timed the call out' : `an interceptor failed: ${String(error)}`,
      {
        code: isTimeout ? Code.DeadlineExceeded : Code.Internal,
        cause: error,
      },
    ),
  );
}

function withoutReply({ path }: MethodSpec): ConnectError {
  return asFromWire(
    new ConnectError(`the interceptors of ${path} completed without a reply`, { code: Code.Internal }),
  );
}

function readTwice(path: string): ConnectError {
  return new ConnectError(
    `the requests of ${path} come from a generator, which cannot be read again for another try: ` +
      'call it with an array, an Observable, or a policy of the channel instead of a retry in an interceptor',
    { code: Code.FailedPrecondition },
  );
}

function withOuter(own: ReplyHooks, outer: ReplyHooks): ReplyHooks {
  return {
    onHeaders: inTurn(own.onHeaders, outer.onHeaders),
    onTrailers: inTurn(own.onTrailers, outer.onTrailers),
  };
}

type Hook = (headers: RpcHeaders) => void;

function inTurn(first: Hook | undefined, second: Hook | undefined): Hook | undefined {
  if (first === undefined || second === undefined) {
    return first ?? second;
  }
  return (headers) => {
    first(headers);
    second(headers);
  };
}
