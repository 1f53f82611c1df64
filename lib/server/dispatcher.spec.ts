import { Code } from '../rpc/code.js';
import { type ConnectError } from '../rpc/connect-error.js';
import { MemoryExchange, type MemoryRequest } from '../../test/support/memory-exchange.js';
import { testRoute } from '../../test/support/routes.js';
import { type Exchange } from '../wire/exchange.js';
import { type ServerProtocol } from '../wire/protocol.js';
import { Dispatcher } from './dispatcher.js';

const PATH = '/test.v1.TestService/Unary';

/** Answers 200 with what was called; takes a route's content types from the map. */
class FakeProtocol implements ServerProtocol {
  rejected: ConnectError | undefined;

  constructor(
    readonly name: string,
    private readonly contentTypes: readonly string[],
    private readonly hasGet = false,
  ) {}

  endpoints(): ReturnType<ServerProtocol['endpoints']> {
    return this.contentTypes.map((contentType) => ({
      contentTypes: [contentType],
      serve: (exchange: Exchange) => answer(exchange, `${this.name} POST ${contentType}`),
    }));
  }

  getEndpoint(): ReturnType<ServerProtocol['getEndpoint']> {
    return this.hasGet ? { serve: (exchange) => answer(exchange, `${this.name} GET`) } : undefined;
  }

  recognizes(contentType: string): boolean {
    return this.contentTypes.includes(contentType);
  }

  owns(contentType: string): boolean {
    return this.recognizes(contentType) && contentType !== 'application/json';
  }

  rejectUnknownMethod(exchange: Exchange, error: ConnectError): void {
    this.rejected = error;
    answer(exchange, `${this.name} unknown`);
  }
}

function answer(exchange: Exchange, text: string): void {
  exchange.respondAndEnd(200, [], Buffer.from(text));
}

const alpha = new FakeProtocol(
  'alpha',
  ['application/json', 'application/alpha+json', 'application/alpha'],
  true,
);
const beta = new FakeProtocol('beta', ['application/beta']);

function createDispatcher({ http1Bidi = false } = {}): Dispatcher {
  const dispatcher = new Dispatcher([beta, alpha], { http1Bidi });
  dispatcher.add(testRoute());
  dispatcher.add(testRoute({ kind: 'bidi_streaming' }));
  return dispatcher;
}

function dispatch(request: MemoryRequest, options?: { http1Bidi: boolean }): MemoryExchange {
  const exchange = new MemoryExchange({ path: PATH, ...request });
  createDispatcher(options).dispatch(exchange);
  return exchange;
}

