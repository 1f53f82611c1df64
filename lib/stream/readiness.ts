/**
 * The credit of one stream on its way out: everybody who produces for it asks here whether the peer takes more.
 *
 * A sink has one listener, but several wait for it: the queue of a push Observable, the pump of a generator,
 * `mapEach` on the request side, and `context.drained()`. What is queued already leaves first.
 */
import { type MessageSink } from '../rpc/message-flow.js';

/** A wait that can be given up. */
export interface CreditWaiter {
  /** The listener is not called any more. Safe at any time. */
  cancel(): void;
}

/** Messages that were produced without credit and leave before anything else. */
export interface Backlog {
  readonly isEmpty: boolean;
  /** Called each time the sink becomes ready. */
  flush(): void;
}

/**
 * One per call with a stream of responses, made around its sink before the handler runs.
 *
 * Once the call is over there is nothing left to wait for: {@link isReady} is true, and everybody who
 * waited is called.
 */
export class SendCredit {
  readonly #sink: Pick<MessageSink<never>, 'isReady' | 'onReady'>;
  /** In the order in which they came; those that a round leaves out are first in the next one. */
  readonly #waiters = new Set<Waiter>();
  #backlog: Backlog | undefined;
  #drained: Promise<void> | undefined;
  #isOver = false;

  /** Takes the sink's one `onReady` for itself. */
  constructor(sink: Pick<MessageSink<never>, 'isReady' | 'onReady'>) {
    this.#sink = sink;
    sink.onReady(() => this.#grant());
  }

  /** True when the peer takes more and nothing waits in front, and when the call is over. */
  get isReady(): boolean {
    return this.#isOver || (this.#sink.isReady && this.#backlog?.isEmpty !== false);
  }

  /** True after {@link end}. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Names the queue that goes before all who wait. */
  setBacklog(backlog: Backlog): void {
    this.#backlog = backlog;
  }

  /** Calls the listener once: now when there is credit, else when there is, or when the call is over. */
  whenReady(listener: () => void): CreditWaiter {
    const waiter = new Waiter(listener, this.#waiters);
    if (this.isReady) {
      listener();
    } else {
      this.#waiters.add(waiter);
    }
    return waiter;
  }

  /** Resolves when the peer takes more, and when the call is over, however it ended. Never rejects. */
  drained(): Promise<void> {
    if (this.isReady) {
      return Promise.resolve();
    }
    this.#drained ??= new Promise((resolve) => {
      this.whenReady(() => {
        this.#drained = undefined;
        resolve();
      });
    });
    return this.#drained;
  }

  /** The call is over: answered, failed, or canceled. */
  end(): void {
    this.#isOver = true;
    this.#backlog = undefined;
    this.#callWaiters();
  }

  #grant(): void {
    this.#backlog?.flush();
    this.#callWaiters();
  }

  /** Each may use up the credit: the rest go on waiting. */
  #callWaiters(): void {
    for (const waiter of this.#waiters) {
      if (!this.isReady) {
        return;
      }
      this.#waiters.delete(waiter);
      waiter.listener();
    }
  }
}

class Waiter implements CreditWaiter {
  constructor(
    readonly listener: () => void,
    private readonly waiters: Set<Waiter>,
  ) {}

  cancel(): void {
    this.waiters.delete(this);
  }
}
