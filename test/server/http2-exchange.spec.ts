import { constants } from 'node:http2';
import { Code } from '../../lib/rpc/code.js';
import { type Exchange } from '../../lib/wire/exchange.js';
import { eventually } from '../support/eventually.js';
import {
  callHttp2,
  CONTENT_TYPE,
  echo,
  EngineHarness,
  headerIn,
  openHttp2,
  PATH,
  recordHttp2,
  RecordingListener,
  type Serve,
} from './engine-harness.js';

describe('HTTP/2 exchange', () => {
  let harness: EngineHarness;
  const exchanges: Exchange[] = [];
  const listeners: RecordingListener[] = [];

  async function serve(behaviour: Serve): Promise<EngineHarness> {
    exchanges.length = 0;
    listeners.length = 0;
    harness = await new EngineHarness((exchange) => {
      exchanges.push(exchange);
      behaviour(exchange);
    }).listen();
    return harness;
  }

  function record(exchange: Exchange): RecordingListener {
    const listener = new RecordingListener(exchange);
    listeners.push(listener);
    exchange.start(listener);
    return listener;
  }

  afterEach(() => harness.close());

  it('answers with content-length and body', async () => {
    const result = await callHttp2((await serve(echo)).http2(), 'hello');
    expect(result).toMatchObject({ status: 200, body: 'hello', events: ['headers', 'end', 'close 0'] });
    expect(result.headers).toMatchObject({ 'content-type': CONTENT_TYPE, 'content-length': '5' });
    await eventually(() => harness.engine.activeCalls === 0);
  });

  it('shows the request as it came', async () => {
    const session = (await serve(echo)).http2();
    await callHttp2(session, 'x', { ':path': `${PATH}?a=%20b&c`, 'x-one': '1' });
    const [exchange] = exchanges;
    expect(exchange).toMatchObject({
      httpVersion: '2',
      method: 'POST',
      path: PATH,
      query: 'a=%20b&c',
      hasBody: true,
    });
    expect(exchange?.header('x-one')).toBe('1');
    expect(exchange?.header('constructor')).toBeUndefined();
    expect(headerIn(exchange?.requestHeaders ?? [], ':method')).toBe('POST');
    expect(exchange?.peer).toMatchObject({
      address: '127.0.0.1',
      port: session.socket.localPort,
      tls: undefined,
    });
  });

  it('knows a request without a body by END_STREAM', async () => {
    const session = (await serve(echo)).http2();
    const stream = session.request({ ':method': 'GET', ':path': PATH });
    await recordHttp2(stream);
    expect(exchanges[0]?.hasBody).toBe(false);
  });

  it('sends repeated headers and trailers one by one, whatever their names', async () => {
    await serve((exchange) => {
      record(exchange);
      exchange.respondWithTrailers(200, ['x-a', '1', 'constructor', 'c', 'x-a', '2', 'x-a', '3']);
      exchange.end(Buffer.from('body'), ['grpc-status', '0', 'x-t', 'a', 'x-t', 'b']);
    });
    const result = await callHttp2(harness.http2(), '');
    expect(result.headers).toMatchObject({ 'x-a': '1, 2, 3', constructor: 'c' });
    expect(result.trailers).toMatchObject({ 'grpc-status': '0', 'x-t': 'a, b' });
    expect(result.events).toEqual(['headers', 'trailers', 'end', 'close 0']);
    await listeners[0]?.closed;
    expect(listeners[0]?.events.filter((event) => event !== 'data')).toEqual(['close']);
  });

  it('sends one HEADERS frame when there is no body', async () => {
    await serve((exchange) => exchange.respondAndEnd(200, ['grpc-status', '12']));
    const stream = openHttp2(harness.http2());
    let flags = 0;
    stream.on('response', (_, frameFlags) => {
      flags = frameFlags;
    });
    stream.end();
    const result = await recordHttp2(stream);
    expect(result.headers).not.toHaveProperty('content-length');
    expect(flags & constants.NGHTTP2_FLAG_END_STREAM).toBe(constants.NGHTTP2_FLAG_END_STREAM);
  });

  it('sends headers at once, and the writes of a tick as one', async () => {
    await serve((exchange) => {
      record(exchange);
      exchange.respond(200, []);
      setTimeout(() => {
        exchange.write(Buffer.from('ab'));
        exchange.write(Buffer.from('cd'));
      }, 20);
      setTimeout(() => exchange.end(Buffer.from('ef')), 40);
    });
    const stream = openHttp2(harness.http2());
    const chunks: string[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    stream.end();
    const result = await recordHttp2(stream);
    expect(result.events[0]).toBe('headers');
    expect(chunks).toEqual(['abcd', 'ef']);
  });

  it('sends a body of many slices whole, in one step and by writes, with trailers behind it', async () => {
    const big = Buffer.alloc(1_000_000, 'x');
    await serve((exchange) => {
      const listener = record(exchange);
      if (exchange.query === 'one') {
        exchange.respondAndEnd(200, [], big);
        return;
      }
      exchange.respondWithTrailers(200, []);
      expect(exchange.write(big)).toBe(false);
      expect(exchange.write(Buffer.from('after'))).toBe(false);
      listener.onDrain = () => exchange.end(big, ['x-t', '1']);
    });
    const session = harness.http2();
    const one = await callHttp2(session, '', { ':path': `${PATH}?one` });
    expect(one.body).toBe(big.toString());
    expect(one.headers).toMatchObject({ 'content-length': '1000000' });
    const many = await callHttp2(session, '');
    expect(many.body).toBe(`${big.toString()}after${big.toString()}`);
    expect(many.trailers).toMatchObject({ 'x-t': '1' });
    await eventually(() => harness.engine.activeCalls === 0);
  });

  it('holds the client back while it is paused', async () => {
    await serve((exchange) => {
      record(exchange);
      exchange.pause();
    });
    const stream = openHttp2(harness.http2());
    stream.end(Buffer.alloc(5_000_000));
    await eventually(() => listeners.length === 1 && stream.writableLength > 0);
    expect(listeners[0]?.events).toEqual([]);
    exchanges[0]?.resume();
    await eventually(() => listeners[0]?.events.at(-1) === 'end');
    expect(listeners[0]?.text.length).toBe(5_000_000);
    exchanges[0]?.respondAndEnd(200, []);
    expect(await recordHttp2(stream)).toMatchObject({ status: 200 });
  });

  describe('early end, while the upload is open (gRPC over HTTP/2, "Responses")', () => {
    it.each<[name: string, serve: Serve, expected: object]>([
      [
        'a whole response',
        (exchange) => exchange.respondAndEnd(429, [], Buffer.from('full')),
        { status: 429, body: 'full', events: ['headers', 'end', 'close 0'] },
      ],
      [
        'a response without a body',
        (exchange) => exchange.respondAndEnd(405, ['allow', 'POST']),
        { status: 405, body: '', events: ['headers', 'end', 'close 0'] },
      ],
      [
        'a streamed response',
        (exchange) => {
          exchange.respond(200, []);
          exchange.write(Buffer.from('a'));
          exchange.end(Buffer.from('b'));
        },
        { status: 200, body: 'ab', events: ['headers', 'end', 'close 0'] },
      ],
      [
        'a response with trailers',
        (exchange) => {
          exchange.respondWithTrailers(200, []);
          exchange.end(Buffer.from('a'), ['grpc-status', '8']);
        },
        { body: 'a', trailers: { 'grpc-status': '8' }, events: ['headers', 'trailers', 'end', 'close 0'] },
      ],
      [
        'a large response with trailers',
        (exchange) => {
          exchange.respondWithTrailers(200, []);
          exchange.end(Buffer.alloc(300_000, 'a'), ['grpc-status', '8']);
        },
        { trailers: { 'grpc-status': '8' }, events: ['headers', 'trailers', 'end', 'close 0'] },
      ],
    ])('%s arrives, and then RST_STREAM with NO_ERROR', async (_, behaviour, expected) => {
      await serve((exchange) => {
        exchange.start(new RecordingListener(exchange));
        behaviour(exchange);
      });
      const stream = openHttp2(harness.http2());
      stream.write(Buffer.alloc(1_000_000));
      expect(await recordHttp2(stream)).toMatchObject(expected);
      expect(stream.writableEnded).toBe(true);
      await eventually(() => harness.engine.activeCalls === 0);
    });

    it('needs no reset when the request completes in time', async () => {
      await serve((exchange) => record(exchange).exchange.respondAndEnd(200, [], Buffer.from('x')));
      const session = harness.http2();
      const results = await Promise.all([callHttp2(session, 'a'), callHttp2(session, 'b')]);
      expect(results.map((result) => result.body)).toEqual(['x', 'x']);
    });
  });

  describe('when the client', () => {
    it.each([
      ['cancels the stream', constants.NGHTTP2_CANCEL],
      ['resets without an error', constants.NGHTTP2_NO_ERROR],
    ])('%s, the call is aborted once with canceled', async (_, code) => {
      await serve((exchange) => {
        record(exchange);
        exchange.respond(200, []);
        exchange.write(Buffer.from('x'));
      });
      const stream = openHttp2(harness.http2());
      const result = recordHttp2(stream);
      stream.on('data', () => stream.close(code));
      await result;
      await listeners[0]?.closed;
      expect(listeners[0]?.events.slice(-2)).toEqual(['abort', 'close']);
      expect(listeners[0]?.events.filter((event) => event === 'abort')).toHaveLength(1);
      expect(listeners[0]?.abortReason?.code).toBe(Code.Canceled);
      const [exchange] = exchanges;
      expect(exchange?.write(Buffer.from('late'))).toBe(false);
      expect(() => {
        exchange?.end(Buffer.from('late'), []);
        exchange?.pause();
        exchange?.resume();
        exchange?.reset();
      }).not.toThrow();
    });

    it('closes the connection, every call on it is aborted', async () => {
      await serve(record);
      const session = harness.http2();
      openHttp2(session).on('error', () => {});
      openHttp2(session).on('error', () => {});
      await eventually(() => listeners.length === 2);
      session.destroy();
      await Promise.all(listeners.map((listener) => listener.closed));
      expect(listeners.map((listener) => listener.events)).toEqual([
        ['abort', 'close'],
        ['abort', 'close'],
      ]);
      expect(harness.engine.activeCalls).toBe(0);
    });

    it('cancels while the last bytes wait for it, the call is aborted', async () => {
      await serve((exchange) => {
        record(exchange);
        exchange.respondAndEnd(200, [], Buffer.alloc(1_000_000));
      });
      const stream = openHttp2(harness.http2());
      stream.end();
      stream.on('error', () => {});
      stream.once('response', () => setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 20));
      await eventually(() => listeners.length === 1);
      await listeners[0]?.closed;
      expect(listeners[0]?.events).toEqual(['abort', 'close']);
    });
  });

  it('resets the stream with CANCEL, without onAbort', async () => {
    await serve((exchange) => {
      record(exchange);
      exchange.respond(200, []);
      setTimeout(() => exchange.reset(), 10);
    });
    const stream = openHttp2(harness.http2());
    stream.end();
    expect((await recordHttp2(stream)).events).toContain(`close ${constants.NGHTTP2_CANCEL}`);
    await listeners[0]?.closed;
    expect(listeners[0]?.events).toEqual(['end', 'close']);
  });
});