describe('Dispatcher', () => {
  describe('content type', () => {
    it.each([
      ['application/alpha', 'alpha POST application/alpha'],
      ['application/beta', 'beta POST application/beta'],
      ['Application/ALPHA', 'alpha POST application/alpha'],
      ['  application/beta\t', 'beta POST application/beta'],
      ['application/beta;charset=latin1; x=y', 'beta POST application/beta'],
      ['application/json; charset=utf-8', 'alpha POST application/json'],
      ['application/json;Charset="UTF-8"', 'alpha POST application/json'],
      ['application/alpha+json ; charset=Utf-8', 'alpha POST application/alpha+json'],
      ['application/json; profile=x', 'alpha POST application/json'],
    ])('serves %j by %j', (contentType, text) => {
      const exchange = dispatch({ headers: { 'content-type': contentType } });
      expect(exchange.text).toBe(text);
    });

    it.each([
      { 'content-type': 'image/jpeg' },
      { 'content-type': 'application/alpha+proto' },
      { 'content-type': 'application/json; charset=latin1' },
      { 'content-type': 'application/alpha+json; charset="utf-16"' },
      { 'content-type': '' },
      { 'content-type': 'constructor' },
      {},
    ])('refuses %j with 415, naming what is served', (headers) => {
      const exchange = dispatch({ headers });
      expect(exchange.status).toBe(415);
      expect(exchange.responseHeader('accept-post')).toBe(
        'application/alpha, application/alpha+json, application/beta, application/json',
      );
      expect(exchange.chunks).toEqual([]);
    });
  });

  describe('prefix', () => {
    it.each([
      [`/rpc${PATH}`, 'alpha POST application/alpha'],
      [PATH, 'alpha unknown'],
    ])('answers %s by %j', (path, text) => {
      const dispatcher = new Dispatcher([alpha], { http1Bidi: false, prefix: '/rpc' });
      dispatcher.add(testRoute());
      const exchange = new MemoryExchange({ path, headers: { 'content-type': 'application/alpha' } });
      dispatcher.dispatch(exchange);
      expect(exchange.text).toBe(text);
    });
  });

  describe('method', () => {
    it('serves GET where a protocol does', () => {
      expect(dispatch({ method: 'GET', query: 'a=b' }).text).toBe('alpha GET');
    });

    it.each(['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'post', ''])(
      'refuses %j with 405 and an empty body',
      (method) => {
        const exchange = dispatch({ method, headers: { 'content-type': 'application/alpha' } });
        expect(exchange.status).toBe(405);
        expect(exchange.responseHeader('allow')).toBe('GET, POST');
        expect(exchange.chunks).toEqual([]);
      },
    );

    it('refuses GET with 405 where no protocol serves it', () => {
      const dispatcher = new Dispatcher([beta], { http1Bidi: false });
      dispatcher.add(testRoute());
      const exchange = new MemoryExchange({ method: 'GET', path: PATH });
      dispatcher.dispatch(exchange);
      expect(exchange.status).toBe(405);
      expect(exchange.responseHeader('allow')).toBe('POST');
    });
  });

  describe('path', () => {
    it.each(['application/alpha', 'Application/Alpha; x=y'])(
      'lets the protocol of %j answer for an unknown path, with unimplemented',
      (contentType) => {
        const exchange = dispatch({ path: '/nowhere', headers: { 'content-type': contentType } });
        expect(exchange.text).toBe('alpha unknown');
        expect(alpha.rejected).toMatchObject({
          code: Code.Unimplemented,
          rawMessage: expect.stringContaining('/nowhere'),
        });
      },
    );

    it.each([{ 'content-type': 'text/html' }, {}])('answers an unknown path with 404 for %j', (headers) => {
      const exchange = dispatch({ path: '/nowhere', headers });
      expect(exchange.status).toBe(404);
      expect(exchange.chunks).toEqual([]);
    });

    it.each(['/test.v1.TestService/unary', `${PATH}/`, '__proto__', ''])(
      'does not take %j for a method',
      (path) => {
        expect(dispatch({ path, headers: { 'content-type': 'text/html' } }).status).toBe(404);
      },
    );

    it('tells RPCs from other requests by path or content type', () => {
      const dispatcher = createDispatcher();
      const handles = (request: MemoryRequest): boolean => dispatcher.handles(new MemoryExchange(request));
      expect(handles({ path: PATH })).toBe(true);
      expect(handles({ path: '/x', headers: { 'content-type': 'application/beta' } })).toBe(true);
      expect(handles({ path: '/x', headers: { 'content-type': 'application/json' } })).toBe(false);
      expect(handles({ path: '/x', headers: { 'content-type': 'text/plain' } })).toBe(false);
      expect(handles({ path: '/x' })).toBe(false);
    });
  });

  describe('bidirectional streams', () => {
    const bidi = { path: '/test.v1.TestService/Bidi', headers: { 'content-type': 'application/alpha' } };

    it.each([
      ['1.1', false, 505],
      ['1.1', true, 200],
      ['2', false, 200],
    ] as const)('over HTTP/%s with http1Bidi %s: %d', (httpVersion, http1Bidi, status) => {
      expect(dispatch({ ...bidi, httpVersion }, { http1Bidi }).status).toBe(status);
    });

    it('closes the connection of one that is refused, whatever else is wrong', () => {
      const exchange = dispatch({ ...bidi, httpVersion: '1.1', method: 'PUT', headers: {} });
      expect(exchange.status).toBe(505);
      expect(exchange.responseHeader('connection')).toBe('close');
    });
  });

  it('refuses two handlers for one method', () => {
    const dispatcher = createDispatcher();
    expect(() => dispatcher.add(testRoute())).toThrow(`${PATH} has a handler already`);
    expect(dispatcher.has(PATH)).toBe(true);
  });

  it('refuses two protocols with one content type', () => {
    const dispatcher = new Dispatcher([alpha, alpha], { http1Bidi: false });
    expect(() => dispatcher.add(testRoute())).toThrow(`"application/json" at ${PATH}`);
  });
});
