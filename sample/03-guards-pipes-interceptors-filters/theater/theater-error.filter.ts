/**
 * An exception filter: the theater's errors as codes, with the reason as a constant that programs can compare.
 */
import { Catch, type ExceptionFilter } from '@nestjs/common';
import { Code, ConnectError, errorInfo } from 'nestjs-connect';
import { type Observable, throwError } from 'rxjs';
import { TheaterError } from './theater.error.js';

const CODE = {
  NO_SUCH_ROW: Code.NotFound,
  NO_SUCH_SEAT: Code.NotFound,
  SEAT_TAKEN: Code.AlreadyExists,
} as const satisfies Record<TheaterError['reason'], Code>;

@Catch(TheaterError)
export class TheaterErrorFilter implements ExceptionFilter<TheaterError> {
  catch({ reason, message }: TheaterError): Observable<never> {
    const details = [errorInfo({ reason, domain: 'theater.example.com' })];
    return throwError(() => new ConnectError(message, { code: CODE[reason], details }));
  }
}
