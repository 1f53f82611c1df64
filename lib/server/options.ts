/**
 * Settings of the server engine: limits and times of connections, complete and checked.
 *
 * node:http2 has no limit in time at all and node:http stops keeping its own on sockets that it did not
 * accept itself, so the times below are the engine's. What a message may be is the wire's business.
 */

/** Settings of the engine, complete. */
export interface EngineOptions {
  /** Streams that a client may have open on one HTTP/2 connection. Default: 100. More are refused, and retried by clients. */
  readonly maxConcurrentStreams: number;
  /** Open connections of one listener. Default: `Infinity`. More are closed at once. */
  readonly maxConnections: number;
  /**
   * Bytes of a request's headers. Default: 16,384 over HTTP/1.1 (beyond: status 431), 65,536 over HTTP/2
   * (advertised as SETTINGS_MAX_HEADER_LIST_SIZE; beyond: the stream is reset).
   */
  readonly maxHeaderBytes: { readonly http1: number; readonly http2: number };
  /** Headers of a request. Default: 128. Beyond: status 431 over HTTP/1.1, a reset of the stream over HTTP/2. */
  readonly maxHeaderPairs: number;
  readonly timeouts: EngineTimeouts;
  readonly keepalive: EngineKeepalive;
  /**
   * Age at which a connection takes no new calls and is ended after its running ones, in milliseconds, ±10 % so that
   * connections that began together do not end together. Default: `Infinity`. Behind a load balancer that
   * balances connections, 1,800,000 (30 minutes) lets clients find servers that were added.
   */
  readonly maxConnectionAgeMs: number;
  /**
   * Milliseconds that running calls have to finish on a connection of that age; then they are answered
   * `unavailable`. Default: `Infinity`, as gRPC has it.
   */
  readonly maxConnectionAgeGraceMs: number;
  /**
   * Milliseconds that running calls have to finish when the server stops; then they are answered
   * `unavailable`. Default: 10,000. 0 ends them at once.
   */
  readonly drainTimeoutMs: number;
  /**
   * Serves bidirectional streams over HTTP/1.1, half duplex. Default: false, they are answered 505: a client
   * that expects full duplex would wait forever.
   */
  readonly http1Bidi: boolean;
}

/** Times in milliseconds; `Infinity` turns one off. */
export interface EngineTimeouts {
  /**
   * The TLS handshake; then until it is clear what the client speaks, by the first bytes (HTTP/1.1) or the
   * SETTINGS (HTTP/2). Default: 10,000. Beyond: the connection is destroyed.
   */
  readonly prefaceMs: number;
  /** From the first byte of an HTTP/1.1 request head to its last. Default: 10,000. Beyond: status 408. */
  readonly headersMs: number;
  /** Silence of a peer in the middle of a request message. Default: 60,000. Beyond: `deadline_exceeded`. */
  readonly idleReadMs: number;
  /** A response that waits for a peer which takes no byte of it. Default: 60,000. Beyond: the stream is reset. */
  readonly idleWriteMs: number;
  /** An HTTP/1.1 connection between two requests. Default: 65,000, more than a usual proxy keeps it. */
  readonly http1KeepAliveMs: number;
  /** An HTTP/2 connection without streams. Default: 300,000. */
  readonly http2IdleMs: number;
}

/** PING frames on HTTP/2 connections that have open streams; in milliseconds. */
export interface EngineKeepalive {
  /** Between two pings. Default: 30,000. `Infinity` turns them off. */
  readonly intervalMs: number;
  /** Until the answer. Default: 20,000. Beyond: the connection is destroyed and its calls are canceled. */
  readonly timeoutMs: number;
}

/** What a user may give: any part of {@link EngineOptions}. */
export type EngineOptionsInit = {
  readonly [K in keyof EngineOptions]?: EngineOptions[K] extends object
    ? { readonly [P in keyof EngineOptions[K]]?: EngineOptions[K][P] | undefined } | undefined
    : EngineOptions[K] | undefined;
};

const DEFAULTS: EngineOptions = {
  maxConcurrentStreams: 100,
  maxConnections: Infinity,
  maxHeaderBytes: { http1: 16_384, http2: 65_536 },
  maxHeaderPairs: 128,
  timeouts: {
    prefaceMs: 10_000,
    headersMs: 10_000,
    idleReadMs: 60_000,
    idleWriteMs: 60_000,
    http1KeepAliveMs: 65_000,
    http2IdleMs: 300_000,
  },
  keepalive: { intervalMs: 30_000, timeoutMs: 20_000 },
  maxConnectionAgeMs: Infinity,
  maxConnectionAgeGraceMs: Infinity,
  drainTimeoutMs: 10_000,
  http1Bidi: false,
};

export const ENGINE_OPTIONS: readonly string[] = Object.keys(DEFAULTS);

