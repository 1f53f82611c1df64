/**
 * Generators and other iterables, pulled only while the peer takes more.
 *
 * As an Observable such a stream passes through Nest's interceptors and keeps its backpressure: the credit
 * reaches the generator around the operators, not through them.
 */
import { Observable } from 'rxjs';
import { type SendCredit } from './readiness.js';
import { IterablePump } from './iterable-pump.js';

/**
 * Turns an iterable into an Observable that pulls the next value only while there is credit.
 *
 * Unsubscribing calls the iterator's `return()` at once, and so does the end of the call.
 *
 * @param credit `undefined` when nothing holds the stream back.
 * @param onLateError Told of what `return()` throws: nobody listens to the Observable any more. Default: ignored.
 */
export function creditedObservable<T>(
  iterable: AsyncIterable<T> | Iterable<T>,
  credit: SendCredit | undefined,
  onLateError: (error: unknown) => void = ignore,
): Observable<T> {
  return new Observable<T>((subscriber) => {
    const pump = new IterablePump(subscriber, { credit, onLateError });
    // Before it runs: a sync iterable may end its subscriber in the middle of the loop.
    subscriber.add(() => pump.stop());
    pump.run(iterable);
  });
}

function ignore(): void {}
