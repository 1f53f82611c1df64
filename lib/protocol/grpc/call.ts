/**
 * A gRPC or gRPC-Web call on the server.
 *
 * Spec: gRPC over HTTP/2, "Requests" and "Responses"; gRPC-Web.
 */
import { type CompressionTable } from '../../compression/negotiate.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type EncodedMessage } from '../../rpc/message-flow.js';
import { refuseContentEncoding } from '../../wire/content-encoding.js';
import { EnvelopedCall, type EnvelopedRequest } from '../../wire/enveloped-call.js';
import { type Exchange } from '../../wire/exchange.js';
import { type MessageFormat } from '../../wire/message-format.js';
import { type Route } from '../../wire/route.js';
import { fitTrailers } from './header-limit.js';
import { parseTimeout } from './timeout.js';
import { statusTrailers } from './trailers.js';
import { type GrpcVariant } from './variant.js';

/** What all calls of a route in one content type share. */
export interface GrpcEndpoint {
  readonly route: Route;
  readonly variant: GrpcVariant;
  readonly format: MessageFormat;
  readonly compressions: CompressionTable;
  /** The headers of every response: content type and accepted compressions. */
  readonly head: HeaderList;
}

export class GrpcCall extends EnvelopedCall {
  constructor(
    exchange: Exchange,
    private readonly endpoint: GrpcEndpoint,
  ) {
    super(exchange, endpoint.route, endpoint.format);
  }

  get protocol(): string {
    return this.endpoint.variant.name;
  }

  protected readRequest(exchange: Exchange): EnvelopedRequest {
    const { compressions } = this.endpoint;
    refuseContentEncoding(exchange, 'grpc-encoding');
    return {
      requestCompression: compressions.forRequest(exchange.header('grpc-encoding')),
      responseCompression: compressions.forResponse(exchange.header('grpc-accept-encoding')),
      timeoutMs: parseTimeout(exchange.header('grpc-timeout')),
    };
  }

  protected sendHead(): void {
    this.endpoint.variant.sendHead(this.exchange, this.#head());
  }

  protected sendEnd(error: ConnectError | undefined): void {
    this.endpoint.variant.sendEnd(this.exchange, this.#trailers(error));
  }

  protected sendWhole(message: EncodedMessage | undefined, error: ConnectError | undefined): void {
    const trailers = this.#trailers(error);
    if (error !== undefined && this.setResponseHeaders === undefined) {
      // Trailers-Only. With headers of the application it would mix them up with its trailers.
      this.exchange.respondAndEnd(200, [...this.endpoint.head, ...fitTrailers(trailers)]);
    } else {
      this.endpoint.variant.sendWhole(this.exchange, this.#head(), message, trailers);
    }
  }

  #trailers(error: ConnectError | undefined): HeaderList {
    return statusTrailers(error, this.setResponseTrailers, this.route.options.sendLimitBytes);
  }

  #head(): HeaderList {
    return this.headWith(this.endpoint.head, 'grpc-encoding');
  }
}
