/**
 * What runs around a call, guards and filters included: the option `around`, Nest's processing hooks
 * (`setOnProcessingStartHook`, `setOnProcessingEndHook`), which tracing libraries set, and what tells outgoing calls of
 * the incoming one.
 *
 * All of them are where an AsyncLocalStorage is entered. What the call does later, when messages arrive or the client
 * reads, runs in what was entered there. Without any of them a call pays nothing.
 */
import { AsyncResource } from 'node:async_hooks';
import { type BaseRpcContext, type TransportId } from '@nestjs/microservices';
import { incomingCalls } from '../client/propagation/incoming-calls.js';
import { type ConnectError } from '../rpc/connect-error.js';
import { type ServerCall } from '../rpc/server-call.js';
import { isPromiseLike } from '../stream/handler-result.js';
import { type ConnectContext } from './connect.context.js';

export type ProcessingStartHook = (
  transportId: TransportId,
  context: BaseRpcContext,
  done: () => Promise<unknown>,
) => void;
export type ProcessingEndHook = (transportId: TransportId, context: BaseRpcContext) => void;

/**
 * Runs around every call, and calls `next` before it returns, or before the promise that it returns settles: a call that is not
 * begun by then fails.
 *
 * ```ts
 * around: (context, next) => storage.run({ requestId: context.requestHeaders.get('x-request-id') }, next)
 * ```
 *
 * Guards, pipes, interceptors, the handler, its streams and exception filters run inside of `next`. What it throws, or
 * rejects with, fails the call by the table of `docs/errors.md`.
 *
 * @param next Begins the call, the first time. Returns a promise that resolves when the call is over, however it ended,
 * and never rejects.
 */
export type Around = (context: ConnectContext, next: () => Promise<void>) => unknown;

/** A call that can be failed before its handler runs. */
interface FailableCall extends ServerCall {
  fail(error: ConnectError): void;
}

export interface ProcessingHooksInit {
  readonly transportId: TransportId;
  readonly around: Around | undefined;
  /** What the caller sees of what `around` throws. */
  toError(error: unknown): ConnectError;
}

export class ProcessingHooks {
  start: ProcessingStartHook | undefined;
  end: ProcessingEndHook | undefined;

  constructor(private readonly init: ProcessingHooksInit) {}

  /** True when there is nothing to run around a call. */
  get areUnset(): boolean {
    return this.#areNone && !incomingCalls.areWanted;
  }

  /**
   * Runs a call: `around` first, then the start hook; the end hook runs once, when the call is over. Calls that any of them
   * makes are made for this one.
   */
  run(context: ConnectContext, call: FailableCall, invoke: () => void): void {
    if (this.areUnset) {
      invoke();
      return;
    }
    const run = (): void => {
      const resource = new AsyncResource('ConnectCall');
      call.scope = (listener) => resource.runInAsyncScope(listener);
      invoke();
    };
    const begin = this.#areNone ? run : () => this.#runHooks(context, call, run);
    if (incomingCalls.areWanted) {
      incomingCalls.run(call, begin);
    } else {
      begin();
    }
  }

  get #areNone(): boolean {
    return this.start === undefined && this.end === undefined && this.init.around === undefined;
  }

  #runHooks(context: ConnectContext, call: FailableCall, run: () => void): void {
    const { start, end } = this;
    const { around, transportId } = this.init;
    const begin =
      start === undefined
        ? run
        : () =>
            start(transportId, context, () => {
              run();
              return Promise.resolve();
            });
    const isOver = new Promise<void>((resolve) => {
      call.onFinish(() => {
        end?.(transportId, context);
        resolve();
      });
    });
    if (around === undefined) {
      begin();
    } else {
      this.#runAround(around, context, call, { begin, isOver });
    }
  }

  #runAround(
    around: Around,
    context: ConnectContext,
    call: FailableCall,
    { begin, isOver }: { begin: () => void; isOver: Promise<void> },
  ): void {
    let isDecided = false;
    const next = (): Promise<void> => {
      if (!isDecided) {
        isDecided = true;
        begin();
      }
      return isOver;
    };
    const fail = (error: unknown): void => {
      isDecided = true;
      call.fail(this.init.toError(error));
    };
    const onEnd = (): void => {
      if (!isDecided) {
        fail(new Error(`around() has ended without calling next() for ${call.spec.path}`));
      }
    };
    try {
      const result = around(context, next);
      if (isPromiseLike(result)) {
        result.then(onEnd, fail);
      } else {
        onEnd();
      }
    } catch (error) {
      fail(error);
    }
  }
}
