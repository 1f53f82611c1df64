/**
 * gRPC timeouts: the `grpc-timeout` header to milliseconds and back.
 *
 * Spec: gRPC over HTTP/2, "Timeout → TimeoutValue TimeoutUnit" (at most 8 digits).
 */
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';

const MS_PER_UNIT = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 } as const;

const FINEST_FIRST = ['n', 'u', 'm', 'S', 'M', 'H'] as const satisfies (keyof typeof MS_PER_UNIT)[];

const MAX_VALUE = 99_999_999;

/**
 * Parses a `grpc-timeout` header value.
 *
 * @param value 1 to 8 digits and one of `H M S m u n`, for example `"250m"`; `undefined` when there is none.
 * @returns Milliseconds; sub-millisecond units keep their fraction.
 * @throws ConnectError `invalid_argument` when the value does not match the grammar.
 */
export function parseTimeout(value: string | undefined): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  const match = /^(?<digits>\d{1,8})(?<unit>[HMSmun])$/.exec(value);
  if (match === null) {
    throw new ConnectError(
      `cannot parse grpc-timeout "${value}": expected 1 to 8 digits and a unit, such as "250m"`,
      {
        code: Code.InvalidArgument,
      },
    );
  }
  // The pattern above makes both groups present, and the unit one of the six.
  const { digits, unit } = match.groups as { digits: string; unit: keyof typeof MS_PER_UNIT };
  return Number(digits) * MS_PER_UNIT[unit];
}

/**
 * Writes a `grpc-timeout` header value, in the finest unit that 8 digits hold, rounded down: the server must not work
 * longer than its caller waits.
 *
 * @param timeoutMs Milliseconds; `undefined` for none.
 * @returns For example `"250000u"`; `undefined` for none, for less than a nanosecond, and for more than the header holds.
 */
export function formatTimeout(timeoutMs: number | undefined): string | undefined {
  if (timeoutMs === undefined) {
    return undefined;
  }
  for (const unit of FINEST_FIRST) {
    const value = Math.floor(timeoutMs / MS_PER_UNIT[unit]);
    if (value <= MAX_VALUE) {
      return value > 0 ? `${value}${unit}` : undefined;
    }
  }
  return undefined;
}
