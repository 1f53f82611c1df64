/**
 * The Protocol port: what a protocol must answer so that shared code never asks which one it is.
 *
 * A protocol is compiled once per route into endpoints; per request there is one Map lookup by content
 * type and one call. Adding a protocol means one folder and one line in `protocol/index.ts`.
 */
import { type ConnectError } from '../rpc/connect-error.js';
import { type Exchange } from './exchange.js';
import { type Route } from './route.js';

/** A route in one protocol and one codec. */
export interface Endpoint {
  /** Exact `content-type` values, in lower case and without parameters, for which {@link serve} is called. */
  readonly contentTypes: readonly string[];
  /** Serves a POST. Answers every failure itself and does not throw. */
  serve(exchange: Exchange): void;
}

/** A route that answers GET, whatever the codec: the request names it in its query. */
export interface GetEndpoint {
  serve(exchange: Exchange): void;
}

export interface ServerProtocol {
  /** For logs, metrics and options. */
  readonly name: string;
  /** @returns The endpoints of a route; none when the protocol does not carry this kind of call. */
  endpoints(route: Route): readonly Endpoint[];
  /** @returns The GET endpoint of a route; `undefined` when the method may not be called by GET. */
  getEndpoint(route: Route): GetEndpoint | undefined;
  /** Tells whether a request with this content type (canonical) speaks this protocol, on whatever path. */
  recognizes(contentType: string): boolean;
  /**
   * {@link recognizes}, and nothing else on the web uses this content type: where REST routes share the port, a
   * request to an unknown path is answered by the protocol only then.
   */
  owns(contentType: string): boolean;
  /** Answers a request to an unknown method in the protocol's own form. */
  rejectUnknownMethod(exchange: Exchange, error: ConnectError): void;
}
