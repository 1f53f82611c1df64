/**
 * The incoming call that code runs for, known wherever it runs: in guards, handlers, and their streams later on.
 *
 * Whoever serves calls enters them here, but only while a channel exists that passes something on: an AsyncLocalStorage
 * is paid by everything that the process does.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type ServerCall } from '../../rpc/server-call.js';
import { timerWheel } from '../../rpc/timer-wheel.js';
import { outsideCalls } from '../connection/call-context.js';

/** What outgoing calls are told of it. */
export type Incoming = Pick<
  ServerCall,
  'deadline' | 'signal' | 'cancelReason' | 'isAnswered' | 'requestHeaders'
>;

class IncomingCalls {
  readonly #storage = new AsyncLocalStorage<Incoming>();
  #channels = 0;

  /** A channel exists that passes something on. */
  get areWanted(): boolean {
    return this.#channels > 0;
  }

  /** The one that the running code belongs to. */
  get current(): Incoming | undefined {
    return this.#storage.getStore();
  }

  /** Runs what belongs to an incoming call, and what that starts. */
  run(call: Incoming, begin: () => void): void {
    this.#storage.run(call, begin);
  }

  /** A channel was made that passes something on. */
  channelOpened(): void {
    this.#channels++;
    // Its ticker tells all calls of their deadlines, and must not do so in the name of the one that it was started for.
    timerWheel.startTicker = outsideCalls;
  }

  /** It takes no calls any more. */
  channelClosed(): void {
    this.#channels--;
  }
}

export const incomingCalls = new IncomingCalls();
