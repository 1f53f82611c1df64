/**
 * What gRPC-Web replaces of gRPC on the client: the names, and where the trailers of a response are.
 */
import { type HeaderList } from '../../rpc/headers.js';
import { userAgent } from '../../wire/user-agent.js';

export interface GrpcClientVariant {
  readonly name: string;
  readonly needsHttp2: boolean;
  /** For example `"application/grpc"`: alone it means proto, with `+` and a codec's name that codec. */
  readonly contentType: string;
  /** Sent with every request, besides what all variants send. */
  readonly requestHeaders: HeaderList;
  readonly userAgent: string;
  /** @returns The HTTP trailers, where they are the call's; an empty list where they are not. */
  fromHttp(trailers: HeaderList): HeaderList;
  /**
   * @returns The trailers in an envelope; `undefined` for flags that are not known.
   * @throws ConnectError `internal` when they cannot be read.
   */
  fromEnvelope(flags: number, payload: Uint8Array): HeaderList | undefined;
}

/** gRPC itself: HTTP/2 with HTTP trailers. */
export const grpcClientVariant: GrpcClientVariant = Object.freeze({
  name: 'grpc',
  needsHttp2: true,
  contentType: 'application/grpc',
  // "Used to detect incompatible proxies." (gRPC over HTTP/2, "TE")
  requestHeaders: ['te', 'trailers'],
  userAgent: userAgent('grpc-node-'),
  fromHttp: (trailers: HeaderList) => trailers,
  fromEnvelope: () => undefined,
});
