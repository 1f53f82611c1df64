/**
 * What browsers are told about other origins: preflights, and the headers that every answer carries.
 *
 * The option is checked and compiled once; a request costs a look at its `origin`. The lists of names are those
 * that the three protocols need; applications add their own.
 *
 * Spec: Fetch, "HTTP CORS protocol"; Connect, "CORS".
 */
import { type HeaderList } from '../rpc/headers.js';
import { type Exchange } from '../wire/exchange.js';
import { CorsExchange } from './cors-exchange.js';

/** Which pages may call, and what they may send and see. */
export interface CorsOptions {
  /**
   * Origins whose pages may read answers: `'*'` for all; a list of origins, each as browsers write it
   * (`"https://app.example.com"`: scheme and host in lower case, a port only where it is not the scheme's own, no
   * slash at the end) or as a pattern that has to match the **whole** origin
   * (`/https:\/\/[a-z]+\.example\.com/`); or a function, of which only `true` allows. Pages of other origins get
   * no CORS headers, and their browser keeps the answer from them; the call itself is not refused.
   */
  readonly origins: '*' | readonly (string | RegExp)[] | ((origin: string) => boolean);
  /**
   * Pages may send cookies, client certificates and HTTP authentication. Default: false. Not with `'*'`, which
   * browsers refuse.
   */
  readonly credentials?: boolean;
  /**
   * Request headers of the application, for example `['authorization']`, beside those of the protocols. Default:
   * none. A page that sends another one fails in its browser.
   */
  readonly allowedHeaders?: readonly string[];
  /**
   * Response headers and trailers of the application that pages may read, beside those of the protocols. Default:
   * none. Each is exposed with the prefix `trailer-` as well, under which Connect sends the trailers of unary
   * calls.
   */
  readonly exposedHeaders?: readonly string[];
  /**
   * How long browsers may keep the answer to a preflight, in seconds. Default: 7,200, the most that Chromium takes. 0:
   * a preflight for every call.
   */
  readonly maxAgeSeconds?: number;
}

/** {@link CorsOptions}, ready for requests. */
export interface CorsPolicy {
  /** @returns The value of `access-control-allow-origin`; `undefined` for an origin that is not allowed. */
  readonly grantTo: (origin: string) => string | undefined;
  /** Beside the origin, in the answer to a preflight. */
  readonly preflight: HeaderList;
  /** Beside the origin, in every other answer. */
  readonly answer: HeaderList;
}

/** Everything that the clients of the three protocols send. */
const ALLOWED_HEADERS = [
  'content-type',
  'connect-protocol-version',
  'connect-timeout-ms',
  'connect-content-encoding',
  'connect-accept-encoding',
  'content-encoding',
  'accept-encoding',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'x-grpc-web',
  'x-user-agent',
];

/** Everything that they read, beyond what browsers show anyway. */
const EXPOSED_HEADERS = [
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
  'grpc-encoding',
  'grpc-accept-encoding',
  'content-encoding',
  'connect-content-encoding',
];

const NO_HEADERS: HeaderList = [];
const VARY: HeaderList = ['vary', 'origin'];
const VARY_PREFLIGHT: HeaderList = [
  'vary',
  'origin, access-control-request-method, access-control-request-headers',
];

const DEFAULT_MAX_AGE_SECONDS = 7_200;

/**
 * @param option `true` for all origins without credentials; `false` or nothing for no CORS at all.
 * @throws TypeError or RangeError that names the option, its value and what is accepted.
 */
export function compileCors(option: boolean | CorsOptions | undefined): CorsPolicy | undefined {
  if (option === undefined || option === false) {
    return undefined;
  }
  const options = option === true ? { origins: '*' as const } : option;
  assertOptions(options);
  const { origins, credentials = false, allowedHeaders, exposedHeaders, maxAgeSeconds } = options;
  if (typeof credentials !== 'boolean') {
    throw new TypeError(`cors.credentials is ${show(credentials)}: expected true or false`);
  }
  if (credentials && origins === '*') {
    throw new TypeError(
      'cors.origins is "*" with cors.credentials: browsers refuse that. List the origins that may send credentials.',
    );
  }
  const consent = credentials ? ['access-control-allow-credentials', 'true'] : [];
  const allowed = headerNames('allowedHeaders', allowedHeaders);
  const exposed = headerNames('exposedHeaders', exposedHeaders);
  return Object.freeze({
    grantTo: compileOrigins(origins),
    preflight: [
      'access-control-allow-methods',
      'GET, POST',
      'access-control-allow-headers',
      joined(ALLOWED_HEADERS, allowed),
      'access-control-max-age',
      String(seconds(maxAgeSeconds)),
      ...consent,
    ],
    answer: [
      'access-control-expose-headers',
      joined(EXPOSED_HEADERS, exposed, exposed.map(trailerName)),
      ...consent,
    ],
  });
}

/** A browser asks whether it may send the request that the page wants. (Fetch, "CORS-preflight request") */
export function isPreflight(exchange: Exchange): boolean {
  return exchange.method === 'OPTIONS' && exchange.header('access-control-request-method') !== undefined;
}

