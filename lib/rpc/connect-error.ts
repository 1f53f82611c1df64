/**
 * The one error type of the library, on both sides of the wire.
 *
 * Spec: Connect protocol, "Error Codes" and "Error Details"; google.rpc.Status for gRPC.
 */
import {
  create,
  fromBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Code, codeToName } from './code.js';
import { type HeadersInit, RpcHeaders } from './headers.js';

/** A detail made here: a message type and its value (a plain object will do). */
export interface OutgoingDetail<Desc extends DescMessage = DescMessage> {
  readonly desc: Desc;
  readonly value: MessageInitShape<Desc>;
}

/** A detail that came from the wire: the type's full name (no URL prefix) and the encoded message. */
export interface IncomingDetail {
  readonly type: string;
  readonly value: Uint8Array;
}

export type ErrorDetail = OutgoingDetail | IncomingDetail;

export interface ConnectErrorOptions {
  /** Default: {@link Code.Unknown}. */
  readonly code?: Code;
  /** Messages that tell a program what went wrong. Default: none. */
  readonly details?: readonly ErrorDetail[];
  /** Sent as trailing metadata (Connect unary: as headers). Default: none. */
  readonly metadata?: HeadersInit;
  /** The original error; logged here, never sent. */
  readonly cause?: unknown;
}

/** What is known of an error that a peer sent. */
export interface WireError extends ConnectErrorOptions {
  readonly message: string;
}

// Users may load two copies of this package (ESM and a bundle): recognise the kind, not the class.
const BRAND = Symbol.for('nestjs-connect.ConnectError');

/**
 * An error with a code, sent to the caller with its message, details and metadata.
 *
 * ```ts
 * throw new ConnectError('no such order', { code: Code.NotFound });
 * ```
 */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code: Code;
  /** The message without the code in front. */
  readonly rawMessage: string;
  readonly details: readonly ErrorDetail[];
  readonly metadata: RpcHeaders;
  /**
   * True when a peer sent this error to a client here. An error from an upstream service that escapes a
   * handler becomes `internal` without text: wrap it in {@link ConnectError.relay} to pass it on.
   */
  readonly fromWire: boolean = false;
  readonly [BRAND] = true;

  constructor(message: string, options: ConnectErrorOptions = {}) {
    const code = options.code ?? Code.Unknown;
    super(message === '' ? `[${codeToName(code)}]` : `[${codeToName(code)}] ${message}`, {
      cause: options.cause,
    });
    this.code = code;
    this.rawMessage = message;
    this.details = options.details ?? [];
    this.metadata = new RpcHeaders(options.metadata);
  }

  static is(value: unknown): value is ConnectError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return ConnectError.is(value);
  }

  /** An error as a peer sent it: see {@link fromWire}. */
  static wire(error: WireError): ConnectError {
    const result = new ConnectError(error.message, error);
    (result as { fromWire: boolean }).fromWire = true;
    return result;
  }

  /**
   * An error from an upstream service as one of this service's own: code, message, details and metadata
   * reach the caller.
   */
  static relay(error: ConnectError): ConnectError {
    const { code, details, metadata } = error;
    return new ConnectError(error.rawMessage, { code, details, metadata, cause: error });
  }

  /**
   * @returns The details of that type, decoded. Those that do not decode are left out.
   */
  findDetails<Desc extends DescMessage>(desc: Desc): MessageShape<Desc>[] {
    return this.details
      .filter((detail) => detailTypeName(detail) === desc.typeName)
      .map((detail) => decodeDetail(desc, detail))
      .filter((message) => message !== undefined);
  }
}

/** @returns The full name of the detail's message type. */
export function detailTypeName(detail: ErrorDetail): string {
  return 'desc' in detail ? detail.desc.typeName : detail.type;
}

function decodeDetail<Desc extends DescMessage>(
  desc: Desc,
  detail: ErrorDetail,
): MessageShape<Desc> | undefined {
  if ('desc' in detail) {
    // The type names are equal, so the value is one of this descriptor.
    return create(desc, detail.value as MessageInitShape<Desc>);
  }
  try {
    return fromBinary(desc, detail.value);
  } catch {
    return undefined;
  }
}
