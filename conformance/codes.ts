/**
 * The suite's error codes and the library's: two enums with the same numbers.
 */
import { Code } from 'nestjs-connect/client';
import { Code as SuiteCode } from './gen/connectrpc/conformance/v1/config_pb.js';

const LIBRARY_CODES = byNumber(Object.values(Code));
const SUITE_CODES = byNumber(Object.values(SuiteCode));

/** @returns `unknown` when the library does not have it. */
export function toLibraryCode(code: SuiteCode): Code {
  return LIBRARY_CODES.get(code) ?? Code.Unknown;
}

/** @returns `unspecified` when the suite does not have it. */
export function toSuiteCode(code: Code): SuiteCode {
  return SUITE_CODES.get(code) ?? SuiteCode.UNSPECIFIED;
}

/** @param members Names and numbers, as an enum has them. */
function byNumber<E extends number>(members: readonly (string | E)[]): ReadonlyMap<number, E> {
  return new Map(
    members.filter((member) => typeof member === 'number').map((code): [number, E] => [code, code]),
  );
}
