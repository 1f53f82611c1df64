/**
 * From a request to the endpoint that serves it: path, HTTP version, method and content type, in that order.
 *
 * A route is compiled once, when it is added; a request costs two Map lookups. What is refused here has an
 * empty body: clients derive the code from the status alone. (Connect protocol, "HTTP to Error Code")
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';
import { type Exchange } from '../wire/exchange.js';
import { type Endpoint, type GetEndpoint, type ServerProtocol } from '../wire/protocol.js';
import { type Route } from '../wire/route.js';
import { canonicalContentType } from './content-type.js';

export interface DispatcherOptions {
  /** Serve bidirectional streams over HTTP/1.1, half duplex; otherwise they are answered 505. */
  readonly http1Bidi: boolean;
  /** In front of every path, for example `"/rpc"`. Default: none. */
  readonly prefix?: string;
}

/** A route, ready for requests. */
interface CompiledRoute {
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly get: GetEndpoint | undefined;
  readonly needsHttp2: boolean;
  /** The `allow` header of a 405, and the `accept-post` header of a 415. */
  readonly allow: HeaderList;
  readonly acceptPost: HeaderList;
}

const NO_HEADERS: HeaderList = [];
const CLOSE: HeaderList = ['connection', 'close'];

/** All routes of a server, in all of its protocols. */
export class Dispatcher {
  readonly #routes = new Map<string, CompiledRoute>();

  constructor(
    private readonly protocols: readonly ServerProtocol[],
    private readonly options: DispatcherOptions,
  ) {}

  /**
   * Adds a method.
   *
   * @throws Error When the path has a route already, or two protocols claim one content type for it.
   */
  add(route: Route): void {
    const { kind } = route.spec;
    const path = (this.options.prefix ?? '') + route.spec.path;
    if (this.#routes.has(path)) {
      throw new Error(`${path} has a handler already: a method can be served once only`);
    }
    const endpoints = compileEndpoints(this.protocols, route);
    const get = firstGetEndpoint(this.protocols, route);
    this.#routes.set(path, {
      endpoints,
      get,
      needsHttp2: kind === 'bidi_streaming' && !this.options.http1Bidi,
      allow: ['allow', get === undefined ? 'POST' : 'GET, POST'],
      acceptPost: ['accept-post', [...endpoints.keys()].toSorted().join(', ')],
    });
  }

  /** @param path As it stands in the request, without the query. */
  has(path: string): boolean {
    return this.#routes.has(path);
  }

  /**
   * Tells whether the request is an RPC: its path has a route, or nothing but RPC uses its content type. A
   * server that carries other things as well asks before it dispatches.
   */
  handles(exchange: Exchange): boolean {
    return this.has(exchange.path) || this.#isOwned(exchange);
  }

  /** Hands the exchange to the endpoint that serves it, or answers it. */
  dispatch(exchange: Exchange): void {
    const route = this.#routes.get(exchange.path);
    if (route === undefined) {
      this.#rejectUnknownPath(exchange);
    } else if (route.needsHttp2 && exchange.httpVersion === '1.1') {
      // A client that expects full duplex would wait for ever, so close instead of reading on.
      // (Connect protocol, "Bidirectional streaming"; connect-go answers the same)
      exchange.respondAndEnd(505, CLOSE);
    } else if (exchange.method === 'POST') {
      servePost(route, exchange);
    } else if (exchange.method === 'GET' && route.get !== undefined) {
      route.get.serve(exchange);
    } else {
      exchange.respondAndEnd(405, route.allow);
    }
  }

  #rejectUnknownPath(exchange: Exchange): void {
    const protocol = this.#protocolOf(exchange);
    if (protocol === undefined) {
      exchange.respondAndEnd(404, NO_HEADERS);
      return;
    }
    const message = `no method is served at ${exchange.path}`;
    protocol.rejectUnknownMethod(exchange, new ConnectError(message, { code: Code.Unimplemented }));
  }

  #isOwned(exchange: Exchange): boolean {
    const type = canonicalContentType(exchange.header('content-type'));
    return type !== undefined && this.protocols.some((protocol) => protocol.owns(type));
  }

  #protocolOf(exchange: Exchange): ServerProtocol | undefined {
    const type = canonicalContentType(exchange.header('content-type'));
    return type === undefined ? undefined : this.protocols.find((protocol) => protocol.recognizes(type));
  }
}

function servePost(route: CompiledRoute, exchange: Exchange): void {
  const contentType = exchange.header('content-type');
  // Nearly every client sends the canonical form: look it up before taking it apart.
  const endpoint = route.endpoints.get(contentType ?? '') ?? endpointSlow(route, contentType);
  if (endpoint === undefined) {
    exchange.respondAndEnd(415, route.acceptPost);
  } else {
    endpoint.serve(exchange);
  }
}

function endpointSlow(route: CompiledRoute, contentType: string | undefined): Endpoint | undefined {
  const canonical = canonicalContentType(contentType);
  return canonical === undefined ? undefined : route.endpoints.get(canonical);
}

function compileEndpoints(protocols: readonly ServerProtocol[], route: Route): Map<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>();
  for (const endpoint of protocols.flatMap((protocol) => protocol.endpoints(route))) {
    for (const contentType of endpoint.contentTypes) {
      if (endpoints.has(contentType)) {
        throw new Error(`two protocols serve the content type "${contentType}" at ${route.spec.path}`);
      }
      endpoints.set(contentType, endpoint);
    }
  }
  return endpoints;
}

function firstGetEndpoint(protocols: readonly ServerProtocol[], route: Route): GetEndpoint | undefined {
  return protocols.map((protocol) => protocol.getEndpoint(route)).find((endpoint) => endpoint !== undefined);
}
