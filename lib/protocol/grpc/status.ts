/**
 * How a gRPC call ended, read from its trailers: what `trailers.ts` writes, and what other servers make of it.
 *
 * Spec: gRPC over HTTP/2, "Responses" (Status, Status-Message, Trailers-Only); google.rpc.Status for the details.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { type Status, StatusSchema } from '../../gen/google/rpc/status_pb.js';
import { decodeBase64 } from '../../rpc/base64.js';
import { Code, isCode } from '../../rpc/code.js';
import { ConnectError, type IncomingDetail } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { headerOf } from '../../wire/response-head.js';
import { type Outcome } from '../../wire/outgoing-call.js';
import { percentDecode } from './percent-encoding.js';

const SUCCESS: Outcome = Object.freeze({ error: undefined, trailers: undefined });

/** @param wantsTrailers Of a success; an error has them anyway, as its metadata. */
export function readOutcome(headers: HeaderList, trailers: HeaderList, wantsTrailers: boolean): Outcome {
  const status = headerOf(trailers, 'grpc-status');
  if (status === '0') {
    return wantsTrailers ? { error: undefined, trailers: metadataOf(trailers) } : SUCCESS;
  }
  const metadata = metadataOf(trailers);
  const error = ConnectError.wire({
    ...readError(status, trailers),
    metadata: RpcHeaders.fromWire(headers).appendAll(metadata),
  });
  return { error, trailers: metadata };
}

/**
 * "Trailers-Only → HTTP-Status Content-Type Trailers": one list of headers that holds both.
 *
 * @param all The headers of a response without body and trailers.
 */
export function splitTrailersOnly(all: HeaderList): { headers: HeaderList; trailers: HeaderList } {
  return { headers: select(all, isHttp), trailers: select(all, (name) => !isHttp(name)) };
}

function isHttp(name: string): boolean {
  return name === 'content-type';
}

/** The response ended, and nothing in it says how the call did. */
export function outcomeWithoutTrailers(headers: HeaderList): Outcome {
  const error = ConnectError.wire({
    message: 'the response ends without trailers, and so without grpc-status',
    code: Code.Internal,
    metadata: RpcHeaders.fromWire(headers),
  });
  return { error, trailers: undefined };
}

interface StatusError {
  readonly message: string;
  readonly code: Code;
  readonly details?: readonly IncomingDetail[];
}

function readError(status: string | undefined, trailers: HeaderList): StatusError {
  const message = percentDecode(headerOf(trailers, 'grpc-message') ?? '');
  if (status === undefined || !/^[1-9][0-9]*$/.test(status)) {
    const what = status === undefined ? 'the trailers have no grpc-status' : `grpc-status is "${status}"`;
    return { message: message === '' ? what : `${what}: ${message}`, code: Code.Unknown };
  }
  const number = Number(status);
  const code = isCode(number) ? number : Code.Unknown;
  const proto = readStatusProto(trailers);
  if (proto === undefined) {
    return { message, code };
  }
  // It cannot be garbled on the way as the two headers can; an empty field of it says nothing.
  return {
    message: proto.message === '' ? message : proto.message,
    code: isCode(proto.code) ? proto.code : code,
    details: proto.details.map(({ typeUrl, value }) => ({ type: typeNameOf(typeUrl), value })),
  };
}

/** @returns `undefined` when there is none, and for what is none: code and message are in the other two headers. */
function readStatusProto(trailers: HeaderList): Status | undefined {
  const bytes = decodeBase64(headerOf(trailers, 'grpc-status-details-bin') ?? '');
  if (bytes === undefined || bytes.byteLength === 0) {
    return undefined;
  }
  try {
    return fromBinary(StatusSchema, bytes);
  } catch {
    return undefined;
  }
}

/** `type.googleapis.com/acme.v1.Thing` is `acme.v1.Thing`: the URL in front means nothing. */
function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

const OWN = new Set(['grpc-status', 'grpc-message', 'grpc-status-details-bin']);

function metadataOf(trailers: HeaderList): RpcHeaders {
  return RpcHeaders.fromWire(select(trailers, (name) => !OWN.has(name)));
}

function select(list: HeaderList, wants: (name: string) => boolean): HeaderList {
  return list.filter((_, i) => wants(list[i - (i % 2)] as string));
}
