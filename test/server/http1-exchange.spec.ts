import { Code } from '../../lib/rpc/code.js';
import { type Exchange } from '../../lib/wire/exchange.js';
import { eventually } from '../support/eventually.js';
import {
  echo,
  EngineHarness,
  headerIn,
  http1Request,
  PATH,
  RecordingListener,
  type Serve,
} from './engine-harness.js';

describe('HTTP/1.1 exchange', () => {
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

  it('answers with one write of headers, content-length and body', async () => {
    const client = (await serve(echo)).raw();
    let writes = 0;
    client.socket.on('data', () => writes++);
    const text = await client.write(http1Request('hello')).until('hello');
    expect(text).toContain('HTTP/1.1 200 OK\r\ncontent-type: application/test\r\ncontent-length: 5\r\n');
    expect(text).not.toContain('chunked');
    expect(writes).toBe(1);
  });

  it('shows the request as it came', async () => {
    await serve((exchange) => {
      echo(exchange);
    });
    const client = harness.raw();
    client.write(http1Request('x', { 'X-Twice': 'a', 'x-bin': 'AAA' }, `${PATH}?a=%20b&c`));
    await client.until('200 OK');
    const [exchange] = exchanges;
    expect(exchange).toMatchObject({
      httpVersion: '1.1',
      method: 'POST',
      path: PATH,
      query: 'a=%20b&c',
      hasBody: true,
    });
    expect(exchange?.header('x-twice')).toBe('a');
    expect(exchange?.header('x-none')).toBeUndefined();
    expect(headerIn(exchange?.requestHeaders ?? [], 'x-twice')).toBe('a');
    expect(exchange?.peer).toMatchObject({
      address: '127.0.0.1',
      port: client.socket.localPort,
      tls: undefined,
    });
  });

  it('takes an absolute request target', async () => {
    const client = (await serve(echo)).raw();
    client.write(http1Request('abs', {}, `HTTP://example.org:80${PATH}?q=1`));
    await client.until('abs');
    expect(exchanges[0]).toMatchObject({ path: PATH, query: 'q=1' });
  });

  it('serves two pipelined requests in order on one connection', async () => {
    const client = (await serve(echo)).raw();
    client.write(http1Request('first') + http1Request('second'));
    const text = await client.until('second');
    expect(text.indexOf('first')).toBeLessThan(text.indexOf('second'));
  });

  it('answers Expect: 100-continue before the body comes', async () => {
    const client = (await serve(echo)).raw();
    const request = http1Request('body', { expect: '100-continue' });
    client.write(request.slice(0, -4));
    await client.until('100 Continue\r\n\r\n');
    expect(await client.write('body').until('\r\n\r\nbody')).toContain('\r\n\r\nbody');
  });

  it('sends headers at once, and the writes of a tick together', async () => {
    await serve((exchange) => {
      record(exchange);
      exchange.respond(200, ['x-early', '1']);
      setTimeout(() => {
        exchange.write(Buffer.from('ab'));
        exchange.write(Buffer.from('cd'));
      }, 20);
      setTimeout(() => exchange.end(Buffer.from('ef')), 40);
    });
    const client = harness.raw().write(http1Request(''));
    expect(await client.until('\r\n\r\n')).toContain('x-early: 1');
    expect(client.text).not.toContain('ab');
    const pieces: string[] = [];
    client.socket.on('data', (bytes) => pieces.push(bytes.toString()));
    await client.until('0\r\n\r\n');
    expect(pieces).toHaveLength(2);
    expect(pieces[0]).toContain('ab');
    expect(pieces[0]).toContain('cd');
    await listeners[0]?.closed;
    expect(listeners[0]?.events).toEqual(['end', 'close']);
  });

  it('sends a body of many slices whole, in one step and by writes', async () => {
    const big = Buffer.alloc(1_000_000, 'x');
    await serve((exchange) => {
      const listener = record(exchange);
      if (exchange.query === 'one') {
        exchange.respondAndEnd(200, [], big);
        return;
      }
      exchange.respond(200, []);
      expect(exchange.write(big)).toBe(false);
      expect(exchange.write(Buffer.from('after'))).toBe(false);
      listener.onDrain = () => exchange.end(Buffer.from('last'));
    });
    const one = await fetch(`http://127.0.0.1:${harness.port}${PATH}?one`);
    expect(await one.text()).toBe(big.toString());
    const many = await fetch(`http://127.0.0.1:${harness.port}${PATH}?many`);
    expect(await many.text()).toBe(`${big.toString()}afterlast`);
    await eventually(() => harness.engine.activeCalls === 0);
  });

  it('holds the client back while it is paused', async () => {
    await serve((exchange) => {
      record(exchange);
      exchange.pause();
      exchange.pause();
    });
    const client = harness.raw().write(http1Request('x'.repeat(20_000_000)));
    await eventually(() => listeners.length === 1 && client.socket.writableLength > 1_000_000);
    expect(listeners[0]?.events).toEqual([]);
    exchanges[0]?.resume();
    await eventually(() => listeners[0]?.events.at(-1) === 'end');
    expect(listeners[0]?.text.length).toBe(20_000_000);
    exchanges[0]?.respondAndEnd(200, []);
    await client.until('content-length: 0');
  });

  describe('early response', () => {
    it('reaches a client that is still sending, then closes the connection', async () => {
      await serve((exchange) => exchange.respondAndEnd(429, [], Buffer.from('too much')));
      const client = harness.raw().write(http1Request('x'.repeat(10), { 'content-length': '100000000' }));
      client.write(Buffer.alloc(8_000_000));
      const text = await client.until('too much');
      expect(text).toContain('connection: close\r\n');
      await client.ended;
      expect(client.error).toBeUndefined();
    });

    it('after streamed writes closes the connection as well', async () => {
      await serve((exchange) => {
        record(exchange);
        exchange.respond(200, []);
        exchange.write(Buffer.from('some'));
        setTimeout(() => exchange.end(Buffer.from('more')), 10);
      });
      const client = harness.raw().write(http1Request('', { 'content-length': '100000' }));
      expect(await client.until('0\r\n\r\n')).toContain('more');
      await client.ended;
      await listeners[0]?.closed;
      expect(listeners[0]?.events).toEqual(['close']);
    });

    it('does not serve what was pipelined behind it', async () => {
      await serve((exchange) => exchange.respondAndEnd(400, []));
      const client = harness.raw().write(http1Request('', { 'content-length': '100000' }));
      await client.until('400 Bad Request');
      client.write('x'.repeat(100_000) + http1Request(''));
      await client.ended;
      expect(exchanges).toHaveLength(1);
    });

    it('keeps the connection when the rest of the request is small, and reads it', async () => {
      await serve((exchange) => exchange.respondAndEnd(400, []));
      const client = harness.raw().write(http1Request('', { 'content-length': '5' }));
      expect(await client.until('400 Bad Request')).not.toContain('connection: close');
      client.text = '';
      client.write(`12345${http1Request('')}`);
      await client.until('400 Bad Request');
      expect(exchanges).toHaveLength(2);
    });

    it('keeps the connection when the request has no body', async () => {
      await serve((exchange) => exchange.respondAndEnd(404, []));
      const client = harness.raw().write('GET / HTTP/1.1\r\nhost: test\r\n\r\n');
      expect(await client.until('404 Not Found')).not.toContain('connection: close');
      client.text = '';
      client.write('GET / HTTP/1.1\r\nhost: test\r\n\r\n');
      await client.until('404 Not Found');
    });

    it('keeps the connection when the request is complete', async () => {
      await serve((exchange) => setTimeout(() => exchange.respondAndEnd(429, []), 20));
      const client = harness.raw().write(http1Request('small'));
      expect(await client.until('429')).not.toContain('connection: close');
      client.text = '';
      await client.write(http1Request('again')).until('429');
    });
  });

  it('closes the connection of a refused bidirectional stream', async () => {
    const client = (await serve(echo)).raw();
    client.write(
      http1Request('', { 'transfer-encoding': 'chunked' }, '/test.v1.TestService/Bidi').replace(
        'content-length: 0\r\n',
        '',
      ),
    );
    const text = await client.until('505 HTTP Version Not Supported');
    expect(text.match(/connection: close/g)).toHaveLength(1);
    await client.ended;
  });

  it.each(['reading', 'answering', 'waiting behind another response'])(
    'is aborted once, with canceled, when the client goes while it is %s',
    async (state) => {
      await serve((exchange) => {
        record(exchange);
        if (state === 'answering') {
          exchange.respond(200, []);
          exchange.write(Buffer.from('x'));
        }
      });
      const client = harness.raw();
      client.write(http1Request('', state === 'reading' ? { 'content-length': '5' } : {}));
      if (state.startsWith('waiting')) {
        client.write(http1Request(''));
      }
      await eventually(() => listeners.length === (state.startsWith('waiting') ? 2 : 1));
      client.destroy();
      await Promise.all(listeners.map((listener) => listener.closed));
      const last = listeners.at(-1);
      expect(last?.events.slice(-2)).toEqual(['abort', 'close']);
      expect(last?.events.filter((event) => event === 'abort')).toHaveLength(1);
      expect(last?.abortReason?.code).toBe(Code.Canceled);
      expect(harness.engine.activeCalls).toBe(0);
      const [exchange] = exchanges;
      expect(exchange?.write(Buffer.from('late'))).toBe(false);
      expect(() => {
        exchange?.respond(200, []);
        exchange?.end();
        exchange?.respondAndEnd(200, []);
        exchange?.pause();
        exchange?.resume();
        exchange?.reset();
      }).not.toThrow();
    },
  );

  it('ends the connection by reset, without onAbort', async () => {
    await serve((exchange) => {
      record(exchange);
      exchange.respond(200, []);
      setTimeout(() => exchange.reset(), 10);
    });
    const client = harness.raw().write(http1Request(''));
    await client.ended;
    await listeners[0]?.closed;
    expect(client.text).not.toContain('0\r\n\r\n');
    expect(listeners[0]?.events).toEqual(['end', 'close']);
  });

  it('says that it cannot send trailers', async () => {
    await serve((exchange) => {
      expect(() => exchange.respondWithTrailers(200, [])).toThrow('HTTP/2');
      exchange.respondAndEnd(200, [], Buffer.from('checked'));
    });
    await harness.raw().write(http1Request('')).until('checked');
  });

  it('resets a call whose protocol throws, and reports it', async () => {
    await serve(() => {
      throw new Error('a bug');
    });
    await harness.raw().write(http1Request('')).ended;
    expect(harness.warnings).toEqual([`${PATH} could not be served`]);
  });
});
