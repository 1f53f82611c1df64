/**
 * Which failed calls are tried again, and when: settings with the names and the meaning of gRPC's, for all protocols.
 *
 * Spec: gRPC A6, "Retry Policy" and "Pushback"; RFC 9110, section 10.2.3 (`Retry-After`).
 */
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { Code, isCode } from '../../rpc/code.js';
import { type RpcHeaders } from '../../rpc/headers.js';
import { type RetryThrottling } from './retry-throttle.js';

/**
 * When an attempt fails with one of {@link retryableCodes}, or takes longer than {@link perAttemptTimeoutMs}, and no
 * message of its response has arrived, the call is tried again. The next attempt begins after
 *
 *     min(initialBackoffMs × backoffMultiplier ^ (retries so far), maxBackoffMs) × random(1 - jitter … 1 + jitter)
 *
 * or when the server says: `grpc-retry-pushback-ms` (a value that is no number of milliseconds forbids retries), or
 * `retry-after`. Never after the deadline of the call: it then fails with the error of its last attempt.
 *
 * Of failed attempts a caller hears nothing: `onHeaders` is told with the first message, in the last attempt at once.
 */
export interface RetryPolicy {
  /** Methods and services. A method's policy goes before its service's, and that before one for everything. Default: everything. */
  readonly for?: readonly (DescService | DescMethod)[];
  /** Attempts, the first one included: a whole number; 1 for no retries. */
  readonly maxAttempts: number;
  /** In milliseconds. Default: 100. */
  readonly initialBackoffMs?: number;
  /** In milliseconds. Default: 5,000. */
  readonly maxBackoffMs?: number;
  /** Default: 2. */
  readonly backoffMultiplier?: number;
  /** Share of the backoff that is left to chance, from 0 to 1. Default: 0.2. */
  readonly jitter?: number;
  /** With others a retry may do harm: choose them for methods that may run twice. Default: `unavailable`. */
  readonly retryableCodes?: readonly Code[];
  /** Time for each attempt until the first message of its response, in milliseconds. Default: no limit. */
  readonly perAttemptTimeoutMs?: number;
}

/** Retries of a channel. */
export interface RetryOptions {
  /** A call without a policy is not retried. */
  readonly policies: readonly RetryPolicy[];
  /** Default: retries are not held back. */
  readonly retryThrottling?: RetryThrottling;
  /**
   * Encoded requests of a stream that are kept for another attempt, in bytes, per call. Beyond, the attempt under way is
   * the last one. Default: 256 KiB.
   */
  readonly bufferBytes?: number;
  /** {@link bufferBytes} of all calls of the channel together. Default: 16 MiB. */
  readonly channelBufferBytes?: number;
}

/** A policy, complete. */
export interface RetrySettings extends Required<Omit<RetryPolicy, 'for' | 'retryableCodes'>> {
  readonly retryableCodes: ReadonlySet<Code>;
}

/**
 * @returns The policy with its defaults.
 * @throws TypeError When a setting is out of its range.
 */
export function resolvePolicy(policy: Omit<RetryPolicy, 'for'>): RetrySettings {
  const settings = {
    maxAttempts: policy.maxAttempts,
    initialBackoffMs: policy.initialBackoffMs ?? 100,
    maxBackoffMs: policy.maxBackoffMs ?? 5_000,
    backoffMultiplier: policy.backoffMultiplier ?? 2,
    jitter: policy.jitter ?? 0.2,
    perAttemptTimeoutMs: policy.perAttemptTimeoutMs ?? Infinity,
  };
  check(settings, 'maxAttempts', Number.isSafeInteger(settings.maxAttempts) && settings.maxAttempts >= 1);
  check(settings, 'jitter', settings.jitter >= 0 && settings.jitter <= 1);
  for (const name of [
    'initialBackoffMs',
    'maxBackoffMs',
    'backoffMultiplier',
    'perAttemptTimeoutMs',
  ] as const) {
    check(settings, name, settings[name] > 0);
  }
  const { retryableCodes = [Code.Unavailable] } = policy;
  const wrong = retryableCodes.find((code) => !isCode(code));
  if (wrong !== undefined) {
    throw new TypeError(
      `retryableCodes of a retry policy has ${JSON.stringify(wrong)}: expected codes such as Code.Unavailable, which is 14`,
    );
  }
  return Object.freeze({ ...settings, retryableCodes: new Set(retryableCodes) });
}

const EXPECTED = {
  maxAttempts: 'a whole number from 1',
  initialBackoffMs: 'more than 0',
  maxBackoffMs: 'more than 0',
  backoffMultiplier: 'more than 0',
  jitter: 'a number from 0 to 1',
  perAttemptTimeoutMs: 'more than 0',
} as const;

type Checked = keyof typeof EXPECTED;

function check(settings: Readonly<Record<Checked, number>>, name: Checked, isRight: boolean): void {
  if (!isRight) {
    throw new TypeError(`${name} of a retry policy is ${settings[name]}: expected ${EXPECTED[name]}`);
  }
}

/** @param retries Since the first attempt, or since the server last said when. @returns Milliseconds. */
export function backoffMs(settings: RetrySettings, retries: number): number {
  const { initialBackoffMs, maxBackoffMs, backoffMultiplier, jitter } = settings;
  const plainMs = Math.min(initialBackoffMs * backoffMultiplier ** retries, maxBackoffMs);
  return plainMs * (1 + jitter * (2 * Math.random() - 1));
}

/**
 * When the server wants the next attempt.
 *
 * @param metadata Of an error.
 * @returns Milliseconds from now; `"never"`; `undefined` when it does not say.
 */
export function pushbackOf(metadata: RpcHeaders): number | 'never' | undefined {
  const [pushback] = metadata.getAll('grpc-retry-pushback-ms');
  if (pushback !== undefined) {
    // "If the value for pushback is negative or unparseable, then it will be seen as the server asking the client not to
    // retry at all." (gRPC A6, "Pushback")
    return /^\d+$/.test(pushback) ? Number(pushback) : 'never';
  }
  const [retryAfter] = metadata.getAll('retry-after');
  return retryAfter === undefined ? undefined : parseRetryAfter(retryAfter);
}

/** Seconds or a date. (RFC 9110, section 10.2.3) */
function parseRetryAfter(value: string): number | undefined {
  if (/^\d+$/.test(value)) {
    return Number(value) * 1_000;
  }
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(at - Date.now(), 0);
}
