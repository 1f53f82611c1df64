/**
 * Checks of a client's options: a mistake fails where it is made, and not in every call.
 */

/** @throws TypeError When it is no number of milliseconds above 0; it names the option. */
export function durationOf(option: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new TypeError(`${option} is ${String(value)}: expected milliseconds above 0, or Infinity`);
  }
  return value;
}

/** @throws TypeError When it is no number of bytes from 0; it names the option. */
export function bytesOf(option: string, value: number): number {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new TypeError(`${option} is ${String(value)}: expected bytes from 0, or Infinity`);
  }
  return value;
}
