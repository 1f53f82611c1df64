/**
 * A Connect streaming call: envelopes both ways, HTTP status 200 whatever the outcome, end-stream last.
 *
 * Spec: Connect protocol, "Streaming-Request" and "Streaming-Response".
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
import { encodeEndStream } from './end-stream.js';
import { checkProtocolVersion, VERSION_HEADER } from './protocol-version.js';
import { parseTimeout } from './timeout.js';

/** What all streaming calls of a route in one codec share. */
export interface StreamEndpoint {
  readonly route: Route;
  readonly format: MessageFormat;
  readonly compressions: CompressionTable;
  /** The headers of every response: content type and accepted compressions. */
  readonly head: HeaderList;
}

export class ConnectStreamCall extends EnvelopedCall {
  readonly protocol = 'connect';

  constructor(
    exchange: Exchange,
    private readonly endpoint: StreamEndpoint,
  ) {
    super(exchange, endpoint.route, endpoint.format);
  }

  protected readRequest(exchange: Exchange): EnvelopedRequest {
    const { compressions, route } = this.endpoint;
    checkProtocolVersion(
      exchange.header('connect-protocol-version'),
      VERSION_HEADER,
      route.options.requireProtocolVersion,
    );
    refuseContentEncoding(exchange, 'connect-content-encoding');
    return {
      requestCompression: compressions.forRequest(exchange.header('connect-content-encoding')),
      responseCompression: compressions.forResponse(exchange.header('connect-accept-encoding')),
      timeoutMs: parseTimeout(exchange.header('connect-timeout-ms')),
    };
  }

  protected sendHead(): void {
    this.exchange.respond(200, this.#head());
  }

  protected sendEnd(error: ConnectError | undefined): void {
    this.exchange.end(this.#encodeEnd(error));
  }

  protected sendWhole(message: EncodedMessage | undefined, error: ConnectError | undefined): void {
    const end = this.#encodeEnd(error);
    this.exchange.respondAndEnd(
      200,
      this.#head(),
      message === undefined ? end : Buffer.concat([message, end]),
    );
  }

  #encodeEnd(error: ConnectError | undefined): Uint8Array {
    return encodeEndStream(error, this.setResponseTrailers, this.route.options.sendLimitBytes);
  }

  #head(): HeaderList {
    return this.headWith(this.endpoint.head, 'connect-content-encoding');
  }
}
