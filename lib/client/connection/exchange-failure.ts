/**
 * Why an exchange broke, as the caller gets it, and what a retry may rely on.
 *
 * Spec: gRPC over HTTP/2, "Errors" (RST_STREAM to code); Connect and gRPC-Web over HTTP/2 follow it.
 */
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';

/**
 * What is known of a request that got no response.
 *
 * - `unprocessed`: no server has begun with it. Safe to send again, whatever the method.
 * - `stale`: a kept connection was closed in the moment of its use, most likely by a server that had been idle. One
 *   more try is customary (RFC 9112, section 9.3.1), proof that nothing was done is there none.
 */
export type RequestFate = 'unprocessed' | 'stale';

// Beside the errors and not in them: they reach the application, which has no use for it.
const FATES = new WeakMap<ConnectError, RequestFate>();

/** @returns `undefined` when the server may have begun, or when another try would not help. */
export function fateOf(reason: ConnectError): RequestFate | undefined {
  return FATES.get(reason);
}

export interface Unavailable {
  readonly cause?: unknown;
  readonly fate?: RequestFate | undefined;
}

/** @returns `unavailable`, with the cause's text behind the message. */
export function unavailable(message: string, { cause, fate }: Unavailable = {}): ConnectError {
  const text = cause === undefined ? message : `${message}: ${describeCause(cause)}`;
  const error = new ConnectError(text, { code: Code.Unavailable, cause });
  if (fate !== undefined) {
    FATES.set(error, fate);
  }
  return error;
}

/** Node knows no more of a connection that ended in good order. */
export const CLOSED_BY_PEER = new Error('the peer closed it');

/**
 * What passes: a system's error, and no certificate, for example, that will be as wrong in a second. EPROTO is no system's:
 * it is what TLS found wrong, when something waited to be written.
 */
const PASSING_CODE = /^(?!EPROTO$)E(AI_)?[A-Z0-9]+$/;

/** For a request that was not sent, since there was no connection. */
export function cannotConnect(target: string, cause: Error): ConnectError {
  const { code = '' } = cause as NodeJS.ErrnoException;
  // Node tells of several addresses that it has tried in one error.
  const passes = cause === CLOSED_BY_PEER || 'errors' in cause || PASSING_CODE.test(code);
  return unavailable(`cannot connect to ${target}`, { cause, fate: passes ? 'unprocessed' : undefined });
}

/** Where in the life of its exchange a connection was lost. */
export function connectionLost(target: string, hasBegun: boolean, options: Unavailable): ConnectError {
  const when = hasBegun ? 'in the middle of the response' : 'before the response';
  return unavailable(`connection to ${target} lost ${when}`, options);
}

/** In the order of their numbers. (RFC 9113, section 7) */
const RESET_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** The others are `internal`. */
const RESET_CODES: ReadonlyMap<string, Code> = new Map([
  ['REFUSED_STREAM', Code.Unavailable],
  ['CANCEL', Code.Canceled],
  ['ENHANCE_YOUR_CALM', Code.ResourceExhausted],
  ['INADEQUATE_SECURITY', Code.PermissionDenied],
]);

/** @returns The name of an HTTP/2 error code, for example `REFUSED_STREAM`. */
export function resetName(code: number): string {
  return RESET_NAMES[code] ?? `error ${code}`;
}

/** What a stream's reset before the end of its response means. */
export function resetError(target: string, code: number, cause: unknown): ConnectError {
  const name = resetName(code);
  const error = new ConnectError(`${target} reset the stream before the response was complete: ${name}`, {
    code: RESET_CODES.get(name) ?? Code.Internal,
    cause,
  });
  if (name === 'REFUSED_STREAM') {
    // "indicates that the stream is being closed prior to any processing having occurred" (RFC 9113, section 8.7)
    FATES.set(error, 'unprocessed');
  }
  return error;
}

/** @returns The text of whatever Node gave; never empty. */
export function describeCause(cause: unknown): string {
  // Not `instanceof`: an error may come from another realm.
  if (typeof cause !== 'object' || cause === null || !('message' in cause)) {
    return String(cause);
  }
  const { message, code, name, errors } = cause as Error & { code?: string; errors?: readonly unknown[] };
  // All addresses of a name were tried, and each has its own reason.
  if (errors !== undefined && errors.length > 0) {
    return errors.map(describeCause).join('; ');
  }
  return message === '' ? (code ?? name) : message;
}

/** An HTTP/1.1 parser gave up. */
export function brokenResponse(
  target: string,
  hasBegun: boolean,
  cause: NodeJS.ErrnoException,
): ConnectError {
  if (cause.code === 'HPE_HEADER_OVERFLOW') {
    return new ConnectError(`the headers of the response of ${target} are too large`, {
      code: Code.ResourceExhausted,
      cause,
    });
  }
  return hasBegun
    ? new ConnectError(`${target} broke HTTP/1.1 in the middle of the response: ${describeCause(cause)}`, {
        code: Code.Internal,
        cause,
      })
    : unavailable(`${target} does not speak HTTP/1.1`, { cause });
}

/** For requests that come after the end of their client. */
export function clientClosed(target: string): ConnectError {
  return unavailable(`the client of ${target} is closed`);
}

/** For exchanges that were under way when their client was cut off. */
export function clientDestroyed(target: string): ConnectError {
  return new ConnectError(`the client of ${target} was destroyed`, { code: Code.Canceled });
}

/** For a request that Node refuses to write: a header that must not be there, or a character that HTTP has not. */
export function notARequest(cause: unknown): ConnectError {
  return new ConnectError(`the request cannot be sent: ${describeCause(cause)}`, {
    code: Code.Internal,
    cause,
  });
}
