/**
 * What a test asks of the page and what it is told: plain data, which goes through the browser's debugging protocol.
 */

/** `@connectrpc/connect-web` in five ways, and the official `grpc-web` in two. */
export type ClientName =
  | 'Connect, JSON'
  | 'Connect, binary'
  | 'Connect, GET'
  | 'gRPC-Web, JSON'
  | 'gRPC-Web, binary'
  | 'grpc-web npm, binary'
  | 'grpc-web npm, text';

export interface CallRequest {
  readonly client: ClientName;
  readonly baseUrl: string;
  readonly method: 'say' | 'introduce';
  /** The sentence or the name. */
  readonly text: string;
  /** Aborts after so many messages (0: when the call has been sent). */
  readonly abortAfter?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A deadline, which is a header more. */
  readonly timeoutMs?: number;
}

export interface CallOutcome {
  readonly sentences: readonly string[];
  /** Headers that begin with `x-`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Trailers that begin with `x-`. */
  readonly trailers: Readonly<Record<string, string>>;
  readonly error: CallError | undefined;
}

export interface CallError {
  /** gRPC's number. */
  readonly code: number;
  readonly message: string;
  /** The sentences of the details. */
  readonly details: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** How long a call may be under way before an abort that waits for no message. */
export const ABORT_DELAY_MS = 100;

/** @returns The names that begin with `x-`. */
export function ownOf(entries: Iterable<readonly [string, string]>): Record<string, string> {
  return Object.fromEntries([...entries].filter(([name]) => name.startsWith('x-')));
}
