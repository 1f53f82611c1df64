/**
 * What services behind the gateway answer, as HTTP. A text is passed on where the caller can do something about it; others
 * may name addresses, and are for the log.
 */
import { STATUS_CODES } from 'node:http';
import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Code, ConnectError } from 'nestjs-connect';

/** What is wrong behind a gateway is a 502, whatever it is. */
const HTTP_STATUS = {
  [Code.InvalidArgument]: 400,
  [Code.FailedPrecondition]: 400,
  [Code.OutOfRange]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.Aborted]: 409,
  [Code.ResourceExhausted]: 429,
  [Code.Canceled]: 502,
  [Code.Unknown]: 502,
  [Code.Unimplemented]: 502,
  [Code.Internal]: 502,
  [Code.DataLoss]: 502,
  [Code.Unavailable]: 503,
  [Code.DeadlineExceeded]: 504,
} as const satisfies Record<Code, number>;

@Catch(ConnectError)
export class UpstreamErrorFilter implements ExceptionFilter<ConnectError> {
  readonly #logger = new Logger('Gateway');

  constructor(private readonly adapters: HttpAdapterHost) {}

  catch(error: ConnectError, host: ArgumentsHost): void {
    const statusCode = HTTP_STATUS[error.code];
    const isOurs = statusCode >= 500;
    if (isOurs) {
      this.#logger.warn(error.message);
    }
    const message = isOurs ? STATUS_CODES[statusCode] : error.rawMessage;
    const { httpAdapter } = this.adapters;
    httpAdapter.reply(host.switchToHttp().getResponse(), { statusCode, message }, statusCode);
  }
}
