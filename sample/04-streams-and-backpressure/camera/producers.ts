/**
 * Three ways to produce a stream, by who waits for whom.
 */
import { type ConnectContext } from 'nestjs-connect';
import { interval, map, Observable } from 'rxjs';
import { type Camera, type Frame } from './camera.js';

/** Pulled: the next frame is asked for when the client takes more. Nothing to be done for it. */
export async function* generated(camera: Camera): AsyncGenerator<Frame> {
  while (true) {
    yield camera.shoot();
  }
}

/** Pushed, but polite: waits until the client takes more. Resolves too when the client is gone. */
export function paced(camera: Camera, context: ConnectContext): Observable<Frame> {
  return new Observable((subscriber) => {
    const film = async (): Promise<void> => {
      while (!subscriber.closed) {
        subscriber.next(camera.shoot());
        await context.drained();
      }
    };
    film().catch((error: unknown) => subscriber.error(error));
  });
}

/** Pushed, a frame every millisecond, whoever looks. What the client does not take waits, up to `bufferBytes`. */
export function pushed(camera: Camera): Observable<Frame> {
  return interval(1).pipe(map(() => camera.shoot()));
}
