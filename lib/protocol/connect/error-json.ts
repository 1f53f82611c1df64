/**
 * Errors as Connect writes and reads them: the body of a unary error, and `error` in an end-stream message.
 *
 * Spec: Connect protocol, "Error Codes" and "Error Details".
 */
import { create, type DescMessage, type Message, toBinary, toJson } from '@bufbuild/protobuf';
import { decodeBase64, encodeBase64 } from '../../rpc/base64.js';
import { type Code, codeFromName, codeToName } from '../../rpc/code.js';
import { ConnectError, type ErrorDetail, type IncomingDetail } from '../../rpc/connect-error.js';
import { type RpcHeaders } from '../../rpc/headers.js';
import { isJsonObject, type JsonObject } from './json-object.js';

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

/** What is known of a received error besides its JSON. */
export interface ErrorContext {
  /** For an error whose code is missing or not known here. */
  readonly fallbackCode: Code;
  readonly metadata: RpcHeaders;
}

/** Reads what is there: fields that are missing, unknown or of a wrong type do not hide the others. */
export function errorFromJson(json: JsonObject, { fallbackCode, metadata }: ErrorContext): ConnectError {
  const { code, message, details } = json;
  return ConnectError.wire({
    code: (typeof code === 'string' ? codeFromName(code) : undefined) ?? fallbackCode,
    message: typeof message === 'string' ? message : '',
    details: Array.isArray(details)
      ? details.map(detailFromJson).filter((detail) => detail !== undefined)
      : [],
    metadata,
  });
}

/** `debug` is for humans: right, wrong or absent, it does not matter. */
function detailFromJson(json: unknown): IncomingDetail | undefined {
  if (!isJsonObject(json) || typeof json['type'] !== 'string' || typeof json['value'] !== 'string') {
    return undefined;
  }
  const value = decodeBase64(json['value']);
  // Some servers write the type as in an Any, behind a URL.
  const type = json['type'].slice(json['type'].lastIndexOf('/') + 1);
  return value === undefined ? undefined : { type, value };
}
