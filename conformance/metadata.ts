/**
 * Headers and trailers between the suite's messages and the library.
 */
import { type RpcHeaders } from 'nestjs-connect/client';
import { type Header } from './gen/connectrpc/conformance/v1/service_pb.js';

export function toHeaderList(headers: RpcHeaders): { name: string; value: string[] }[] {
  const names = new Set(Array.from(headers, ([name]) => name));
  return Array.from(names, (name) => ({ name, value: headers.getAll(name) }));
}

export function addHeaders(headers: readonly Header[], target: RpcHeaders): RpcHeaders {
  for (const { name, value } of headers) {
    for (const item of value) {
      target.append(name, item);
    }
  }
  return target;
}
