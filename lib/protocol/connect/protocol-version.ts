/**
 * The version a Connect request declares: by header, or by query for GET.
 *
 * Spec: Connect protocol, "Connect-Protocol-Version"; servers may require it, and refuse what is not version 1.
 */
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';

/** Where a request declares the version, and how version 1 is written there. */
export interface VersionField {
  readonly name: string;
  readonly version1: string;
}

export const VERSION_HEADER: VersionField = { name: 'header connect-protocol-version', version1: '1' };
export const VERSION_PARAMETER: VersionField = { name: 'query parameter connect', version1: 'v1' };

/**
 * @param value As declared; `undefined` when the request does not.
 * @throws ConnectError `invalid_argument`.
 */
export function checkProtocolVersion(
  value: string | undefined,
  field: VersionField,
  isRequired: boolean,
): void {
  if (value === field.version1 || (value === undefined && !isRequired)) {
    return;
  }
  const found = value === undefined ? 'is missing' : `is "${value}"`;
  throw new ConnectError(`${field.name} ${found}: expected "${field.version1}"`, {
    code: Code.InvalidArgument,
  });
}
