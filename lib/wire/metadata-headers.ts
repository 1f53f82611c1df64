/**
 * An application's headers and trailers on their way out, in requests and responses: the names that belong to the
 * protocols and to HTTP are dropped, so that no handler, no caller and no relayed error can break the framing.
 */
import { type RpcHeaders } from '../rpc/headers.js';

const RESERVED = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'accept-encoding',
]);

/** The one name of gRPC's that is a handler's: when its call may be tried again. (gRPC A6, "Pushback") */
const RETRY_PUSHBACK = 'grpc-retry-pushback-ms';

/** Tells whether a name, in lower case, may not be set by an application. */
export function isReservedHeader(name: string): boolean {
  return (
    RESERVED.has(name) ||
    (name.startsWith('grpc-') && name !== RETRY_PUSHBACK) ||
    name.startsWith('connect-') ||
    name.startsWith('trailer-connect-') ||
    name.startsWith(':')
  );
}

/**
 * Adds an application's headers to a list that is about to be sent.
 *
 * @param headers `undefined` when the application has none.
 * @param prefix Put in front of each name: `"trailer-"` for Connect's unary trailers.
 */
export function appendHeaders(list: string[], headers: RpcHeaders | undefined, prefix = ''): string[] {
  if (headers !== undefined) {
    const pairs = headers.toList();
    for (let i = 0; i < pairs.length; i += 2) {
      const name = pairs[i] as string;
      if (!isReservedHeader(name)) {
        list.push(prefix + name, pairs[i + 1] as string);
      }
    }
  }
  return list;
}
