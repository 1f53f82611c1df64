/**
 * An `unhandledRejection` or `uncaughtException` fails the suite in which it happens, also when it comes with the end of the
 * last app.
 *
 * Jest listens for both, and counts them for the test or hook from which they come. (Specs cannot: their `process` is a copy,
 * whose listeners are never called.) But it stops listening when its last hook is over, and what comes then ends the process
 * instead.
 */
import { setImmediate } from 'node:timers/promises';
import { afterAll } from '@jest/globals';

/** Sockets close in the turn after the call that ends them, and a rejection is unhandled at the end of its turn. */
const TURNS = 3;

/** Call it behind the suite's own hooks: they run in their order. */
export function failOnUnhandled(): void {
  afterAll(async () => {
    for (let turn = 0; turn < TURNS; turn++) {
      await setImmediate();
    }
  });
}
