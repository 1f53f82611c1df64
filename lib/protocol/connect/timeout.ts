/**
 * Connect timeouts: the `connect-timeout-ms` header to milliseconds and back.
 *
 * Spec: Connect protocol, "Timeout": "positive integer as ASCII string of at most 10 digits".
 */
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';

/**
 * @param value Up to 10 digits, for example `"250"`; `undefined` when there is none.
 * @returns Milliseconds.
 * @throws ConnectError `invalid_argument` when the value does not match the grammar.
 */
export function parseTimeout(value: string | undefined): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  if (!/^\d{1,10}$/.test(value)) {
    throw new ConnectError(
      `cannot parse connect-timeout-ms "${value}": expected 1 to 10 digits, such as "250"`,
      {
        code: Code.InvalidArgument,
      },
    );
  }
  return Number(value);
}

/** The largest number of ten digits: 115 days. */
const MAX_TIMEOUT_MS = 9_999_999_999;

/**
 * @param timeoutMs Above 0; `undefined` for none.
 * @returns Whole milliseconds, rounded down, but at least 1: the header holds a positive integer. `undefined` for no
 * header, also where the time has more than ten digits: no call takes that long.
 */
export function formatTimeout(timeoutMs: number | undefined): string | undefined {
  if (timeoutMs === undefined) {
    return undefined;
  }
  const wholeMs = Math.max(Math.floor(timeoutMs), 1);
  return wholeMs > MAX_TIMEOUT_MS ? undefined : String(wholeMs);
}
