/**
 * The option `propagate`: what of an incoming call the calls of a channel are told of.
 */
import { RpcHeaders } from '../../rpc/headers.js';
import { isReservedHeader } from '../../wire/metadata-headers.js';

/** See `propagate` of the channel's options. */
export type Propagate = boolean | { readonly headers: readonly string[] };

// W3C Trace Context.
const TRACE_HEADERS: readonly string[] = Object.freeze(['traceparent', 'tracestate']);

/**
 * @returns Names of headers that pass on with deadline and cancellation; `undefined` when nothing does.
 * @throws TypeError When the option is wrong.
 */
export function passedOnHeaders(propagate: Propagate): readonly string[] | undefined {
  if (typeof propagate === 'boolean') {
    return propagate ? TRACE_HEADERS : undefined;
  }
  const headers: unknown = (propagate as Partial<typeof propagate> | null)?.headers;
  if (!Array.isArray(headers)) {
    throw new TypeError('propagate is neither a boolean nor { headers: [names] }');
  }
  return Object.freeze(headers.map(checkedName));
}

function checkedName(name: unknown): string {
  if (typeof name !== 'string') {
    throw new TypeError(`propagate.headers has ${String(name)}: expected the name of a header`);
  }
  // Throws for what is no name.
  const key = new RpcHeaders([[name, '']]).toList()[0] as string;
  if (isReservedHeader(key)) {
    throw new TypeError(`propagate.headers has "${name}", which belongs to each call's own protocol`);
  }
  return key;
}
