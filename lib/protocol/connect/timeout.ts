/**
 * Connect timeouts: the `connect-timeout-ms` header.
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
