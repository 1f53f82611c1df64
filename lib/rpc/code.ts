/**
 * The sixteen RPC codes: numbers as gRPC sends them, names as Connect does.
 *
 * Spec: Connect protocol, "Error Codes"; gRPC, "Status codes and their use in gRPC".
 */

/** Why a call failed. `0` (OK) is not a code: success has none. */
export enum Code {
  Canceled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
}

/** The code's name on the Connect wire, for example `"not_found"`. */
export type CodeName = (typeof CODE_NAMES)[Code];

const CODE_NAMES = {
  [Code.Canceled]: 'canceled',
  [Code.Unknown]: 'unknown',
  [Code.InvalidArgument]: 'invalid_argument',
  [Code.DeadlineExceeded]: 'deadline_exceeded',
  [Code.NotFound]: 'not_found',
  [Code.AlreadyExists]: 'already_exists',
  [Code.PermissionDenied]: 'permission_denied',
  [Code.ResourceExhausted]: 'resource_exhausted',
  [Code.FailedPrecondition]: 'failed_precondition',
  [Code.Aborted]: 'aborted',
  [Code.OutOfRange]: 'out_of_range',
  [Code.Unimplemented]: 'unimplemented',
  [Code.Internal]: 'internal',
  [Code.Unavailable]: 'unavailable',
  [Code.DataLoss]: 'data_loss',
  [Code.Unauthenticated]: 'unauthenticated',
} as const satisfies Record<Code, string>;

/** Every code, in the order of their numbers. */
export const CODES: readonly Code[] = Object.freeze(Object.keys(CODE_NAMES).map(Number).filter(isCode));

const CODES_BY_NAME: ReadonlyMap<string, Code> = new Map(CODES.map((code) => [CODE_NAMES[code], code]));

/** @returns The name on the Connect wire, for example `"not_found"` for {@link Code.NotFound}. */
export function codeToName(code: Code): CodeName {
  return CODE_NAMES[code];
}

/** @returns The code with that name on the Connect wire; `undefined` for any other text. */
export function codeFromName(name: string): Code | undefined {
  return CODES_BY_NAME.get(name);
}

/** Tells whether a number, from the wire or from an application's error object, is one of the sixteen codes. */
export function isCode(value: unknown): value is Code {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 16;
}
