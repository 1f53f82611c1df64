/**
 * An interceptor: a line in the log for every call of every kind, when it has ended, however it has.
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
import { requestId } from './request-id.js';

@Injectable()
export class LoggingInterceptor implements NestInterceptor {
  readonly #logger = new Logger('Calls');

  /** Unary answers pass here as Observables of one message. */
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const call = context.switchToRpc().getContext<ConnectContext>();
    let messages = 0;
    let error: unknown;
    return next.handle().pipe(
      tap({
        next: () => messages++,
        error: (thrown: unknown) => (error = thrown),
        finalize: () => {
          const ending: unknown = error ?? (call.signal.aborted ? call.signal.reason : 'ok');
          this.#logger.log(
            `[${requestId()}] ${call.method.name} by ${call.protocol}: ${messages} sent, ${String(ending)}`,
          );
        },
      }),
    );
  }
}
