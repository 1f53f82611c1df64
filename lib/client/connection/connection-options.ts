/**
 * How the connections of a client are made and kept: what a user may say, and what holds when nothing is said.
 */
import { durationOf } from '../checked-options.js';
import { type TlsOptions } from './dialer.js';

/** How a client finds out that its peer is gone without a word. */
export interface KeepaliveOptions {
  /**
   * Least time between two PINGs of a connection, in milliseconds. One is sent when a connection with calls was silent for
   * 30,000 ms, or for the interval if that is less; at most twice that passes. Default: 330,000 (gRPC servers take offence at
   * less than 300,000 unless told otherwise). `Infinity`: never.
   */
  readonly intervalMs?: number;
  /** Time for the answer, in milliseconds. Beyond: the connection ends, and calls on it fail. Default: 20,000. */
  readonly timeoutMs?: number;
  /** Asks on connections without calls, too. Default: false. */
  readonly whenIdle?: boolean;
}

/** How the connections of a client are made and kept. */
export interface ConnectionOptions {
  /** For `https:` targets. Default: Node's authorities, no client certificate. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Time for a connection until it can be used, TLS and the server's first SETTINGS included, in milliseconds.
   * `Infinity` for no limit. Default: 10,000.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Closes connections that had no call for so long, in milliseconds. `Infinity`: never. Default: 300,000. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Age from which a connection takes no new calls, in milliseconds, give or take a tenth at random; calls on it go on.
   * New connections reach the servers that a load balancer has meanwhile got. Default: `Infinity`.
   */
  readonly maxConnectionAgeMs?: number | undefined;
  /**
   * Most HTTP/2 connections that take calls, from 1 to 1,000: another one is opened when all others are at the limit of
   * concurrent calls that their server has set. Calls beyond that wait, as long as their deadline. Default: 10.
   */
  readonly sessionsPerTarget?: number | undefined;
  /** Over HTTP/2: pings. */
  readonly keepalive?: KeepaliveOptions | undefined;
}

export interface ResolvedConnectionOptions {
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnectionAgeMs: number;
  readonly sessionsPerTarget: number;
  readonly keepalive: Required<KeepaliveOptions>;
}

const MAX_SESSIONS = 1_000;

/** @throws TypeError When an option is wrong; the message names it and what is accepted. */
export function resolveConnectionOptions(options: ConnectionOptions): ResolvedConnectionOptions {
  const { sessionsPerTarget = 10, keepalive = {} } = options;
  if (!Number.isInteger(sessionsPerTarget) || sessionsPerTarget < 1 || sessionsPerTarget > MAX_SESSIONS) {
    throw new TypeError(`sessionsPerTarget is ${String(sessionsPerTarget)}: expected 1 to ${MAX_SESSIONS}`);
  }
  return Object.freeze({
    sessionsPerTarget,
    connectTimeoutMs: durationOf('connectTimeoutMs', options.connectTimeoutMs ?? 10_000),
    idleTimeoutMs: durationOf('idleTimeoutMs', options.idleTimeoutMs ?? 300_000),
    maxConnectionAgeMs: durationOf('maxConnectionAgeMs', options.maxConnectionAgeMs ?? Infinity),
    keepalive: Object.freeze({
      intervalMs: durationOf('keepalive.intervalMs', keepalive.intervalMs ?? 330_000),
      timeoutMs: durationOf('keepalive.timeoutMs', keepalive.timeoutMs ?? 20_000),
      whenIdle: keepalive.whenIdle ?? false,
    }),
  });
}

const AGE_JITTER = 0.1;

/** Connections that were opened together do not end together. */
export function spreadAge(ageMs: number): number {
  return ageMs * (1 - AGE_JITTER + 2 * AGE_JITTER * Math.random());
}
