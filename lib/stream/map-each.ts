/**
 * `requests.mapEach(project)`: the `mergeMap` that holds the peer back.
 *
 * RxJS has no demand signal, so `mergeMap` on a push source queues inside RxJS whatever the source does.
 * Here a message is taken off the wire only when a place is free among the inner streams, and the peer
 * reads its responses:
 *
 *   inner completed ──► place free? ──► response has credit? ──► pull ──► project ──► inner
 */
import { from, isObservable, Observable, type ObservableInput, type Subscriber, takeWhile } from 'rxjs';
import { type ConnectError } from '../rpc/connect-error.js';
import { type MessageConsumer, type MessageSource } from '../rpc/message-flow.js';
import { creditedObservable } from './credited-observable.js';
import { isIterable } from './handler-result.js';
import { type CreditWaiter, type SendCredit } from './readiness.js';

/** Settings of `mapEach`. */
export interface MapEachOptions {
  /** How many inner streams may run at once: an integer from 1. Default: 1, as `concatMap`. */
  readonly concurrency?: number;
}

/** @throws RangeError When the concurrency is not an integer from 1. */
export function resolveConcurrency({ concurrency = 1 }: MapEachOptions): number {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(
      `mapEach: concurrency is ${String(concurrency)}, but it must be an integer from 1: ` +
        'the number of messages that are worked on at once',
    );
  }
  return concurrency;
}

/** What a `mapEach` does with its messages. */
export interface MapEachPlan<T, R> {
  project(value: T, index: number): ObservableInput<R>;
  readonly concurrency: number;
  /** The credit of the response, where that is a stream too. */
  readonly credit: SendCredit | undefined;
}

/** One subscription of a `mapEach`: pulls, projects, and merges what the inner streams emit. */
export class MapEachRun<T, R> implements MessageConsumer<T> {
  readonly #source: MessageSource<T>;
  readonly #subscriber: Subscriber<R>;
  readonly #plan: MapEachPlan<T, R>;
  #index = 0;
  #active = 0;
  #isPulling = false;
  #isSourceEnded = false;
  #waiter: CreditWaiter | undefined;

  constructor(source: MessageSource<T>, subscriber: Subscriber<R>, plan: MapEachPlan<T, R>) {
    this.#source = source;
    this.#subscriber = subscriber;
    this.#plan = plan;
  }

  start(): void {
    this.#subscriber.add(() => this.#stop());
    this.#source.start(this);
    this.#pullWhenFree();
  }

  next(message: T): void {
    this.#isPulling = false;
    let inner: Observable<R>;
    try {
      inner = this.#toObservable(this.#plan.project(message, this.#index++));
    } catch (error) {
      this.#subscriber.error(error);
      return;
    }
    this.#active++;
    this.#subscriber.add(this.#whileOpen(inner).subscribe(this.#innerObserver));
    this.#pullWhenFree();
  }

  complete(): void {
    this.#isSourceEnded = true;
    this.#completeWhenIdle();
  }

  error(error: ConnectError): void {
    this.#isSourceEnded = true;
    this.#subscriber.error(error);
  }

  /** One message is on its way at a time, whatever the concurrency, so that sources need not count. */
  #pullWhenFree(): void {
    if (this.#isPulling || this.#isSourceEnded || this.#active >= this.#plan.concurrency) {
      return;
    }
    if (this.#plan.credit?.isReady === false) {
      this.#waiter ??= this.#plan.credit.whenReady(this.#onCredit);
    } else {
      this.#isPulling = true;
      this.#source.pull();
    }
  }

  readonly #onCredit = (): void => {
    this.#waiter = undefined;
    this.#pullWhenFree();
  };

  // One observer for all inner streams: they differ in nothing.
  readonly #innerObserver = {
    next: (value: R): void => this.#subscriber.next(value),
    error: (error: unknown): void => this.#subscriber.error(error),
    complete: (): void => {
      this.#active--;
      this.#completeWhenIdle();
      this.#pullWhenFree();
    },
  };

  // A source that emits in a loop has no subscription yet that could be ended.
  readonly #whileOpen = takeWhile<R>(() => !this.#subscriber.closed);

  /** Generators are pulled with the response's credit too, and are returned as soon as they are canceled. */
  #toObservable(inner: ObservableInput<R>): Observable<R> {
    return !isObservable(inner) && isIterableInput(inner)
      ? creditedObservable(inner, this.#plan.credit)
      : from(inner);
  }

  #completeWhenIdle(): void {
    if (this.#isSourceEnded && this.#active === 0) {
      this.#subscriber.complete();
    }
  }

  #stop(): void {
    this.#waiter?.cancel();
    if (!this.#isSourceEnded) {
      this.#isSourceEnded = true;
      this.#source.cancel();
    }
  }
}

function isIterableInput<R>(input: ObservableInput<R>): input is AsyncIterable<R> | Iterable<R> {
  return isIterable(input);
}
