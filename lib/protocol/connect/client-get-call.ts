/**
 * A Connect unary call by GET, from the client's side: a method without side effects whose answer may come from a cache.
 *
 * A message that is too long for a URL, compressed too, goes by POST.
 *
 * Spec: Connect protocol, "Unary-Get-Request".
 */
import { type Compression } from '../../compression/compression.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { type EncodedMessage } from '../../rpc/message-flow.js';
import { notModified } from '../../rpc/not-modified.js';
import { ConnectUnaryClientCall } from './client-unary-call.js';
import { formatGetTarget } from './get-request.js';

const NOT_MODIFIED = 304;

export class ConnectGetClientCall extends ConnectUnaryClientCall {
  protected override request(bytes: EncodedMessage): void {
    if (this.#get(bytes, undefined)) {
      return;
    }
    const compression = this.compressionOf(bytes);
    if (compression === undefined) {
      this.post(bytes, undefined);
      return;
    }
    const compressed = this.endpoint.format.compress(bytes, compression);
    if (!this.#get(compressed, compression)) {
      this.post(compressed, compression);
    }
  }

  /** @returns False when the URL would be too long: nothing was sent. */
  #get(bytes: Uint8Array, compression: Compression | undefined): boolean {
    const { path, options } = this.method;
    const target = formatGetTarget(path, { bytes, encoding: options.codec.name, compression });
    if (target === undefined) {
      return false;
    }
    const headers = this.headersFrom(this.endpoint.getHeaders);
    this.sendRequest({ method: 'GET', target, headers }, undefined);
    return true;
  }

  protected override checkContentType(status: number, headers: HeaderList): void {
    if (status !== NOT_MODIFIED) {
      super.checkContentType(status, headers);
    }
  }

  /** The caller sent `if-none-match`, and holds the message that the `etag` in the error's metadata names. */
  protected override readError(status: number, headers: HeaderList, body: Uint8Array): ConnectError {
    return status === NOT_MODIFIED
      ? notModified(RpcHeaders.fromWire(headers))
      : super.readError(status, headers, body);
  }
}
