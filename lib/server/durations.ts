/**
 * Milliseconds as Node's own timers take them: they read Infinity as "at once", and 0 as "never".
 */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @returns The duration for a Node option in which 0 turns the timer off. */
export function nodeTimeoutMs(durationMs: number): number {
  return durationMs === Infinity ? 0 : Math.min(Math.ceil(durationMs), MAX_TIMER_MS);
}
