/**
 * How long to wait before the next try, of a request or of a connection, when nothing but failures came before.
 */

const FIRST_MS = 20;
const MAX_MS = 1_000;

/** Most servers are back, or another one is there, at once: only the third try in a row waits. */
const FREE_FAILURES = 2;

/**
 * @param failures In a row.
 * @returns Milliseconds; 0 for at once. Spread at random, so that clients of one server do not come back together.
 */
export function pauseAfter(failures: number): number {
  if (failures < FREE_FAILURES) {
    return 0;
  }
  const most = Math.min(FIRST_MS * 2 ** (failures - FREE_FAILURES), MAX_MS);
  return most * (0.5 + Math.random() / 2);
}
