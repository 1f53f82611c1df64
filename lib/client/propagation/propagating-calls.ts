/**
 * Calls that are made for an incoming call: they end with it, take no longer, and carry what they must of its headers.
 * The outermost step of a call, so that interceptors and retries see the result.
 *
 *   caller ──► PropagatingCalls ──► (interceptors) ──► CallSender
 */
import { type SingleReply } from '../../rpc/client-call.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeadersInit, type RpcHeaders } from '../../rpc/headers.js';
import { type MessageConsumer, type MessageSource } from '../../rpc/message-flow.js';
import { type MethodSpec } from '../../rpc/method-spec.js';
import {
  type BegunCall,
  type CallBeginner,
  type CallDefaults,
  checkedTimeout,
  mergeHeaders,
  type SendOptions,
} from '../call/call-sender.js';
import { CallContext } from '../connection/call-context.js';
import { EitherSignal } from './either-signal.js';
import { type Incoming, incomingCalls } from './incoming-calls.js';

export class PropagatingCalls implements CallBeginner {
  /**
   * @param defaults What the channel gives to each call: its headers go before those of the incoming call.
   * @param names Of headers that pass on, in lower case.
   */
  constructor(
    private readonly calls: CallBeginner,
    private readonly defaults: CallDefaults,
    private readonly names: readonly string[],
  ) {}

  get spec(): MethodSpec {
    return this.calls.spec;
  }

  beginSingle(request: unknown, options: SendOptions, reply: SingleReply): BegunCall {
    const incoming = incomingOf(options);
    if (incoming === undefined) {
      return this.calls.beginSingle(request, options, reply);
    }
    const passing = new PassingOn(incoming);
    return passing.begin(() =>
      this.calls.beginSingle(request, this.#passOn(options, incoming, passing), {
        succeed: (message) => passing.end(() => reply.succeed(message)),
        fail: (error) => passing.end(() => reply.fail(passing.toError(error))),
      }),
    );
  }

  beginStream(request: unknown, options: SendOptions): MessageSource<unknown> {
    const incoming = incomingOf(options);
    if (incoming === undefined) {
      return this.calls.beginStream(request, options);
    }
    const passing = new PassingOn(incoming);
    return passing.begin(
      () =>
        new PassedOnReplies(
          this.calls.beginStream(request, this.#passOn(options, incoming, passing)),
          passing,
        ),
    );
  }

  #passOn(options: SendOptions, incoming: Incoming, passing: PassingOn): SendOptions {
    const headers = this.#headers(options.headers, incoming.requestHeaders);
    if (!passing.isBound) {
      return { ...options, headers };
    }
    const { signal } = options;
    return {
      ...options,
      headers,
      timeoutMs: this.#timeoutMs(options, incoming),
      signal: signal === undefined ? incoming.signal : passing.eitherOf(signal, incoming.signal),
    };
  }

  #timeoutMs({ timeoutMs }: SendOptions, { deadline }: Incoming): number | undefined {
    if (deadline === undefined) {
      return timeoutMs;
    }
    const ownMs = checkedTimeout(timeoutMs ?? this.defaults.timeoutMs) ?? Infinity;
    // Rounded up: before its own deadline the incoming call must not fail for a server that has seen it already.
    return Math.min(ownMs, Math.ceil(deadline - performance.now()));
  }

  #headers(own: HeadersInit | undefined, received: RpcHeaders): HeadersInit | undefined {
    const names = this.names.filter(
      (name) => received.has(name) && this.defaults.headers?.has(name) !== true,
    );
    if (names.length === 0) {
      return own;
    }
    const headers = mergeHeaders(own, undefined);
    for (const name of names.filter((candidate) => !headers.has(candidate))) {
      received.getAll(name).forEach((value) => headers.append(name, value));
    }
    return headers;
  }
}

function incomingOf({ propagate }: SendOptions): Incoming | undefined {
  return propagate === false ? undefined : incomingCalls.current;
}

/** What one call needs beyond its options. */
class PassingOn {
  /** Whatever reports its end, a shared timer or a connection, does so in the name of nobody, or of another call. */
  readonly #context = new CallContext();
  /** Work that goes on after an answer is not bounded by the time in which the answer had to come. */
  readonly isBound: boolean;
  #either: EitherSignal | undefined;

  constructor(private readonly incoming: Incoming) {
    this.isBound = !incoming.isAnswered || incoming.cancelReason !== undefined;
  }

  /** Nothing is held for a call that cannot begin. */
  begin<T>(begin: () => T): T {
    try {
      return begin();
    } catch (error) {
      this.release();
      throw error;
    }
  }

  eitherOf(own: AbortSignal, ofIncoming: AbortSignal): AbortSignal {
    this.#either = new EitherSignal([own, ofIncoming]);
    return this.#either.signal;
  }

  run(tell: () => void): void {
    this.#context.run(tell);
  }

  /** The call is over. */
  end(tell: () => void): void {
    this.release();
    this.run(tell);
  }

  release(): void {
    this.#either?.release();
  }

  /**
   * A call that fails with the one that it was made for tells nothing of an upstream: its error is one of our own, which
   * may escape a handler as it is, and is nothing to log.
   */
  toError(error: ConnectError): ConnectError {
    const { cancelReason, deadline = Infinity } = this.incoming;
    const hasEnded = this.isBound && (cancelReason !== undefined || performance.now() >= deadline);
    const message = hasEnded ? ENDED.get(error.code) : undefined;
    return message === undefined ? error : new ConnectError(message, { code: error.code, cause: error });
  }
}

const ENDED: ReadonlyMap<Code, string> = new Map([
  [Code.Canceled, 'the incoming call was canceled'],
  [Code.DeadlineExceeded, 'the deadline of the incoming call has passed'],
]);

class PassedOnReplies implements MessageSource<unknown> {
  constructor(
    private readonly replies: MessageSource<unknown>,
    private readonly passing: PassingOn,
  ) {}

  start(consumer: MessageConsumer<unknown>): void {
    const { passing } = this;
    this.replies.start({
      next: (message) => passing.run(() => consumer.next(message)),
      complete: () => passing.end(() => consumer.complete()),
      error: (error) => passing.end(() => consumer.error(passing.toError(error))),
    });
  }

  pull(): void {
    this.replies.pull();
  }

  cancel(): void {
    this.passing.release();
    this.replies.cancel();
  }
}
