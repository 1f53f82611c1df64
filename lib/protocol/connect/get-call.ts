/**
 * A Connect unary call by GET: the request is the query, and the response may be cached.
 *
 * Spec: Connect protocol, "Unary-Get-Request".
 */
import { type Compression } from '../../compression/compression.js';
import { type HeaderList } from '../../rpc/headers.js';
import { messageTooLarge } from '../../wire/envelope-reader.js';
import { type Exchange } from '../../wire/exchange.js';
import { appendHeaders } from '../../wire/metadata-headers.js';
import { type GetRequest } from './get-request.js';
import { checkProtocolVersion, VERSION_PARAMETER } from './protocol-version.js';
import { ConnectUnaryCall, type UnaryEndpoint } from './unary-call.js';

export class ConnectGetCall extends ConnectUnaryCall {
  #compression: Compression | undefined;
  #isInvoked = false;

  constructor(
    exchange: Exchange,
    endpoint: UnaryEndpoint,
    private readonly request: GetRequest,
  ) {
    super(exchange, endpoint);
  }

  override get isMidMessage(): boolean {
    return !this.#isInvoked && !this.isReplied;
  }

  override onData(): void {
    if (!this.isReplied) {
      // The message of a GET is in its query; a body has no meaning there. (connect-go refuses it the same way)
      this.isReplied = true;
      this.exchange.respondAndEnd(415, []);
    }
  }

  override onEnd(): void {
    if (this.exchange.hasBody) {
      this.#invokeUnlessReplied();
    }
  }

  protected override readRequest(): void {
    const { version, compression, message } = this.request;
    checkProtocolVersion(version, VERSION_PARAMETER, this.route.options.requireProtocolVersion);
    this.#compression = this.endpoint.compressions.forRequest(compression);
    const { receiveLimitBytes } = this.route.options;
    if (this.#compression === undefined && message.byteLength > receiveLimitBytes) {
      throw messageTooLarge(message.byteLength, receiveLimitBytes);
    }
    this.negotiateResponse();
    // Over HTTP/2 the end of the request may come behind the headers, without a byte between.
    if (!this.exchange.hasBody) {
      this.#invokeUnlessReplied();
    }
  }

  #invokeUnlessReplied(): void {
    if (!this.isReplied) {
      this.#isInvoked = true;
      this.invoke(this.request.message, this.#compression);
    }
  }

  protected override sendMessage(bytes: Uint8Array): void {
    if (this.#isUnchanged()) {
      const validators = [...this.endpoint.base];
      this.exchange.respondAndEnd(304, appendHeaders(validators, this.setResponseHeaders));
    } else {
      super.sendMessage(bytes);
    }
  }

  /** The client holds the response that the handler's `etag` names. (RFC 9110, section 13.1.2) */
  #isUnchanged(): boolean {
    const etag = this.setResponseHeaders?.get('etag');
    const known = this.exchange.header('if-none-match');
    return (
      etag !== undefined &&
      known !== undefined &&
      (known.trim() === '*' || known.split(',').some((item) => opaqueTag(item) === opaqueTag(etag)))
    );
  }
}

/** Weak comparison: `W/"1"` and `"1"` name the same. (RFC 9110, section 8.8.3.2) */
function opaqueTag(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}

/**
 * The bytes of a response depend on what the client accepts: caches must know.
 *
 * @returns The headers of a GET endpoint, from those of its POST twin.
 */
export function varyingHeaders(base: HeaderList): HeaderList {
  return Object.freeze([...base, 'vary', 'accept-encoding']);
}