/** What a number must be, and how to say so. */
interface Range {
  readonly accepts: (value: number) => boolean;
  readonly text: string;
}

// HTTP/2 settings are 32 bits wide; Node takes its other limits as signed 32-bit numbers.
const MAX_COUNT = 2 ** 31 - 1;
const COUNT: Range = {
  accepts: (value) => Number.isInteger(value) && value >= 1 && value <= MAX_COUNT,
  text: `a whole number from 1 to ${MAX_COUNT}`,
};
const COUNT_OR_INFINITY: Range = {
  accepts: (value) => value === Infinity || COUNT.accepts(value),
  text: `${COUNT.text}, or Infinity`,
};
const DURATION: Range = {
  accepts: (value) => value > 0,
  text: 'milliseconds above 0, or Infinity to turn it off',
};
const DURATION_OR_ZERO: Range = {
  accepts: (value) => value >= 0,
  text: 'milliseconds from 0, or Infinity to wait without end',
};

/**
 * Completes and checks the engine's settings.
 *
 * @throws TypeError When a value has the wrong type; RangeError when a number is out of its range. Both name
 * the option, its value and what is accepted.
 */
export function resolveEngineOptions(user: EngineOptionsInit = {}): EngineOptions {
  return Object.freeze({
    maxConcurrentStreams: numberOf(
      'maxConcurrentStreams',
      user.maxConcurrentStreams,
      DEFAULTS.maxConcurrentStreams,
      COUNT,
    ),
    maxConnections: numberOf(
      'maxConnections',
      user.maxConnections,
      DEFAULTS.maxConnections,
      COUNT_OR_INFINITY,
    ),
    maxHeaderBytes: numbersOf('maxHeaderBytes', user.maxHeaderBytes, DEFAULTS.maxHeaderBytes, COUNT),
    maxHeaderPairs: numberOf('maxHeaderPairs', user.maxHeaderPairs, DEFAULTS.maxHeaderPairs, COUNT),
    timeouts: numbersOf('timeouts', user.timeouts, DEFAULTS.timeouts, DURATION),
    keepalive: numbersOf('keepalive', user.keepalive, DEFAULTS.keepalive, DURATION),
    maxConnectionAgeMs: numberOf(
      'maxConnectionAgeMs',
      user.maxConnectionAgeMs,
      DEFAULTS.maxConnectionAgeMs,
      DURATION,
    ),
    maxConnectionAgeGraceMs: numberOf(
      'maxConnectionAgeGraceMs',
      user.maxConnectionAgeGraceMs,
      DEFAULTS.maxConnectionAgeGraceMs,
      DURATION_OR_ZERO,
    ),
    drainTimeoutMs: numberOf(
      'drainTimeoutMs',
      user.drainTimeoutMs,
      DEFAULTS.drainTimeoutMs,
      DURATION_OR_ZERO,
    ),
    http1Bidi: booleanOf('http1Bidi', user.http1Bidi, DEFAULTS.http1Bidi),
  });
}

function numberOf(name: string, value: unknown, fallback: number, range: Range): number {
  if (value === undefined) {
    return fallback;
  }
  if (typeof value !== 'number') {
    throw new TypeError(`${name} is ${describe(value)}: expected ${range.text}`);
  }
  if (!range.accepts(value)) {
    throw new RangeError(`${name} is ${value}: expected ${range.text}`);
  }
  return value;
}

/** A group of numbers of one range, such as `timeouts`; a misspelt name must not pass in silence. */
function numbersOf<T extends Readonly<Record<keyof T, number>>>(
  name: string,
  value: Readonly<Partial<Record<keyof T, number | undefined>>> | undefined,
  defaults: T,
  range: Range,
): T {
  if (value === undefined) {
    return Object.freeze({ ...defaults });
  }
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${name} is ${describe(value)}: expected an object with ${namesOf(defaults)}`);
  }
  const result = { ...defaults };
  for (const key of Object.keys(value)) {
    if (!isKeyOf(defaults, key)) {
      throw new TypeError(`${name} has no "${key}": expected ${namesOf(defaults)}`);
    }
    Object.assign(result, { [key]: numberOf(`${name}.${key}`, value[key], defaults[key], range) });
  }
  return Object.freeze(result);
}

function isKeyOf<T extends object>(defaults: T, key: string): key is Extract<keyof T, string> {
  return Object.hasOwn(defaults, key);
}

function namesOf(defaults: object): string {
  return Object.keys(defaults).join(', ');
}

function booleanOf(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) {
    return fallback;
  }
  if (typeof value !== 'boolean') {
    throw new TypeError(`${name} is ${describe(value)}: expected true or false`);
  }
  return value;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : value === null ? 'null' : `of type ${typeof value}`;
}
