/**
 * A line in the log for every call that has ended: who called, how long the caller would have waited, how it ended.
 */
import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  Logger,
  type NestInterceptor,
} from '@nestjs/common';
import { type ConnectContext } from 'nestjs-connect';
import { type Observable, tap } from 'rxjs';
import { attemptOf } from './attempt.js';
import { CALLER_HEADER } from './forecasts.client.js';

@Injectable()
export class CallLog implements NestInterceptor {
  readonly #logger = new Logger('Forecasts');

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const call = execution.switchToRpc().getContext<ConnectContext>();
    // Now: when the call has ended, nothing is left of its time.
    const beginning = describe(call);
    let error: unknown;
    return next.handle().pipe(
      tap({
        error: (thrown: unknown) => (error = thrown),
        finalize: () => {
          const ending: unknown = error ?? (call.signal.aborted ? call.signal.reason : 'ok');
          this.#logger.log(`${beginning}: ${String(ending)}`);
        },
      }),
    );
  }
}

function describe(call: ConnectContext): string {
  const caller = call.requestHeaders.get(CALLER_HEADER) ?? 'somebody';
  const timeoutMs = call.timeoutMs();
  const patience = timeoutMs === undefined ? 'no deadline' : `${timeoutMs.toFixed()} ms left`;
  return `${call.method.name} for ${caller}, attempt ${attemptOf(call)}, ${patience}`;
}
