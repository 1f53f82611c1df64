/**
 * What gRPC-Web replaces of gRPC: the names, and how a response ends. Everything else is one code.
 */
import { type HeaderList } from '../../rpc/headers.js';
import { type EncodedMessage } from '../../rpc/message-flow.js';
import { type Exchange } from '../../wire/exchange.js';
import { fitTrailers } from './header-limit.js';

export interface GrpcVariant {
  readonly name: string;
  /** For example `"application/grpc"`: alone it means proto, with `+` and a codec's name that codec. */
  readonly contentTypes: readonly string[];
  /** Turns down a request that this variant cannot serve. @returns True when it has answered. */
  refuse(exchange: Exchange): boolean;
  /** @returns The exchange as the protocol reads and writes it: `-text` variants decode and encode bodies. */
  open(exchange: Exchange, contentType: string): Exchange;
  /** Sends the head of a response that messages follow. */
  sendHead(exchange: Exchange, head: HeaderList): void;
  /** Ends a response whose head was sent. */
  sendEnd(exchange: Exchange, trailers: HeaderList): void;
  /** Sends head, at most one message, and trailers. */
  sendWhole(
    exchange: Exchange,
    head: HeaderList,
    message: EncodedMessage | undefined,
    trailers: HeaderList,
  ): void;
}

/** gRPC itself: HTTP/2 with HTTP trailers. */
export const grpcVariant: GrpcVariant = Object.freeze({
  name: 'grpc',
  contentTypes: ['application/grpc'],
  refuse(exchange: Exchange): boolean {
    // Trailers do not pass HTTP/1.1 proxies, and the status is in the trailers. (gRPC over HTTP/2 has no other form.)
    if (exchange.httpVersion === '2') {
      return false;
    }
    exchange.respondAndEnd(505, ['connection', 'close']);
    return true;
  },
  open: (exchange: Exchange) => exchange,
  sendHead(exchange: Exchange, head: HeaderList): void {
    exchange.respondWithTrailers(200, head);
  },
  sendEnd(exchange: Exchange, trailers: HeaderList): void {
    exchange.end(undefined, fitTrailers(trailers));
  },
  sendWhole(
    exchange: Exchange,
    head: HeaderList,
    message: EncodedMessage | undefined,
    trailers: HeaderList,
  ): void {
    exchange.respondWithTrailers(200, head);
    exchange.end(message, fitTrailers(trailers));
  },
});
