/**
 * Trailing metadata of unary calls travels as headers with a prefix: a bare body has no place for it.
 *
 * Spec: Connect protocol, "Unary-Response" (Trailing-Metadata).
 */
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';

export const TRAILER_PREFIX = 'trailer-';

/** @param headers Of a response. @returns Those that are no trailers. */
export function leadingMetadata(headers: HeaderList): RpcHeaders {
  const leading: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!name.startsWith(TRAILER_PREFIX)) {
      leading.push(name, headers[i + 1] as string);
    }
  }
  return RpcHeaders.fromWire(leading);
}

/** @param headers Of a response. @returns The trailers among them, without their prefix. */
export function trailingMetadata(headers: HeaderList): RpcHeaders {
  const trailing: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.startsWith(TRAILER_PREFIX) && name.length > TRAILER_PREFIX.length) {
      trailing.push(name.slice(TRAILER_PREFIX.length), headers[i + 1] as string);
    }
  }
  return RpcHeaders.fromWire(trailing);
}
