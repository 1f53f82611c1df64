/**
 * A stream of the application's on its way out: what a handler returns, or the requests of a client.
 *
 *   Observable            push: what the peer does not take waits in a queue bounded in bytes
 *   generator, iterable   pull: asked for the next message only while the peer takes more
 *
 * Either ends in one of three ways, each exactly once: the producer finished and everything it gave is
 * written; something failed; the call was canceled. The last two stop the producer in the same turn.
 */
import { isObservable, type Observable, type Subscription, takeWhile } from 'rxjs';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type EncodedMessage, type MessageSink } from '../rpc/message-flow.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import { describeResult, isIterable, isPromiseLike } from './handler-result.js';
import { IterablePump, type PumpTarget } from './iterable-pump.js';
import { type Overflow, OverflowQueue } from './overflow-queue.js';
import { type Backlog, type SendCredit } from './readiness.js';

/** The call that a stream is sent on. */
export interface OutboundCall extends MessageSink<unknown> {
  readonly spec: MethodSpec;
  /** Names the one function that is told when the call is over and wants no more messages. */
  onCancel(listener: () => void): void;
}

/** What the application is told of its mistakes. */
export interface StreamMistakes {
  /** The value is no stream. */
  unstreamable(path: string, value: unknown): ConnectError;
  /** The queue of a push Observable is full. */
  overflown(path: string, bufferBytes: number): ConnectError;
}

/** How a stream is sent. */
export interface OutboundOptions {
  /** For Observables; iterables never overflow. */
  readonly overflow: Overflow;
  /** Largest sum of encoded messages that wait here because the peer does not read, in bytes. */
  readonly bufferBytes: number;
  /** Default: in the words of a handler. */
  readonly mistakes?: StreamMistakes | undefined;
  /**
   * Turns what a handler threw into what its caller may see. Also given what the handler's stream throws
   * when nobody can be told any more, so that it can be logged. Must not throw.
   */
  toError(error: unknown): ConnectError;
}

/**
 * Sends an Observable, an async iterable (generator), an iterable, or a promise of one of them. Anything else
 * fails the call.
 *
 * Takes the call's one `onCancel`, and ends the credit when the call is over.
 */
export function sendStream(
  result: unknown,
  call: OutboundCall,
  credit: SendCredit,
  options: OutboundOptions,
): void {
  const reply = new OutboundStream(call, credit, options);
  call.onCancel(() => reply.cancel());
  if (isPromiseLike(result)) {
    Promise.resolve(result).then(
      (resolved) => reply.start(resolved),
      (error: unknown) => reply.fail(error),
    );
  } else {
    reply.start(result);
  }
}

class OutboundStream implements Backlog {
  readonly #call: OutboundCall;
  readonly #credit: SendCredit;
  readonly #options: OutboundOptions;
  readonly #queue: OverflowQueue;
  #isFlushing = false;
  /** The producer has ended; its end follows the queue. */
  #ending: 'complete' | ConnectError | undefined;
  #isOver = false;
  #subscription: Subscription | undefined;
  #pump: IterablePump<unknown> | undefined;

  constructor(call: OutboundCall, credit: SendCredit, options: OutboundOptions) {
    this.#call = call;
    this.#credit = credit;
    this.#options = options;
    this.#queue = new OverflowQueue(options.overflow, options.bufferBytes);
  }

