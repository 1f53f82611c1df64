import { describe, expect, it } from '@jest/globals';
import { Code } from '../rpc/code.js';
import { codeFromHttpStatus } from './http-status.js';

const TABLE: readonly (readonly [number, Code])[] = [
  [400, Code.Internal],
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.Unimplemented],
  [429, Code.Unavailable],
  [502, Code.Unavailable],
  [503, Code.Unavailable],
  [504, Code.Unavailable],
];

describe('codeFromHttpStatus (Connect protocol, "HTTP to Error Code"; gRPC, http-grpc-status-mapping)', () => {
  it.each(TABLE)('reads %d as code %d', (status, code) => {
    expect(codeFromHttpStatus(status)).toBe(code);
  });

  // 431 is `internal` in the newest gRPC text; the Connect table and the conformance suite want `unknown`.
  it.each([100, 200, 204, 302, 304, 408, 409, 412, 413, 415, 418, 431, 500, 501, 505, 599, 800])(
    'reads %d as unknown',
    (status) => {
      expect(codeFromHttpStatus(status)).toBe(Code.Unknown);
    },
  );

  it('reads every other status as unknown', () => {
    const known = new Set(TABLE.map(([status]) => status));
    const others = Array.from({ length: 1_000 }, (_, status) => status).filter(
      (status) => !known.has(status),
    );
    expect(new Set(others.map(codeFromHttpStatus))).toEqual(new Set([Code.Unknown]));
  });
});