/** What a preflight is told; to an origin that is not allowed, nothing. */
export function preflightHeaders(policy: CorsPolicy, exchange: Exchange): HeaderList {
  const granted = grant(policy, exchange.header('origin'));
  return granted.length === 0 ? VARY_PREFLIGHT : [...granted, ...policy.preflight, ...VARY_PREFLIGHT];
}

/**
 * Gives an exchange the headers of {@link answerHeaders}, whatever it will be answered.
 *
 * @returns The exchange itself when there are none.
 */
export function shareAnswer(policy: CorsPolicy, exchange: Exchange): Exchange {
  const headers = answerHeaders(policy, exchange);
  return headers.length === 0 ? exchange : new CorsExchange(exchange, headers);
}

/** What goes with the answer to a request that is no preflight. */
export function answerHeaders(policy: CorsPolicy, exchange: Exchange): HeaderList {
  const origin = exchange.header('origin');
  if (origin === undefined) {
    // A cache may keep this answer and give it to a page of another origin.
    return exchange.method === 'GET' ? VARY : NO_HEADERS;
  }
  const granted = grant(policy, origin);
  return granted.length === 0 ? VARY : [...granted, ...policy.answer, ...VARY];
}

function grant(policy: CorsPolicy, origin: string | undefined): HeaderList {
  const value = origin === undefined ? undefined : policy.grantTo(origin);
  return value === undefined ? NO_HEADERS : ['access-control-allow-origin', value];
}

function compileOrigins(origins: CorsOptions['origins']): CorsPolicy['grantTo'] {
  if (origins === '*') {
    return () => '*';
  }
  if (typeof origins === 'function') {
    // A promise must not pass for a yes.
    return (origin) => ((origins(origin) as unknown) === true ? origin : undefined);
  }
  if (!Array.isArray(origins)) {
    throw new TypeError(`cors.origins is ${show(origins)}: expected "*", a list of origins, or a function`);
  }
  const names = new Set<string>();
  const patterns: RegExp[] = [];
  for (const entry of origins as readonly unknown[]) {
    if (entry instanceof RegExp) {
      patterns.push(wholeMatch(entry));
    } else {
      names.add(checkedOrigin(entry));
    }
  }
  return (origin) =>
    names.has(origin) || patterns.some((pattern) => pattern.test(origin)) ? origin : undefined;
}

/** Without anchors `/example\.com/` would let `https://example.com.attacker.net` in; with `g`, every second call. */
function wholeMatch({ source, flags }: RegExp): RegExp {
  return new RegExp(`^(?:${source})$`, flags.replaceAll(/[gmy]/g, ''));
}

function checkedOrigin(value: unknown): string {
  if (typeof value !== 'string' || !isOrigin(value)) {
    throw new TypeError(
      `cors.origins has ${show(value)}: expected an origin as browsers write it, such as "https://app.example.com" or ` +
        `"http://localhost:5173", or a RegExp`,
    );
  }
  return value;
}

/** As a browser serializes it: anything else would never match. (RFC 6454, section 6.2) */
function isOrigin(value: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s,*]+$/.test(value) || !URL.canParse(value)) {
    return false;
  }
  // Schemes that the URL standard does not know (apps and browser extensions) have no origin of their own there.
  const { origin } = new URL(value);
  return origin === 'null' || origin === value;
}

function headerNames(option: string, names: readonly string[] = []): string[] {
  if (!Array.isArray(names)) {
    throw new TypeError(`cors.${option} is ${show(names)}: expected a list of header names`);
  }
  return (names as readonly unknown[]).map((name) => {
    // `*` is none of them: it does not cover `authorization`, and means nothing with credentials.
    if (typeof name !== 'string' || !/^[0-9a-z_.-]+$/i.test(name)) {
      throw new TypeError(`cors.${option} has ${show(name)}: expected header names such as "x-request-id"`);
    }
    return name.toLowerCase();
  });
}

function trailerName(name: string): string {
  return `trailer-${name}`;
}

function joined(...lists: readonly (readonly string[])[]): string {
  return [...new Set(lists.flat())].join(', ');
}

function seconds(value: number = DEFAULT_MAX_AGE_SECONDS): number {
  if (typeof value !== 'number') {
    throw new TypeError(`cors.maxAgeSeconds is ${show(value)}: expected a whole number from 0`);
  }
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`cors.maxAgeSeconds is ${value}: expected a whole number from 0`);
  }
  return value;
}

const NAMES: Readonly<Record<keyof CorsOptions, true>> = {
  origins: true,
  credentials: true,
  allowedHeaders: true,
  exposedHeaders: true,
  maxAgeSeconds: true,
};

/** Express and Nest say `origin`: a name that is not known must not pass in silence. */
function assertOptions(value: unknown): asserts value is CorsOptions {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`cors is ${show(value)}: expected true, false, or an object with origins`);
  }
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(NAMES, name));
  if (unknown !== undefined) {
    throw new TypeError(`cors has no "${unknown}": expected ${Object.keys(NAMES).join(', ')}`);
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : value === null ? 'null' : `of type ${typeof value}`;
}
