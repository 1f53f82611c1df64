/**
 * Nest's processing hooks (`setOnProcessingStartHook`, `setOnProcessingEndHook`), which tracing libraries set.
 *
 * The start hook wraps the call: that is where an AsyncLocalStorage is entered. Without hooks a call pays
 * nothing for them.
 */
import { type BaseRpcContext, type TransportId } from '@nestjs/microservices';
import { type ServerCall } from '../rpc/server-call.js';

export type ProcessingStartHook = (
  transportId: TransportId,
  context: BaseRpcContext,
  done: () => Promise<unknown>,
) => void;
export type ProcessingEndHook = (transportId: TransportId, context: BaseRpcContext) => void;

export class ProcessingHooks {
  start: ProcessingStartHook | undefined;
  end: ProcessingEndHook | undefined;

  constructor(private readonly transportId: TransportId) {}

  /** True when nobody set a hook: there is nothing to run around a call. */
  get areUnset(): boolean {
    return this.start === undefined && this.end === undefined;
  }

  /** Runs a call between the hooks; the end hook runs once, when the call is over. */
  run(context: BaseRpcContext, call: ServerCall, invoke: () => void): void {
    const { start, end } = this;
    if (end !== undefined) {
      call.onFinish(() => end(this.transportId, context));
    }
    if (start === undefined) {
      invoke();
    } else {
      start(this.transportId, context, () => {
        invoke();
        return Promise.resolve();
      });
    }
  }
}
