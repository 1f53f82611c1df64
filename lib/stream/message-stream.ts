/**
 * A stream of messages from the peer, an Observable and an async iterable in one object: the requests that a handler is
 * given, or the replies that a client gets.
 *
 * Cold and single-use: nothing is read off the wire before it is consumed, so that async guards lose
 * nothing, and what was read cannot be read again. `for await` and `mapEach` hold the peer back; plain
 * `subscribe` cannot, because RxJS has no demand signal.
 */
import { Observable, type ObservableInput, type ObservedValueOf, type Subscriber } from 'rxjs';
import { type MessageConsumer, type MessageSource, type RequestSource } from '../rpc/message-flow.js';
import { type ServerCall } from '../rpc/server-call.js';
import { MapEachRun, type MapEachOptions, resolveConcurrency } from './map-each.js';
import { type SendCredit } from './readiness.js';
import { MessageIterator } from './message-iterator.js';

/**
 * Messages from the peer. Consume them once, in one of three ways:
 *
 * - `for await (const message of requests)`: one message off the wire for each turn of the loop.
 * - `requests.mapEach(project)`: one message off the wire for each inner stream that completed.
 * - `requests.subscribe` and `requests.pipe`: as fast as the wire delivers. What an operator such as
 *   `concatMap` cannot handle yet is queued inside RxJS without a bound.
 *
 * The second consumption fails. Cancellation, deadline and disconnect arrive as a `ConnectError`, never as
 * the end of the stream.
 */
export interface RpcStream<T> extends Observable<T>, AsyncIterable<T> {
  /**
   * Maps every message to an inner stream and merges what these emit, as `mergeMap` does, but takes the
   * next message off the wire only when an inner stream has completed and, in a bidi call, the peer reads
   * its responses.
   *
   * @param project What RxJS's `concatMap` takes: an Observable, a promise, an (async) iterable.
   * @returns A cold Observable, single-use like the stream. An error in `project` or an inner stream ends it.
   * @throws RangeError When `concurrency` is not an integer from 1.
   */
  mapEach<I extends ObservableInput<unknown>>(
    project: (value: T, index: number) => I,
    options?: MapEachOptions,
  ): Observable<ObservedValueOf<I>>;
}

/** Tells of messages that pile up because nothing holds the peer back. */
export interface UnboundedDelivery {
  /** From how many delivered bytes on (as they came, before decompression). */
  readonly warnBytes: number;
  /** What is delivered: the source of the stream. */
  readonly source: Pick<RequestSource<unknown>, 'deliveredBytes'>;
  /** Called at most once per stream, and only for plain `subscribe` and `pipe`. */
  onWarn(): void;
}

/** What a stream needs besides its source. */
export interface MessageStreamOptions {
  /** The method's path, for messages to the developer. */
  readonly path: string;
  /** The credit of the response, where that is a stream too: `mapEach` waits for it. */
  readonly credit?: SendCredit | undefined;
  readonly unbounded?: UnboundedDelivery | undefined;
  /** What to do instead of consuming the stream twice. Default: RxJS's `share()`. */
  readonly onceHint?: string;
  /** Once it is answered, nobody is waiting for the handler, and there is nothing to warn of. */
  readonly call?: Pick<ServerCall, 'isAnswered'>;
}

/** {@link RpcStream} over a message source. */
export class MessageStream<T> extends Observable<T> implements RpcStream<T> {
  readonly #source: MessageSource<T>;
  readonly #options: MessageStreamOptions;
  #isConsumed = false;

  constructor(source: MessageSource<T>, options: MessageStreamOptions) {
    super((subscriber) => this.#deliver(subscriber));
    this.#source = source;
    this.#options = options;
  }

  mapEach<I extends ObservableInput<unknown>>(
    project: (value: T, index: number) => I,
    options?: MapEachOptions,
  ): Observable<ObservedValueOf<I>>;
  mapEach(
    project: (value: T, index: number) => ObservableInput<unknown>,
    options: MapEachOptions = {},
  ): Observable<unknown> {
    const plan = { project, concurrency: resolveConcurrency(options), credit: this.#options.credit };
    return new Observable((subscriber) => {
      this.#consume();
      new MapEachRun(this.#source, subscriber, plan).start();
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    if (this.#isConsumed) {
      return new FailedIterator<T>(this.#consumedTwice());
    }
    this.#consume();
    return new MessageIterator(this.#source);
  }

  #deliver(subscriber: Subscriber<T>): void {
    this.#consume();
    new Delivery(this.#source, subscriber, this.#options).start();
  }

  /** Thrown inside a subscribe function, the error becomes the Observable's error notification. */
  #consume(): void {
    if (this.#isConsumed) {
      throw this.#consumedTwice();
    }
    this.#isConsumed = true;
  }

  #consumedTwice(): Error {
    return new Error(
      `the messages of ${this.#options.path} were consumed twice: a stream from the wire can be subscribed, ` +
        `iterated or mapped only once. ${this.#options.onceHint ?? ONCE_HINT}`,
    );
  }
}

const ONCE_HINT = 'Use share() for several subscribers, and no retry() or repeat()';

/** A plain subscription: takes the next message as soon as one is delivered. */
class Delivery<T> implements MessageConsumer<T> {
  #isSourceEnded = false;
  #hasWarned = false;

  constructor(
    private readonly source: MessageSource<T>,
    private readonly subscriber: Subscriber<T>,
    private readonly options: MessageStreamOptions,
  ) {}

  start(): void {
    this.subscriber.add(() => this.#stop());
    this.source.start(this);
    this.#pull();
  }

  next(message: T): void {
    this.subscriber.next(message);
    const { unbounded } = this.options;
    if (unbounded !== undefined && !this.#hasWarned) {
      this.#warnWhenUnbounded(unbounded);
    }
    this.#pull();
  }

  complete(): void {
    this.#isSourceEnded = true;
    this.subscriber.complete();
  }

  error(error: unknown): void {
    this.#isSourceEnded = true;
    this.subscriber.error(error);
  }

  #pull(): void {
    if (!this.#isSourceEnded) {
      this.source.pull();
    }
  }

  #warnWhenUnbounded(unbounded: UnboundedDelivery): void {
    if (unbounded.source.deliveredBytes > unbounded.warnBytes && this.options.call?.isAnswered !== true) {
      this.#hasWarned = true;
      unbounded.onWarn();
    }
  }

  #stop(): void {
    if (!this.#isSourceEnded) {
      this.#isSourceEnded = true;
      this.source.cancel();
    }
  }
}

/** Rejects once and is done, as a generator that threw. */
class FailedIterator<T> implements AsyncIterator<T, undefined> {
  #error: Error | undefined;

  constructor(error: Error) {
    this.#error = error;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }
}
