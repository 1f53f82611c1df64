import { describe, expect, it } from '@jest/globals';
import { Code } from '../../rpc/code.js';
import { checkProtocolVersion, VERSION_HEADER, VERSION_PARAMETER } from './protocol-version.js';

describe('checkProtocolVersion (Connect protocol, "Connect-Protocol-Version")', () => {
  it.each([
    ['1', VERSION_HEADER, true],
    ['1', VERSION_HEADER, false],
    [undefined, VERSION_HEADER, false],
    ['v1', VERSION_PARAMETER, true],
    ['v1', VERSION_PARAMETER, false],
    [undefined, VERSION_PARAMETER, false],
  ])('accepts %j in the %o, required: %s', (value, field, isRequired) => {
    expect(() => checkProtocolVersion(value, field, isRequired)).not.toThrow();
  });

  it.each([
    [undefined, VERSION_HEADER, true, 'header connect-protocol-version is missing: expected "1"'],
    ['2', VERSION_HEADER, false, 'header connect-protocol-version is "2": expected "1"'],
    ['', VERSION_HEADER, false, 'header connect-protocol-version is "": expected "1"'],
    ['v1', VERSION_HEADER, false, 'header connect-protocol-version is "v1": expected "1"'],
    ['1, 1', VERSION_HEADER, false, 'header connect-protocol-version is "1, 1": expected "1"'],
    ['01', VERSION_HEADER, true, 'header connect-protocol-version is "01": expected "1"'],
    [undefined, VERSION_PARAMETER, true, 'query parameter connect is missing: expected "v1"'],
    ['1', VERSION_PARAMETER, false, 'query parameter connect is "1": expected "v1"'],
    ['V1', VERSION_PARAMETER, true, 'query parameter connect is "V1": expected "v1"'],
  ])('rejects %j in the %o, required: %s', (value, field, isRequired, message) => {
    expect(() => checkProtocolVersion(value, field, isRequired)).toThrow(
      expect.objectContaining({ code: Code.InvalidArgument, rawMessage: message }),
    );
  });
});
