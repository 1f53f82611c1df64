/**
 * Which compression a request uses and a response may use, by the names in their headers.
 *
 * Spec: gRPC, "Compression"; Connect protocol, "Unary-Request" (Content-Encoding, Accept-Encoding).
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';
import { type Compression } from './compression.js';

/** The compressions of a route, ready for look-ups. */
export class CompressionTable {
  readonly #byName: ReadonlyMap<string, Compression>;
  readonly #names: string;

  /** @param options `compressMinBytes`: `Infinity` when responses are not compressed at all. */
  constructor(
    compressions: readonly Compression[],
    private readonly options: { readonly compressMinBytes: number },
  ) {
    this.#byName = new Map(compressions.map((compression) => [compression.name, compression]));
    this.#names = compressions.map(({ name }) => name).join(',');
  }

  /**
   * @param name Of the header that tells what requests may use, for example `"grpc-accept-encoding"`.
   * @returns The header with its value; nothing when there are no compressions.
   */
  acceptHeader(name: string): HeaderList {
    return this.#names === '' ? [] : [name, this.#names];
  }

  /**
   * @param name As the request declares it; `undefined` and `"identity"` mean none.
   * @throws ConnectError `unimplemented`, with the names that are supported.
   */
  forRequest(name: string | undefined): Compression | undefined {
    return this.#declared(name, Code.Unimplemented);
  }

  /**
   * @param name As the response declares it; `undefined` and `"identity"` mean none.
   * @throws ConnectError `internal`: a server must not use what its client does not accept.
   */
  ofResponse(name: string | undefined): Compression | undefined {
    return this.#declared(name, Code.Internal);
  }

  /**
   * @param accepted The client's list, in its order of preference, for example `"br, gzip;q=0.5"`.
   * @returns The first that is supported; `undefined` for none.
   */
  forResponse(accepted: string | undefined): Compression | undefined {
    if (accepted === undefined || this.options.compressMinBytes === Infinity) {
      return undefined;
    }
    for (const item of accepted.split(',')) {
      const [name = '', ...parameters] = item.split(';');
      const compression = this.#byName.get(name.trim().toLowerCase());
      if (compression !== undefined && !parameters.some(isRefusal)) {
        return compression;
      }
    }
    return undefined;
  }

  #declared(name: string | undefined, unknownCode: Code): Compression | undefined {
    if (name === undefined || isIdentity(name)) {
      return undefined;
    }
    // "All content codings are case-insensitive." (RFC 9110, section 8.4.1)
    const compression = this.#byName.get(name) ?? this.#byName.get(name.toLowerCase());
    if (compression === undefined) {
      throw new ConnectError(`unknown compression "${name}": supported are ${this.#names || 'none'}`, {
        code: unknownCode,
      });
    }
    return compression;
  }
}

/** Tells whether an encoding header names no compression. */
export function isIdentity(name: string): boolean {
  return name === 'identity' || name === '';
}

/** Browsers and proxies use quality values; `q=0` means "not this one". (RFC 9110, section 12.4.2) */
function isRefusal(parameter: string): boolean {
  return /^\s*q=0(\.0*)?\s*$/i.test(parameter);
}
