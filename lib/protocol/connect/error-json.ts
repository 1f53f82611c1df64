/**
 * Errors as Connect writes them: the body of a unary error, and `error` in an end-stream message.
 *
 * Spec: Connect protocol, "Error Codes" and "Error Details".
 */
import { create, type DescMessage, type Message, toBinary, toJson } from '@bufbuild/protobuf';
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

/**
 * Empty fields are left out.
 *
 * @param sendLimitBytes Details that are larger together are left out too: code and message must get through.
 */
export function errorToJson(error: ConnectError, sendLimitBytes = Infinity): ErrorJson {
  const all = error.details.map(detailToJson).filter((detail) => detail !== undefined);
  const characters = all.reduce((sum, { value }) => sum + value.length, 0);
  const details = characters > sendLimitBytes ? [] : all;
  return {
    code: codeToName(error.code),
    ...(error.rawMessage === '' ? {} : { message: error.rawMessage }),
    ...(details.length === 0 ? {} : { details }),
  };
}

/** @returns `undefined` for a value that does not fit its type: the error itself must reach the caller. */
function detailToJson(detail: ErrorDetail): DetailJson | undefined {
  if (!('desc' in detail)) {
    return { type: detail.type, value: encodeBase64(detail.value) };
  }
  try {
    const message = create(detail.desc, detail.value);
    const value = encodeBase64(toBinary(detail.desc, message));
    return { type: detail.desc.typeName, value, ...debugOf(detail.desc, message) };
  } catch {
    return undefined;
  }
}

function debugOf(desc: DescMessage, message: Message): { debug?: unknown } {
  try {
    return { debug: toJson(desc, message) };
  } catch {
    // An Any of a type that is not known here has no JSON; `debug` is for humans and may be absent.
    return {};
  }
}
