/**
 * Waits for what no event tells, without a fixed time.
 */
import { setTimeout } from 'node:timers/promises';

const EVERY_MS = 5;

/** @throws Error When the condition does not hold in time. Default: 4,000 ms. */
export async function eventually(condition: () => boolean, withinMs = 4_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > end) {
      throw new Error(`did not become true within ${withinMs} ms: ${condition.toString()}`);
    }
    await setTimeout(EVERY_MS);
  }
}
