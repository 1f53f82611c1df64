/**
 * A gRPC or gRPC-Web call on the client.
 *
 * Spec: gRPC over HTTP/2, "Requests" and "Responses"; gRPC-Web; "HTTP to gRPC Status Code Mapping".
 */
import { type CompressionTable } from '../../compression/negotiate.js';
import { type CallStart, type SingleReply } from '../../rpc/client-call.js';
import { Code } from '../../rpc/code.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { type HttpClient, type RequestHead } from '../../wire/client-exchange.js';
import { type EnvelopedEndpoint, EnvelopedOutgoingCall } from '../../wire/enveloped-outgoing-call.js';
import {
  foreignResponse,
  headerOf,
  mediaTypeOf,
  refuseEncodedBody,
  unexpectedCodec,
} from '../../wire/response-head.js';
import { type Outcome } from '../../wire/outgoing-call.js';
import { type RequestHeaders } from '../../wire/request-headers.js';
import { type GrpcClientVariant } from './client-variant.js';
import { isOfBase } from './content-types.js';
import { outcomeWithoutTrailers, readOutcome, splitTrailersOnly } from './status.js';
import { formatTimeout } from './timeout.js';

/** What all calls of a method share. */
export interface GrpcClientEndpoint extends EnvelopedEndpoint {
  readonly variant: GrpcClientVariant;
  /** Those of responses in the codec of the requests. */
  readonly contentTypes: readonly [string, ...string[]];
  readonly compressions: CompressionTable;
  readonly requestHeaders: RequestHeaders;
}

/**
 * "The value for this field will be a human-readable integer." (gRPC A6, "Exposed Retry Metadata") Connect has no such
 * header, and leaves names with `grpc-` to gRPC.
 */
function attemptsHeader(previousAttempts: number): HeaderList {
  return ['grpc-previous-rpc-attempts', String(previousAttempts)];
}

export class GrpcClientCall extends EnvelopedOutgoingCall {
  /** The headers of the response. */
  #headers: HeaderList = [];
  /** The headers have a status: what follows tells whether they are Trailers-Only, and nobody was told of them yet. */
  #mayBeTrailersOnly = false;

  constructor(
    http: HttpClient,
    private readonly endpoint: GrpcClientEndpoint,
    start: CallStart,
    reply: SingleReply | undefined,
  ) {
    super(http, endpoint, start, reply);
  }

  override onData(chunk: Uint8Array): void {
    if (this.#mayBeTrailersOnly && chunk.byteLength > 0) {
      this.#releaseHeaders();
    }
    super.onData(chunk);
  }

  override onEnd(httpTrailers: HeaderList): void {
    const trailers = this.endpoint.variant.fromHttp(httpTrailers);
    if (!this.#mayBeTrailersOnly) {
      super.onEnd(trailers);
    } else if (trailers.length === 0) {
      super.onEnd(this.#takeTrailers());
    } else {
      this.#releaseHeaders();
      super.onEnd(trailers);
    }
  }

  protected requestHead(): RequestHead {
    const { method, requestHeaders } = this.endpoint;
    const { timeoutMs, headers: application, previousAttempts = 0 } = this.start;
    const headers = requestHeaders.of(formatTimeout(timeoutMs), application);
    return {
      method: 'POST',
      target: method.path,
      headers: previousAttempts === 0 ? headers : [...headers, ...attemptsHeader(previousAttempts)],
    };
  }

  protected readHead(status: number, headers: HeaderList): void {
    this.#headers = headers;
    const hasStatus = headerOf(headers, 'grpc-status') !== undefined;
    if (status !== 200) {
      this.#refuse(status, hasStatus);
      return;
    }
    this.#checkContentType(status, headers);
    refuseEncodedBody(headers, 'grpc-encoding');
    this.responseCompression = this.endpoint.compressions.ofResponse(headerOf(headers, 'grpc-encoding'));
    this.#mayBeTrailersOnly = hasStatus;
    if (!hasStatus) {
      this.#releaseHeaders();
    }
  }

  protected readEnding(flags: number, payload: Uint8Array): Outcome | undefined {
    const trailers = this.endpoint.variant.fromEnvelope(flags, payload);
    return trailers === undefined ? undefined : this.#outcome(trailers);
  }

  protected outcomeOf(trailers: HeaderList): Outcome {
    return trailers.length === 0 ? outcomeWithoutTrailers(this.#headers) : this.#outcome(trailers);
  }

  #outcome(trailers: HeaderList): Outcome {
    const outcome = readOutcome(this.#headers, trailers, this.wantsTrailers);
    return outcome.error?.code === Code.Canceled ? this.#canceled(outcome, outcome.error) : outcome;
  }

  /**
   * "When a call fails with CANCELLED status the client is encouraged to check whether the deadline has expired", and to
   * fail "without using any part of Trailers" then. (gRPC over HTTP/2, "Client Cancellation")
   */
  #canceled(outcome: Outcome, error: ConnectError): Outcome {
    const reason = this.brokenBy(error);
    return reason === error ? outcome : { error: reason, trailers: undefined };
  }

  #checkContentType(status: number, headers: HeaderList): void {
    const { contentTypes, variant } = this.endpoint;
    const type = mediaTypeOf(headers);
    if (!contentTypes.includes(type)) {
      throw isOfBase(type, variant.contentType)
        ? unexpectedCodec(status, headers, { expected: contentTypes[0], peer: this.exchange?.peer })
        : foreignResponse(status, headers, this.exchange?.peer);
    }
  }

  /** "If grpc-status was provided, it must be used": for which error it is, but not to make a success of one. */
  #refuse(status: number, hasStatus: boolean): void {
    const headers = this.#headers;
    const outcome = hasStatus ? this.#outcome(this.#takeTrailers()) : undefined;
    if (outcome?.error === undefined) {
      throw foreignResponse(status, headers, this.exchange?.peer);
    }
    this.settle(outcome, undefined);
  }

  /** The headers are headers. */
  #releaseHeaders(): void {
    this.#mayBeTrailersOnly = false;
    if (this.wantsHeaders) {
      this.tellHeaders(RpcHeaders.fromWire(this.#headers));
    }
  }

  /**
   * The headers are trailers, nearly all of them. They are told as headers, too: servers that end in this way because
   * there was no message, such as gRPC-Web proxies, put what the application set as headers among them.
   */
  #takeTrailers(): HeaderList {
    this.#releaseHeaders();
    const { headers, trailers } = splitTrailersOnly(this.#headers);
    this.#headers = headers;
    return trailers;
  }
}
