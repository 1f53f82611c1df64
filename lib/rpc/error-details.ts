/**
 * The standard error details, as functions: `details: [retryInfo({ delayMs: 500 })]`.
 *
 * Clients in every gRPC language know these ten messages, so they beat messages of one's own.
 * Spec: google.rpc, error_details.proto; https://google.aip.dev/193 says when to use which.
 */
import { type Duration } from '@bufbuild/protobuf/wkt';
import {
  BadRequestSchema,
  DebugInfoSchema,
  ErrorInfoSchema,
  HelpSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from '../gen/google/rpc/error_details_pb.js';
import { type OutgoingDetail } from './connect-error.js';

/** For {@link badRequest}: one wrong field. */
export interface FieldViolation {
  /** The path from the request to the field: `"address.street"`, `"items[2].name"`. */
  readonly field: string;
  /** For developers: why the value is wrong. */
  readonly description: string;
  /** The same as a constant: up to 63 characters of `A-Z`, `0-9` and `_`. Default: none. */
  readonly reason?: string;
  /** The same for the user. Default: none. */
  readonly localizedMessage?: LocalizedText;
}

/** For {@link quotaFailure}: one exceeded quota. */
export interface QuotaViolation {
  /** Whose quota it is, such as `"user:42"`. */
  readonly subject: string;
  /** For developers: which limit, and how to raise it. */
  readonly description: string;
  /** The API that the quota belongs to, such as `"orders.example.com"`. Default: none. */
  readonly apiService?: string;
  /** What is counted. Default: none. */
  readonly quotaMetric?: string;
  /** The quota's name, unique in its API. Default: none. */
  readonly quotaId?: string;
  /** What the quota is counted by, such as `{ region: 'eu' }`. Default: none. */
  readonly quotaDimensions?: Readonly<Record<string, string>>;
  /** The limit, in units of the metric. Default: 0, which says nothing. */
  readonly quotaValue?: bigint;
  /** The limit that is being rolled out, where it differs. Default: none. */
  readonly futureQuotaValue?: bigint;
}

/** For {@link preconditionFailure}: one unmet precondition. */
export interface PreconditionViolation {
  /** A kind that the service defines, such as `"TERMS"`. */
  readonly type: string;
  /** What it is about, such as the name of the terms. */
  readonly subject: string;
  /** For developers: how to meet it. */
  readonly description: string;
}

/** For {@link help}: one page. */
export interface HelpLink {
  /** What the page offers. */
  readonly description: string;
  readonly url: string;
}

/** For {@link localizedMessage}. */
export interface LocalizedText {
  /** A BCP 47 tag, such as `"de-AT"`. */
  readonly locale: string;
  /** The text, in that language. */
  readonly message: string;
}

/**
 * Why the call failed, as a constant that a program can compare: the one detail that every error should have.
 *
 * @param info.reason Unique in its domain: up to 63 characters of `A-Z`, `0-9` and `_`, such as `"STOCK_EMPTY"`.
 * @param info.domain Who defines the reason, usually the service's registered name, such as `"orders.example.com"`.
 * @param info.metadata More about this very error, by camelCase names with their units. Default: none.
 */
export function errorInfo(info: {
  readonly reason: string;
  readonly domain: string;
  readonly metadata?: Readonly<Record<string, string>>;
}): OutgoingDetail<typeof ErrorInfoSchema> {
  return { desc: ErrorInfoSchema, value: { ...info } };
}

/**
 * Which fields of the request are wrong, for `invalid_argument`. What Nest's `ValidationPipe` refuses has this
 * detail already.
 */
export function badRequest(violations: readonly FieldViolation[]): OutgoingDetail<typeof BadRequestSchema> {
  return { desc: BadRequestSchema, value: { fieldViolations: [...violations] } };
}

/**
 * When the caller may try the same call again, for `unavailable` and `resource_exhausted`.
 *
 * @param retry.delayMs The least time to wait, in milliseconds from now; rounded to whole nanoseconds.
 * @throws RangeError when it is negative, not finite, or more than the 10,000 years that a Duration holds.
 */
export function retryInfo(retry: { readonly delayMs: number }): OutgoingDetail<typeof RetryInfoSchema> {
  return { desc: RetryInfoSchema, value: { retryDelay: toDuration(retry.delayMs) } };
}

/** Which quotas the call would have exceeded, for `resource_exhausted`; with {@link retryInfo} when waiting helps. */
export function quotaFailure(
  violations: readonly QuotaViolation[],
): OutgoingDetail<typeof QuotaFailureSchema> {
  return { desc: QuotaFailureSchema, value: { violations: [...violations] } };
}

/** What must be true before the call can succeed, for `failed_precondition`. */
export function preconditionFailure(
  violations: readonly PreconditionViolation[],
): OutgoingDetail<typeof PreconditionFailureSchema> {
  return { desc: PreconditionFailureSchema, value: { violations: [...violations] } };
}

/**
 * Which resource the error is about, for `not_found`, `already_exists` and `permission_denied`.
 *
 * @param resource.resourceType A kind, such as `"order"`, or the full name of its message.
 * @param resource.resourceName Which one.
 * @param resource.owner To whom it belongs, such as `"user:42"`. Default: none.
 * @param resource.description For developers: what went wrong with it. Default: none.
 */
export function resourceInfo(resource: {
  readonly resourceType: string;
  readonly resourceName: string;
  readonly owner?: string;
  readonly description?: string;
}): OutgoingDetail<typeof ResourceInfoSchema> {
  return { desc: ResourceInfoSchema, value: { ...resource } };
}

/** Where to read more, or to do something about the error. */
export function help(links: readonly HelpLink[]): OutgoingDetail<typeof HelpSchema> {
  return { desc: HelpSchema, value: { links: [...links] } };
}

/** A text that may be shown to the user; the error's own message is for developers. */
export function localizedMessage(text: LocalizedText): OutgoingDetail<typeof LocalizedMessageSchema> {
  return { desc: LocalizedMessageSchema, value: { ...text } };
}

/**
 * How the service finds this call again, for a bug report.
 *
 * @param request.requestId Opaque for the caller, such as the id in the service's logs.
 * @param request.servingData What the service needs to look into the call; encrypt what is private. Default: none.
 */
export function requestInfo(request: {
  readonly requestId: string;
  readonly servingData?: string;
}): OutgoingDetail<typeof RequestInfoSchema> {
  return { desc: RequestInfoSchema, value: { ...request } };
}

/**
 * What the service knows of the failure. It shows the inside of the service: for callers inside, never for the public.
 *
 * @param debug.stackEntries The stack, innermost entry first. Default: none.
 * @param debug.detail Anything else. Default: none.
 */
export function debugInfo(debug: {
  readonly stackEntries?: readonly string[];
  readonly detail?: string;
}): OutgoingDetail<typeof DebugInfoSchema> {
  const { stackEntries = [], ...rest } = debug;
  return { desc: DebugInfoSchema, value: { ...rest, stackEntries: [...stackEntries] } };
}

// "Range: from -315,576,000,000 to +315,576,000,000 inclusive" (google/protobuf/duration.proto, seconds)
const MAX_DURATION_MS = 315_576_000_000_000;

const NANOS_PER_SECOND = 1_000_000_000;

// Not durationFromMs(): it leaves fractions of nanoseconds, which do not encode, and the detail would be left out.
function toDuration(ms: number): Pick<Duration, 'seconds' | 'nanos'> {
  if (!(ms >= 0 && ms <= MAX_DURATION_MS)) {
    throw new RangeError(
      `retryInfo: delayMs is ${ms}; expected milliseconds from 0 to ${MAX_DURATION_MS}, such as 500`,
    );
  }
  const seconds = Math.floor(ms / 1_000);
  const nanos = Math.round((ms - seconds * 1_000) * 1_000_000);
  return nanos === NANOS_PER_SECOND
    ? { seconds: BigInt(seconds + 1), nanos: 0 }
    : { seconds: BigInt(seconds), nanos };
}
