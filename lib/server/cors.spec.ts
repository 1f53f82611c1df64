import { MemoryExchange, type MemoryRequest } from '../../test/support/memory-exchange.js';
import {
  answerHeaders,
  compileCors,
  type CorsOptions,
  type CorsPolicy,
  isPreflight,
  preflightHeaders,
  shareAnswer,
} from './cors.js';

const PAGE = 'https://app.example.com';

function policyOf(option: true | CorsOptions): CorsPolicy {
  const policy = compileCors(option);
  if (policy === undefined) {
    throw new Error('the option is on, and there is no policy');
  }
  return policy;
}

function requestFrom(origin: string | undefined, request: MemoryRequest = {}): MemoryExchange {
  return new MemoryExchange({ ...request, headers: origin === undefined ? {} : { origin } });
}

/** Names and values, one entry for each. */
function pairsOf(list: readonly string[]): (readonly [string, string])[] {
  return list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] as string] as const] : []));
}

function objectOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairsOf(list));
}

function grantOf(option: true | CorsOptions, origin: string): string | undefined {
  return objectOf(answerHeaders(policyOf(option), requestFrom(origin)))['access-control-allow-origin'];
}

describe('compileCors', () => {
  it.each([undefined, false])('makes nothing of %s', (option) => {
    expect(compileCors(option)).toBeUndefined();
  });

  it.each<[unknown, RegExp]>([
    ['*', /^cors is "\*": expected true, false, or an object with origins$/],
    [null, /^cors is null: expected/],
    [{}, /^cors.origins is of type undefined: expected "\*", a list of origins, or a function$/],
    [{ origins: PAGE }, /^cors.origins is "https:\/\/app.example.com": expected "\*", a list/],
    [
      { origin: '*' },
      /^cors has no "origin": expected origins, credentials, allowedHeaders, exposedHeaders, maxAge/,
    ],
    [{ origins: ['*'] }, /^cors.origins has "\*": expected an origin as browsers write it, such as "https:/],
    [{ origins: ['null'] }, /^cors.origins has "null"/],
    [{ origins: [`${PAGE}/`] }, /^cors.origins has "https:\/\/app.example.com\/"/],
    [{ origins: ['https://App.example.com'] }, /^cors.origins has "https:\/\/App.example.com"/],
    [{ origins: ['https://app.example.com:443'] }, /^cors.origins has "https:\/\/app.example.com:443"/],
    [{ origins: ['app.example.com'] }, /^cors.origins has "app.example.com"/],
    [{ origins: ['https://*.example.com'] }, /^cors.origins has/],
    [{ origins: [7] }, /^cors.origins has of type number/],
    [
      { origins: '*', credentials: true },
      /^cors.origins is "\*" with cors.credentials: browsers refuse that. List the/,
    ],
    [{ origins: '*', credentials: 'yes' }, /^cors.credentials is "yes": expected true or false$/],
    [
      { origins: '*', allowedHeaders: 'x-a' },
      /^cors.allowedHeaders is "x-a": expected a list of header names$/,
    ],
    [{ origins: '*', allowedHeaders: ['*'] }, /^cors.allowedHeaders has "\*": expected header names such as/],
    [{ origins: '*', exposedHeaders: ['a b'] }, /^cors.exposedHeaders has "a b"/],
    [{ origins: '*', exposedHeaders: ['x\r\ny: z'] }, /^cors.exposedHeaders has/],
    [{ origins: '*', exposedHeaders: [1] }, /^cors.exposedHeaders has of type number/],
    [{ origins: '*', maxAgeSeconds: '5' }, /^cors.maxAgeSeconds is "5": expected a whole number from 0$/],
    [{ origins: '*', maxAgeSeconds: -1 }, /^cors.maxAgeSeconds is -1: expected a whole number from 0$/],
    [{ origins: '*', maxAgeSeconds: 1.5 }, /^cors.maxAgeSeconds is 1.5/],
    [{ origins: '*', maxAgeSeconds: Infinity }, /^cors.maxAgeSeconds is Infinity/],
  ])('refuses %j, naming what is wrong', (option, message) => {
    expect(() => compileCors(option as CorsOptions)).toThrow(message);
  });
});

describe('origins', () => {
  const startsWithA: CorsOptions = { origins: (origin) => origin.startsWith('https://a') };
  const promised: CorsOptions = { origins: (() => Promise.resolve(true)) as unknown as () => boolean };

  it.each<[string, true | CorsOptions, string, string | undefined]>([
    ['true', true, PAGE, '*'],
    ['*', { origins: '*' }, 'null', '*'],
    ['a list', { origins: [PAGE, 'http://localhost:5173'] }, PAGE, PAGE],
    [
      'a list',
      { origins: [PAGE, 'http://localhost:5173'] },
      'http://localhost:5173',
      'http://localhost:5173',
    ],
    ['a list', { origins: [PAGE] }, 'http://app.example.com', undefined],
    ['a list', { origins: [PAGE] }, `${PAGE}:8443`, undefined],
    ['a list', { origins: [PAGE] }, 'https://app.example.com.attacker.net', undefined],
    ['a list', { origins: [PAGE] }, 'null', undefined],
    ['an empty list', { origins: [] }, PAGE, undefined],
    ['an app', { origins: ['capacitor://localhost'] }, 'capacitor://localhost', 'capacitor://localhost'],
    ['IPv6', { origins: ['http://[::1]:8080'] }, 'http://[::1]:8080', 'http://[::1]:8080'],
    ['a pattern', { origins: [/https:\/\/[a-z]+\.example\.com/] }, PAGE, PAGE],
    ['a pattern', { origins: [/https:\/\/[a-z]+\.example\.com/] }, `${PAGE}.attacker.net`, undefined],
    ['a pattern', { origins: [/https:\/\/a|app\.example\.com/] }, PAGE, undefined],
    ['a pattern with anchors', { origins: [/^https:\/\/app\.example\.com$/] }, PAGE, PAGE],
    ['a pattern without case', { origins: [/HTTPS:\/\/APP\.EXAMPLE\.COM/i] }, PAGE, PAGE],
    ['a function', startsWithA, PAGE, PAGE],
    ['a function', startsWithA, 'https://b.example.com', undefined],
    ['a function with a promise', promised, PAGE, undefined],
  ])('%s: %j answers %s with %s', (_what, option, origin, grant) => {
    expect(grantOf(option, origin)).toBe(grant);
  });

  it('a pattern with the flag g allows the second call as well', () => {
    const policy = policyOf({ origins: [/https:\/\/app\.example\.com/g] });
    expect([policy.grantTo(PAGE), policy.grantTo(PAGE)]).toEqual([PAGE, PAGE]);
  });
});

describe('isPreflight (Fetch, "CORS-preflight request")', () => {
  it.each<[string, Record<string, string>, boolean]>([
    ['OPTIONS', { 'access-control-request-method': 'POST' }, true],
    ['OPTIONS', { origin: PAGE }, false],
    ['POST', { 'access-control-request-method': 'POST' }, false],
  ])('%s with %j: %s', (method, headers, expected) => {
    expect(isPreflight(new MemoryExchange({ method, headers }))).toBe(expected);
  });
});

const PROTOCOL_HEADERS =
  'content-type, connect-protocol-version, connect-timeout-ms, connect-content-encoding, connect-accept-encoding, ' +
  'content-encoding, accept-encoding, grpc-timeout, grpc-encoding, grpc-accept-encoding, x-grpc-web, x-user-agent';
const PROTOCOL_ANSWERS =
  'grpc-status, grpc-message, grpc-status-details-bin, grpc-encoding, grpc-accept-encoding, content-encoding, ' +
  'connect-content-encoding';
const PREFLIGHT_VARY = 'origin, access-control-request-method, access-control-request-headers';

const FULL: CorsOptions = {
  origins: [PAGE],
  credentials: true,
  allowedHeaders: ['Authorization', 'x-request-id', 'content-type'],
  exposedHeaders: ['X-Cost', 'x-cost'],
  maxAgeSeconds: 0,
};

describe('preflightHeaders', () => {
  it('lists what the protocols send', () => {
    expect(objectOf(preflightHeaders(policyOf(true), requestFrom(PAGE)))).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': PROTOCOL_HEADERS,
      'access-control-max-age': '7200',
      vary: PREFLIGHT_VARY,
    });
  });

  it('adds what the application allows, once', () => {
    expect(objectOf(preflightHeaders(policyOf(FULL), requestFrom(PAGE)))).toEqual({
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': `${PROTOCOL_HEADERS}, authorization, x-request-id`,
      'access-control-max-age': '0',
      'access-control-allow-credentials': 'true',
      vary: PREFLIGHT_VARY,
    });
  });

  it.each([undefined, 'https://attacker.net'])('tells the origin %s nothing', (origin) => {
    expect(preflightHeaders(policyOf(FULL), requestFrom(origin))).toEqual(['vary', PREFLIGHT_VARY]);
  });
});

