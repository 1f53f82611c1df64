/**
 * A Connect streaming call from the client's side: envelopes both ways, the outcome in the end-stream message.
 *
 * Spec: Connect protocol, "Streaming-Request" and "Streaming-Response".
 */
import { type CompressionTable } from '../../compression/negotiate.js';
import { type CallStart, type SingleReply } from '../../rpc/client-call.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { type HttpClient, type RequestHead } from '../../wire/client-exchange.js';
import { type EnvelopedEndpoint, EnvelopedOutgoingCall } from '../../wire/enveloped-outgoing-call.js';
import { type Outcome } from '../../wire/outgoing-call.js';
import { type RequestHeaders } from '../../wire/request-headers.js';
import {
  foreignResponse,
  headerOf,
  mediaTypeOf,
  refuseEncodedBody,
  unexpectedCodec,
} from '../../wire/response-head.js';
import { isConnectType } from './content-type.js';
import { decodeEndStream, FLAG_END_STREAM } from './end-stream.js';
import { formatTimeout } from './timeout.js';

/** What all streaming calls of a method share. */
export interface StreamClientEndpoint extends EnvelopedEndpoint {
  readonly compressions: CompressionTable;
  readonly contentType: string;
  readonly headers: RequestHeaders;
}

const ENCODING_HEADER = 'connect-content-encoding';

export class ConnectStreamClientCall extends EnvelopedOutgoingCall {
  #responseHeaders: HeaderList = [];

  constructor(
    http: HttpClient,
    private readonly endpoint: StreamClientEndpoint,
    start: CallStart,
    reply: SingleReply | undefined,
  ) {
    super(http, endpoint, start, reply);
  }

  protected requestHead(): RequestHead {
    const { timeoutMs, headers } = this.start;
    return {
      method: 'POST',
      target: this.method.path,
      headers: this.endpoint.headers.of(formatTimeout(timeoutMs), headers),
    };
  }

  protected readHead(status: number, headers: HeaderList): void {
    const type = mediaTypeOf(headers);
    const { contentType, compressions } = this.endpoint;
    // "Streaming responses always have an HTTP status of 200 OK": another one is not from a Connect server's method.
    if (status !== 200 || !isConnectType(type)) {
      throw foreignResponse(status, headers, this.exchange?.peer);
    }
    if (type !== contentType) {
      throw unexpectedCodec(status, headers, { expected: contentType, peer: this.exchange?.peer });
    }
    refuseEncodedBody(headers, ENCODING_HEADER);
    this.responseCompression = compressions.ofResponse(headerOf(headers, ENCODING_HEADER));
    this.#responseHeaders = headers;
    if (this.wantsHeaders) {
      this.tellHeaders(RpcHeaders.fromWire(headers));
    }
  }

  protected readEnding(flags: number, payload: Uint8Array): Outcome | undefined {
    return flags === FLAG_END_STREAM ? decodeEndStream(payload, this.#responseHeaders) : undefined;
  }

  protected outcomeOf(): Outcome {
    const error = new ConnectError('the response ends without an end-stream message', {
      code: Code.Internal,
    });
    return { error, trailers: undefined };
  }
}
