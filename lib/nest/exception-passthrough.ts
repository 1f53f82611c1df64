/**
 * Exceptions past Nest's last filter, unchanged, for our calls only.
 *
 * Where no filter of the user's catches an exception, Nest's `BaseRpcExceptionFilter` replaces it by
 * `{ status, message }`: the code is lost, also of `ConnectError`s, guard denials and HTTP exceptions. There
 * is no hook before it that leaves users' filters in charge, so its method is wrapped once per process: calls
 * whose context is a ConnectContext get the exception itself, all others what they always got.
 */
import { type ArgumentsHost } from '@nestjs/common';
import { BaseRpcExceptionFilter } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';
import { ConnectContext } from './connect.context.js';

const INSTALLED = Symbol.for('nestjs-connect:exception-passthrough');

type Catch = (this: BaseRpcExceptionFilter, exception: unknown, host: ArgumentsHost) => Observable<unknown>;

/** Called by the transport's constructor; does nothing the second time. */
export function installExceptionPassthrough(): void {
  const prototype = BaseRpcExceptionFilter.prototype as BaseRpcExceptionFilter & { [INSTALLED]?: true };
  if (prototype[INSTALLED] === true) {
    return;
  }
  const original = Reflect.get(prototype, 'catch') as Catch;
  prototype.catch = function (exception: unknown, host: ArgumentsHost): Observable<unknown> {
    return host.getArgByIndex<unknown>(1) instanceof ConnectContext
      ? throwError(() => exception)
      : original.call(this, exception, host);
  };
  Object.defineProperty(prototype, INSTALLED, { value: true });
}
