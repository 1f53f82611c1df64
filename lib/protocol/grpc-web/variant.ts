/**
 * What gRPC-Web replaces of gRPC: any HTTP version, and the trailers are the last frame of the body.
 *
 * Spec: gRPC-Web, "Protocol differences vs gRPC over HTTP2".
 */
import { type HeaderList } from '../../rpc/headers.js';
import { type EncodedMessage } from '../../rpc/message-flow.js';
import { type Exchange } from '../../wire/exchange.js';
import { type GrpcVariant } from '../grpc/variant.js';
import { TextExchange } from './text.js';
import { encodeTrailerFrame } from './trailers.js';

const BINARY = 'application/grpc-web';
// The second name is in the text of the specification, the first in the official client.
const TEXT = ['application/grpc-web-text', 'application/grpc-web-text-base64'] as const;

export const grpcWebVariant: GrpcVariant = Object.freeze({
  name: 'grpc-web',
  contentTypes: [BINARY, ...TEXT],
  refuse: () => false,
  open(exchange: Exchange, contentType: string): Exchange {
    if (isText(contentType)) {
      return new TextExchange(exchange, 'both');
    }
    // "accept: application/grpc-web-text" asks for a text response to a binary request.
    return acceptsText(exchange.header('accept')) ? new TextExchange(exchange, 'response') : exchange;
  },
  sendHead(exchange: Exchange, head: HeaderList): void {
    exchange.respond(200, head);
  },
  sendEnd(exchange: Exchange, trailers: HeaderList): void {
    exchange.end(encodeTrailerFrame(trailers));
  },
  sendWhole(
    exchange: Exchange,
    head: HeaderList,
    message: EncodedMessage | undefined,
    trailers: HeaderList,
  ): void {
    const frame = encodeTrailerFrame(trailers);
    exchange.respondAndEnd(200, head, message === undefined ? frame : Buffer.concat([message, frame]));
  },
});

function acceptsText(accept: string | undefined): boolean {
  return accept !== undefined && accept.split(',').some((type) => isText(type.trim().toLowerCase()));
}

function isText(type: string): boolean {
  return type.startsWith(TEXT[0]);
}
