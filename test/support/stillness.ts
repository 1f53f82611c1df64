/**
 * Waits until something has stopped that tells nobody of its end: a producer that is held back.
 */
import { eventually } from './eventually.js';

const SAME_TIMES = 20;

/** Resolves when the value has been the same for a while. */
export async function stillness(value: () => number): Promise<void> {
  let last = Number.NaN;
  let times = 0;
  await eventually(() => {
    times = value() === last ? times + 1 : 0;
    last = value();
    return times === SAME_TIMES;
  });
}