describe('answerHeaders', () => {
  it('exposes what the protocols send', () => {
    expect(objectOf(answerHeaders(policyOf(true), requestFrom(PAGE)))).toEqual({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': PROTOCOL_ANSWERS,
      vary: 'origin',
    });
  });

  it('adds what the application exposes, once, and as trailers of Connect unary calls', () => {
    expect(objectOf(answerHeaders(policyOf(FULL), requestFrom(PAGE)))).toEqual({
      'access-control-allow-origin': PAGE,
      'access-control-expose-headers': `${PROTOCOL_ANSWERS}, x-cost, trailer-x-cost`,
      'access-control-allow-credentials': 'true',
      vary: 'origin',
    });
  });

  it('tells another origin nothing, and caches that it depends', () => {
    expect(answerHeaders(policyOf(FULL), requestFrom('https://attacker.net'))).toEqual(['vary', 'origin']);
  });

  it.each([
    ['POST', []],
    ['GET', ['vary', 'origin']],
  ])('has for a %s without an origin: %j', (method, headers) => {
    expect(answerHeaders(policyOf(true), requestFrom(undefined, { method }))).toEqual(headers);
  });
});

describe('shareAnswer', () => {
  const ADDED = answerHeaders(policyOf(true), requestFrom(PAGE));
  const OWN = ['vary', 'accept-encoding'];

  it.each<[string, (exchange: MemoryExchange) => void]>([
    ['respond', (inner) => shareAnswer(policyOf(true), inner).respond(200, OWN)],
    ['respondWithTrailers', (inner) => shareAnswer(policyOf(true), inner).respondWithTrailers(200, OWN)],
    ['respondAndEnd', (inner) => shareAnswer(policyOf(true), inner).respondAndEnd(200, OWN)],
  ])('appends to the headers of %s', (_method, answer) => {
    const inner = requestFrom(PAGE);
    answer(inner);
    expect([inner.status, inner.headers]).toEqual([200, [...OWN, ...ADDED]]);
  });

  it('is the exchange itself when there is nothing to add', () => {
    const inner = requestFrom(undefined);
    expect(shareAnswer(policyOf(true), inner)).toBe(inner);
  });

  it('leaves the rest of the exchange as it is', async () => {
    const inner = new MemoryExchange({
      method: 'POST',
      path: '/a.B/C',
      query: 'x=1',
      headers: { origin: PAGE },
      httpVersion: '2',
    });
    const shared = shareAnswer(policyOf(true), inner);
    inner.bufferedBytes = 7;
    const head = [
      'httpVersion',
      'method',
      'path',
      'query',
      'peer',
      'requestHeaders',
      'hasBody',
      'bufferedBytes',
    ];
    for (const name of head as (keyof MemoryExchange & keyof typeof shared)[]) {
      expect(shared[name]).toBe(inner[name]);
    }
    expect(shared.header('origin')).toBe(PAGE);

    const chunks: Uint8Array[] = [];
    shared.pause();
    expect(inner.isPaused).toBe(true);
    shared.start({
      isMidMessage: false,
      onData: (chunk) => chunks.push(chunk),
      onEnd: () => {},
      onDrain: () => {},
      onAbort: () => {},
      onClose: () => {},
      terminate: () => {},
    });
    inner.data(Buffer.from('in')).finish();
    expect(chunks).toEqual([]);
    shared.resume();
    expect(Buffer.concat(chunks).toString()).toBe('in');

    inner.takesMore = false;
    shared.respondWithTrailers(200, []);
    expect(shared.write(Buffer.from('out'))).toBe(false);
    shared.end(Buffer.from('!'), ['x', 'y']);
    await inner.closed;
    expect([inner.text, inner.trailers]).toEqual(['out!', ['x', 'y']]);

    const given = requestFrom(PAGE);
    shareAnswer(policyOf(true), given).reset();
    expect(given.isReset).toBe(true);
  });
});
