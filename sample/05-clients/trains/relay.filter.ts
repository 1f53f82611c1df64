/**
 * Answers what a service behind this one has answered. Without it callers see `internal`, and no text: it was written for
 * this service, not for them.
 */
import { Catch, type ExceptionFilter } from '@nestjs/common';
import { ConnectError } from 'nestjs-connect';
import { type Observable, throwError } from 'rxjs';

@Catch(ConnectError)
export class RelayFilter implements ExceptionFilter<ConnectError> {
  catch(error: ConnectError): Observable<never> {
    return throwError(() => ConnectError.relay(error));
  }
}
