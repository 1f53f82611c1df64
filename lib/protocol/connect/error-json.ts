/**
 * Errors as Connect writes them: the body of a unary error, and `error` in an end-stream message.
 *
 * Spec: Connect protocol, "Error Codes" and "Error Details".
 */
import { create, toBinary, toJson } from '@bufbuild/protobuf';
import { encodeBase64 } from '../../rpc/base64.js';
import { codeToName } from '../../rpc/code.js';
import { type ConnectError, type ErrorDetail } from '../../rpc/connect-error.js';

interface DetailJson {
  readonly type: string;
  readonly value: string;
  readonly debug?: unknown;
}

export interface ErrorJson {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly DetailJson[];
}

/** Empty fields are left out. */
export function errorToJson(error: ConnectError): ErrorJson {
  return {
    code: codeToName(error.code),
    ...(error.rawMessage === '' ? {} : { message: error.rawMessage }),
    ...(error.details.length === 0 ? {} : { details: error.details.map(detailToJson) }),
  };
}

function detailToJson(detail: ErrorDetail): DetailJson {
  if (!('desc' in detail)) {
    return { type: detail.type, value: encodeBase64(detail.value) };
  }
  const message = create(detail.desc, detail.value);
  const json = { type: detail.desc.typeName, value: encodeBase64(toBinary(detail.desc, message)) };
  try {
    return { ...json, debug: toJson(detail.desc, message) };
  } catch {
    // An Any of a type that is not known here has no JSON; `debug` is for humans and may be absent.
    return json;
  }
}
