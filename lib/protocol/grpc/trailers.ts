/**
 * How a gRPC call ends: `grpc-status` and what goes with it, as trailers or as trailers-only headers.
 *
 * Spec: gRPC over HTTP/2, "Responses" (Trailers, Trailers-Only); google.rpc.Status for the details.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { StatusSchema } from '../../gen/google/rpc/status_pb.js';
import { encodeBase64 } from '../../rpc/base64.js';
import { type ConnectError, type ErrorDetail } from '../../rpc/connect-error.js';
import { type HeaderList, type RpcHeaders } from '../../rpc/headers.js';
import { appendHeaders } from '../../wire/metadata-headers.js';
import { percentEncode } from './percent-encoding.js';

const OK: HeaderList = Object.freeze(['grpc-status', '0']);

/**
 * @param error `undefined` for success.
 * @param trailers The application's trailers; `undefined` when it set none.
 * @param sendLimitBytes Details that are larger together are left out: code and message must get through.
 */
export function statusTrailers(
  error: ConnectError | undefined,
  trailers: RpcHeaders | undefined,
  sendLimitBytes = Infinity,
): HeaderList {
  if (error === undefined) {
    return trailers === undefined ? OK : appendHeaders([...OK], trailers);
  }
  const list = ['grpc-status', String(error.code), 'grpc-message', percentEncode(error.rawMessage)];
  const details = error.details.map(toAny).filter((detail) => detail !== undefined);
  const detailBytes = details.reduce((sum, { value }) => sum + value.byteLength, 0);
  if (details.length > 0 && detailBytes <= sendLimitBytes) {
    list.push('grpc-status-details-bin', encodeStatus(error, details));
  }
  appendHeaders(list, error.metadata);
  return appendHeaders(list, trailers);
}

/** "its code and message must equal grpc-status and grpc-message" (gRPC, richer error model). */
function encodeStatus(error: ConnectError, details: Any[]): string {
  const status = create(StatusSchema, { code: error.code, message: error.rawMessage, details });
  return encodeBase64(toBinary(StatusSchema, status));
}

/** @returns `undefined` for a value that does not fit its type: the error itself must reach the caller. */
function toAny(detail: ErrorDetail): Any | undefined {
  if (!('desc' in detail)) {
    return anyOf(detail.type, detail.value);
  }
  try {
    return anyOf(detail.desc.typeName, toBinary(detail.desc, create(detail.desc, detail.value)));
  } catch {
    return undefined;
  }
}

function anyOf(type: string, value: Uint8Array): Any {
  return create(AnySchema, { typeUrl: `type.googleapis.com/${type}`, value });
}
