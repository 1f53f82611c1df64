import { describe, expect, it } from '@jest/globals';
import { Code, codeFromName, CODES, codeToName, isCode } from './code.js';

// Connect protocol, "Error Codes"; gRPC, "Status codes and their use in gRPC".
const TABLE: [Code, number, string][] = [
  [Code.Canceled, 1, 'canceled'],
  [Code.Unknown, 2, 'unknown'],
  [Code.InvalidArgument, 3, 'invalid_argument'],
  [Code.DeadlineExceeded, 4, 'deadline_exceeded'],
  [Code.NotFound, 5, 'not_found'],
  [Code.AlreadyExists, 6, 'already_exists'],
  [Code.PermissionDenied, 7, 'permission_denied'],
  [Code.ResourceExhausted, 8, 'resource_exhausted'],
  [Code.FailedPrecondition, 9, 'failed_precondition'],
  [Code.Aborted, 10, 'aborted'],
  [Code.OutOfRange, 11, 'out_of_range'],
  [Code.Unimplemented, 12, 'unimplemented'],
  [Code.Internal, 13, 'internal'],
  [Code.Unavailable, 14, 'unavailable'],
  [Code.DataLoss, 15, 'data_loss'],
  [Code.Unauthenticated, 16, 'unauthenticated'],
];

describe('codes', () => {
  it.each(TABLE)('%d is %d on the gRPC wire and %s on the Connect wire', (code, number, name) => {
    expect(code).toBe(number);
    expect(codeToName(code)).toBe(name);
    expect(codeFromName(name)).toBe(code);
    expect(isCode(number)).toBe(true);
  });

  it('are all sixteen, in the order of their numbers', () => {
    expect(CODES).toEqual(TABLE.map(([code]) => code));
    expect(Object.values(Code).filter((value) => typeof value === 'number')).toEqual(CODES);
    expect(Object.isFrozen(CODES)).toBe(true);
  });

  it.each(['', 'ok', 'Canceled', 'cancelled', 'NOT_FOUND', 'not found', '5', 'toString', '__proto__'])(
    'have no name %j',
    (name) => {
      expect(codeFromName(name)).toBeUndefined();
    },
  );

  it.each([0, 17, -1, 1.5, NaN, Infinity, '5', null, undefined, {}, 5n])('do not include %p', (value) => {
    expect(isCode(value)).toBe(false);
  });
});
