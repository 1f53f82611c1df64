/**
 * A {@link HeaderList} as the object that node:http2 takes: Node 20 takes no flat list.
 */
import { type HeaderList } from '../rpc/headers.js';

export type HeaderValues = Record<string, string | number | string[]>;

/**
 * No prototype worth the name, because a header may be called `constructor`; and not `Object.create(null)`, which is a
 * hash table: to fill one and to copy it, as node:http2 does, takes 550 ns, where this takes 85 (four headers, Node 20
 * and 24 alike), twice in every gRPC call.
 */
const HeaderObject = function () {} as unknown as new () => HeaderValues;
HeaderObject.prototype = Object.create(null);

export function createHeaderObject(): HeaderValues {
  return new HeaderObject();
}

/** Adds a list to an object of {@link createHeaderObject}; repeated names keep all their values, in order. */
export function addHeaders(headers: HeaderValues, list: HeaderList): HeaderValues {
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] ?? '';
    const value = list[i + 1] ?? '';
    const existing = headers[name];
    headers[name] =
      existing === undefined
        ? value
        : Array.isArray(existing)
          ? [...existing, value]
          : [String(existing), value];
  }
  return headers;
}
