/**
 * How a Connect unary call is answered: a bare message, or an error as JSON under its HTTP status.
 *
 * Spec: Connect protocol, "Unary-Response".
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, type RpcHeaders } from '../../rpc/headers.js';
import { type Exchange } from '../../wire/exchange.js';
import { appendHeaders } from '../../wire/metadata-headers.js';
import { ERROR_TYPE } from './content-type.js';
import { errorToJson } from './error-json.js';
import { HTTP_STATUS } from './http-status.js';
import { TRAILER_PREFIX } from './trailer-prefix.js';

/** The application's headers and trailers; `undefined` when it set none. */
export interface UnaryMetadata {
  readonly headers: RpcHeaders | undefined;
  readonly trailers: RpcHeaders | undefined;
}

export function appendMetadata(list: string[], { headers, trailers }: UnaryMetadata): string[] {
  appendHeaders(list, headers);
  return appendHeaders(list, trailers, TRAILER_PREFIX);
}

/** What goes with an error besides itself. */
export interface UnaryErrorContext {
  /** Headers of every response of the endpoint, without a content type. */
  readonly base: HeaderList;
  readonly metadata: UnaryMetadata;
  /** For the error's details; see {@link errorToJson}. Default: no limit. */
  readonly sendLimitBytes?: number;
  /** Default: the one that belongs to the code. */
  readonly status?: number;
}

export function sendUnaryError(
  exchange: Exchange,
  error: ConnectError,
  { base, metadata, sendLimitBytes, status }: UnaryErrorContext,
): void {
  const list = ['content-type', ERROR_TYPE, ...base];
  appendHeaders(list, error.metadata);
  exchange.respondAndEnd(
    status ?? HTTP_STATUS[error.code],
    appendMetadata(list, metadata),
    Buffer.from(JSON.stringify(errorToJson(error, sendLimitBytes)), 'utf8'),
  );
}