  start(result: unknown): void {
    if (this.#isOver) {
      return;
    }
    if (isObservable(result)) {
      this.#subscribe(result);
    } else if (isIterable(result)) {
      this.#pump = new IterablePump(this.#pumpTarget(), {
        credit: this.#credit,
        onLateError: (error) => this.#options.toError(error),
      });
      this.#pump.run(result);
    } else {
      this.#abandon(this.#mistakes.unstreamable(this.#call.spec.path, result));
    }
  }

  get #mistakes(): StreamMistakes {
    return this.#options.mistakes ?? HANDLER_MISTAKES;
  }

  /** The producer failed: what it gave before is delivered first. */
  fail(error: unknown): void {
    if (!this.#isOver && this.#ending === undefined) {
      this.#ending = this.#options.toError(error);
      this.flush();
    }
  }

  cancel(): void {
    this.#isOver = true;
    this.#close();
  }

  get isEmpty(): boolean {
    return this.#queue.isEmpty;
  }

  flush(): void {
    if (this.#isFlushing) {
      return;
    }
    this.#isFlushing = true;
    let message = this.#takeQueued();
    while (message !== undefined) {
      this.#call.write(message);
      message = this.#takeQueued();
    }
    this.#isFlushing = false;
    if (this.#ending !== undefined && this.#queue.isEmpty && !this.#isOver) {
      this.#finish(this.#ending);
    }
  }

  #takeQueued(): EncodedMessage | undefined {
    return this.#call.isReady ? this.#queue.shift() : undefined;
  }

  #subscribe(source: Observable<unknown>): void {
    this.#credit.setBacklog(this);
    // A source that emits in a loop has no subscription yet that could be ended.
    const whileWanted = takeWhile<unknown>(() => !this.#isOver);
    try {
      this.#subscription = whileWanted(source).subscribe({
        next: (message) => this.#push(message),
        error: (error: unknown) => {
          this.#stopProducer();
          this.fail(error);
        },
        complete: () => {
          this.#stopProducer();
          this.#complete();
        },
      });
    } catch (error) {
      this.#failOrReport(error);
    }
    if (this.#isOver) {
      this.#stopProducer();
    }
  }

  #push(message: unknown): void {
    if (this.#isOver) {
      return;
    }
    const encoded = this.#encode(message);
    if (encoded === undefined) {
      return;
    }
    if (this.#call.isReady && this.#queue.isEmpty && !this.#isFlushing) {
      this.#call.write(encoded);
    } else if (!this.#queue.offer(encoded)) {
      this.#abandon(this.#mistakes.overflown(this.#call.spec.path, this.#options.bufferBytes));
    }
  }

  /** Pulled messages were asked for: they are written also when the credit is gone by now. */
  #pumpTarget(): PumpTarget<unknown> {
    return {
      next: (message) => {
        const encoded = this.#encode(message);
        if (encoded !== undefined) {
          this.#call.write(encoded);
        }
      },
      error: (error) => this.fail(error),
      complete: () => this.#complete(),
    };
  }

  #encode(message: unknown): EncodedMessage | undefined {
    try {
      return this.#call.encode(message);
    } catch (error) {
      this.#abandon(this.#options.toError(error));
      return undefined;
    }
  }

  #complete(): void {
    if (!this.#isOver) {
      this.#ending = 'complete';
      this.flush();
    }
  }

  #finish(ending: 'complete' | ConnectError): void {
    this.#isOver = true;
    if (ending === 'complete') {
      this.#call.complete();
    } else {
      this.#call.fail(ending);
    }
    this.#close();
  }

  /** Fails now: what waits in the queue is lost. */
  #abandon(error: ConnectError): void {
    this.#isOver = true;
    this.#call.fail(error);
    this.#close();
  }

  /** A teardown that throws after the end of its source has nobody to tell. */
  #failOrReport(error: unknown): void {
    if (this.#isOver || this.#ending !== undefined) {
      this.#options.toError(error);
    } else {
      this.fail(error);
    }
  }

  /** The credit is last: who waits for it must find its producer stopped. */
  #close(): void {
    this.#queue.clear();
    this.#stopProducer();
    this.#credit.end();
  }

  /** Ends it from here also when it has ended by itself: a teardown that throws then throws to us. */
  #stopProducer(): void {
    try {
      this.#pump?.stop();
      this.#subscription?.unsubscribe();
    } catch (error) {
      this.#options.toError(error);
    }
  }
}

const HANDLER_MISTAKES: StreamMistakes = Object.freeze({
  unstreamable: (path: string, value: unknown) =>
    new ConnectError(
      `${path} answers with a stream, but its handler returned ${describeResult(value)}. ` +
        'Return an Observable, an async generator, an iterable, or a promise of one of them',
      { code: Code.Internal },
    ),
  overflown: (path: string, bufferBytes: number) =>
    new ConnectError(
      `${path} emits faster than its caller reads, and its buffer of ${bufferBytes} bytes is full. ` +
        'Raise bufferBytes, choose another overflow policy, return an async generator, ' +
        'or pace the producer with context.drained()',
      { code: Code.ResourceExhausted },
    ),
});
