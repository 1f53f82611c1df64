import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { type EngineOptionsInit } from '../../lib/server/options.js';
import { eventually } from '../support/eventually.js';
import {
  callHttp2,
  delay,
  echo,
  EngineHarness,
  http1Request,
  openHttp2,
  PATH,
  recordHttp2,
  RawClient,
  RecordingListener,
  type Serve,
} from './engine-harness.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

describe('connections', () => {
  let harness: EngineHarness;
  const listeners: RecordingListener[] = [];

  async function serve(options: EngineOptionsInit = {}, behaviour: Serve = echo): Promise<EngineHarness> {
    listeners.length = 0;
    harness = await new EngineHarness(behaviour, options).listen();
    return harness;
  }

  const record: Serve = (exchange) => {
    const listener = new RecordingListener(exchange);
    listeners.push(listener);
    exchange.start(listener);
  };

  afterEach(() => harness.close());

  describe('on one clear-text port', () => {
    it('serves HTTP/1.1 and HTTP/2', async () => {
      await serve();
      await harness.raw().write(http1Request('one')).until('\r\n\r\none');
      expect((await callHttp2(harness.http2(), 'two')).body).toBe('two');
    });

    it('tells them apart byte by byte', async () => {
      await serve();
      const http1 = harness.raw();
      for (const byte of http1Request('slow')) {
        http1.write(byte);
        await delay(0);
      }
      await http1.until('\r\n\r\nslow');
      const http2 = harness.raw();
      for (const byte of Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS])) {
        http2.write(Buffer.of(byte));
        await delay(0);
      }
      // A SETTINGS frame of the server, and one that acknowledges the client's.
      expect(await http2.until('\x00\x00\x00\x04\x01\x00\x00\x00\x00')).toContain(
        '\x00\x00\x00\x04\x01\x00\x00\x00\x00',
      );
    });

    it('answers a method that begins like the preface', async () => {
      await serve();
      expect(
        await harness.raw().write('PRO / HTTP/1.1\r\nhost: x\r\n\r\n').until('400 Bad Request'),
      ).toContain('400 Bad Request');
    });

    it('announces its limits', async () => {
      await serve({ maxConcurrentStreams: 7, maxHeaderBytes: { http2: 20_000 } });
      const session = harness.http2();
      await new Promise((resolve) => session.once('remoteSettings', resolve));
      expect(session.remoteSettings).toMatchObject({
        maxConcurrentStreams: 7,
        maxHeaderListSize: 20_000,
        initialWindowSize: 262_144,
      });
      await eventually(() => session.state.remoteWindowSize === 1_048_576);
    });
  });

  describe('limits in time', () => {
    it.each([
      ['a silent socket', ''],
      ['half a preface', 'PR'],
      ['a preface without SETTINGS', PREFACE],
    ])('closes %s after prefaceMs', async (_, bytes) => {
      await serve({ timeouts: { prefaceMs: 60 } });
      const client = harness.raw().write(bytes);
      const begin = performance.now();
      await client.ended;
      expect(performance.now() - begin).toBeGreaterThanOrEqual(50);
      await eventually(() => client.socket.destroyed || client.isEnded);
    });

    it('closes a preface that comes byte by byte', async () => {
      await serve({ timeouts: { prefaceMs: 60 } });
      const client = harness.raw();
      for (const byte of PREFACE) {
        client.write(byte);
        await delay(10);
      }
      await client.ended;
      expect(client.isEnded).toBe(true);
    });

    it('does not count a connection that speaks in time', async () => {
      await serve({ timeouts: { prefaceMs: 60 } });
      const session = harness.http2();
      const http1 = harness.raw().write(http1Request('a'));
      await http1.until('200 OK');
      await callHttp2(session, 'a');
      await delay(150);
      expect((await callHttp2(session, 'b')).body).toBe('b');
      await http1.write(http1Request('again')).until('again');
    });

    it.each(['POST / HTTP/1.1\r\nhost:', 'POST'])('answers slow headers with 408 (%j)', async (bytes) => {
      await serve({ timeouts: { headersMs: 60 } });
      const client = harness.raw().write(bytes);
      expect(await client.until('HTTP/1.1 408 Request Timeout')).toContain('HTTP/1.1 408 Request Timeout');
      await client.ended;
    });

    it('answers slow headers of a second request with 408', async () => {
      await serve({ timeouts: { headersMs: 60 } });
      const client = harness.raw().write(http1Request('first'));
      await client.until('first');
      expect(await client.write('POST / HTTP/1.1\r\n').until('408 Request Timeout')).toContain(
        '408 Request Timeout',
      );
    });

    it('closes an HTTP/1.1 connection that is idle between requests', async () => {
      await serve({ timeouts: { http1KeepAliveMs: 60 } });
      const client = harness.raw().write(http1Request('first'));
      expect(await client.until('first')).toContain('first');
      await client.ended;
    });

    it('closes an HTTP/2 connection without streams, with GOAWAY', async () => {
      await serve({ timeouts: { http2IdleMs: 60 } });
      const session = harness.http2();
      let goaway: number | undefined;
      session.on('goaway', (code: number) => {
        goaway = code;
      });
      await callHttp2(session, 'x');
      await new Promise((resolve) => session.once('close', resolve));
      expect(goaway).toBe(constants.NGHTTP2_NO_ERROR);
    });

    it.each([1, 9, 20])(
      'closes an HTTP/2 connection whose request stopped after %d bytes of headers',
      async (bytes) => {
        await serve({ timeouts: { http2IdleMs: 60 } }, record);
        const client = harness.raw();
        client.write(
          Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS, REQUEST_HEADERS.subarray(0, bytes)]),
        );
        await client.ended;
        expect(listeners).toHaveLength(0);
      },
    );

    it('keeps an HTTP/2 connection whose stream is open', async () => {
      await serve({ timeouts: { http2IdleMs: 60 } }, record);
      const session = harness.http2();
      const stream = openHttp2(session);
      stream.on('error', () => {});
      await delay(200);
      expect(session.closed).toBe(false);
    });

    it('destroys an HTTP/2 connection that does not answer a ping', async () => {
      await serve({ keepalive: { intervalMs: 50, timeoutMs: 50 } }, record);
      const client = harness
        .raw()
        .write(Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS, REQUEST_HEADERS]));
      await eventually(() => listeners.length === 1);
      await client.ended;
      await listeners[0]?.closed;
      expect(listeners[0]?.events).toEqual(['abort', 'close']);
    });

    it('keeps an HTTP/2 connection that answers pings', async () => {
      await serve({ keepalive: { intervalMs: 30, timeoutMs: 100 } }, record);
      const session = harness.http2();
      let pings = 0;
      session.on('ping', () => pings++);
      const stream = openHttp2(session);
      stream.on('error', () => {});
      await eventually(() => pings >= 3);
      expect(stream.closed).toBe(false);
    });
  });

  describe('limits in size', () => {
    it('answers too many bytes of HTTP/1.1 headers with 431', async () => {
      await serve({ maxHeaderBytes: { http1: 2_000 } });
      const client = harness.raw().write(http1Request('', { 'x-big': 'x'.repeat(500_000) }));
      await client.until('HTTP/1.1 431 Request Header Fields Too Large');
      await client.ended;
      expect(client.error).toBeUndefined();
    });

    it('answers too many HTTP/1.1 headers with 431', async () => {
      await serve({ maxHeaderPairs: 10 });
      const headers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'v']));
      expect(await harness.raw().write(http1Request('', headers)).until('HTTP/1.1 431')).toContain(
        'HTTP/1.1 431',
      );
    });

    it.each([
      ['bytes', { maxHeaderBytes: { http2: 2_000 } }, { 'x-big': 'x'.repeat(5_000) }],
      [
        'headers',
        { maxHeaderPairs: 10 },
        Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'v'])),
      ],
    ])('resets an HTTP/2 stream with too many %s of headers', async (_, options, headers) => {
      await serve(options);
      const session = harness.http2();
      await callHttp2(session, 'warm');
      const result = await callHttp2(session, '', headers);
      expect(result.status).toBeUndefined();
      expect(result.events.at(-1)).toMatch(/^close [^0]/);
      expect((await callHttp2(session, 'next')).body).toBe('next');
    });

    it('refuses connections beyond maxConnections', async () => {
      await serve({ maxConnections: 1 });
      const first = harness.raw().write(http1Request('a'));
      await first.until('200 OK');
      const second = harness.raw();
      await second.ended;
      expect(second.text).toBe('');
      await first.write(http1Request('still')).until('still');
    });

    it.each([
      'hello\r\n\r\n',
      'INVALID CONNECTION PREFACE\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03',
    ])('closes the connection of who does not speak HTTP: %j', async (bytes) => {
      await serve();
      const client = harness.raw().write(bytes);
      await client.ended;
      expect(client.text).toBe('');
    });

    it('answers a good request before it closes for the garbage behind it', async () => {
      await serve({}, record);
      const client = harness.raw().write(`${http1Request('a')}garbage\r\n\r\n`);
      await eventually(() => listeners.length === 1);
      listeners[0]?.exchange.respondAndEnd(200, [], Buffer.from('good'));
      expect(await client.until('good')).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close/);
      await client.ended;
      expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    });

    it.each([
      ['an unknown method', 'HELLO / HTTP/1.1\r\nhost: x\r\n\r\n'],
      [
        'a broken chunk',
        http1Request('', { 'transfer-encoding': 'chunked' }).replace('content-length: 0\r\n', '') + 'zz\r\n',
      ],
      ['two lengths', http1Request('', { 'transfer-encoding': 'chunked' })],
    ])('answers %s with 400', async (_, bytes) => {
      await serve({}, record);
      const client = harness.raw().write(bytes);
      expect(await client.until('HTTP/1.1 400 Bad Request')).toContain('HTTP/1.1 400 Bad Request');
      await client.ended;
    });
  });

  describe('idle calls', () => {
    it.each<[version: string, call: () => Promise<string>]>([
      [
        '1.1',
        () =>
          harness
            .raw()
            .write(http1Request('ab', { 'content-length': '5' }))
            .until('in the middle'),
      ],
      ['2', () => callUnfinished(harness, 'ab')],
    ])('ends a call whose message stops in the middle (HTTP/%s)', async (_, call) => {
      await serve({ timeouts: { idleReadMs: 60 } }, (exchange) => {
        record(exchange);
        const listener = listeners.at(-1);
        if (listener !== undefined) {
          listener.isMidMessage = true;
        }
      });
      expect(await call()).toContain('stopped in the middle');
      expect(listeners[0]?.terminateReason?.message).toContain('deadline_exceeded');
    });

    it.each(['between messages', 'paused'])('leaves a call alone that is %s', async (state) => {
      await serve({ timeouts: { idleReadMs: 60 } }, (exchange) => {
        record(exchange);
        const listener = listeners.at(-1);
        if (listener !== undefined && state === 'paused') {
          listener.isMidMessage = true;
          exchange.pause();
        }
      });
      const stream = openHttp2(harness.http2());
      stream.write('ab');
      stream.on('error', () => {});
      await delay(200);
      expect(listeners[0]?.terminateReason).toBeUndefined();
    });

    it('leaves a call alone whose bytes keep coming', async () => {
      await serve({ timeouts: { idleReadMs: 150 } }, (exchange) => {
        record(exchange);
        Object.assign(listeners.at(-1) ?? {}, { isMidMessage: true });
      });
      const client = harness.raw().write(http1Request('', { 'content-length': '1000' }));
      for (let i = 0; i < 15; i++) {
        client.write('x');
        await delay(20);
      }
      expect(listeners[0]?.terminateReason).toBeUndefined();
    });

    it('resets a stream whose client has no window', async () => {
      await serve({ timeouts: { idleWriteMs: 60 } }, (exchange) => {
        record(exchange);
        exchange.respondAndEnd(200, [], Buffer.from('never taken'));
      });
      const session = harness.track(
        connectHttp2(`http://127.0.0.1:${harness.port}`, { settings: { initialWindowSize: 0 } }),
      );
      session.on('error', () => {});
      const stream = openHttp2(session);
      stream.end();
      const result = await recordHttp2(stream);
      expect(result).toMatchObject({ status: 200, body: '' });
      expect(result.events.at(-1)).toBe(`close ${constants.NGHTTP2_CANCEL}`);
      await listeners[0]?.closed;
      expect(listeners[0]?.events).toEqual(['abort', 'close']);
    });

    it('is not fooled by a handler that goes on writing', async () => {
      await serve({ timeouts: { idleWriteMs: 100 } }, (exchange) => {
        record(exchange);
        exchange.respond(200, []);
        const writing = setInterval(() => exchange.write(Buffer.alloc(10)), 10);
        void listeners.at(-1)?.closed.then(() => clearInterval(writing));
      });
      const session = harness.track(
        connectHttp2(`http://127.0.0.1:${harness.port}`, { settings: { initialWindowSize: 0 } }),
      );
      session.on('error', () => {});
      expect((await recordHttp2(openHttp2(session))).events.at(-1)).toBe(`close ${constants.NGHTTP2_CANCEL}`);
    });

    it('closes an HTTP/1.1 connection whose client does not read', async () => {
      await serve({ timeouts: { idleWriteMs: 100 } }, (exchange) => {
        record(exchange);
        exchange.respondAndEnd(200, [], Buffer.alloc(50_000_000));
      });
      const client = harness.raw();
      client.socket.pause();
      client.write(http1Request(''));
      await eventually(() => listeners.length === 1);
      await listeners[0]?.closed;
      expect(listeners[0]?.events).toEqual(['abort', 'close']);
    });

    it('leaves a large response alone that goes out slowly', async () => {
      await serve({ timeouts: { idleWriteMs: 200 } }, (exchange) => {
        record(exchange);
        exchange.respondAndEnd(200, [], Buffer.alloc(1_500_000));
      });
      const session = harness.http2();
      const stream = openHttp2(session);
      stream.end();
      stream.pause();
      let received = 0;
      const reading = setInterval(() => {
        const chunk: unknown = stream.read();
        received += Buffer.isBuffer(chunk) ? chunk.length : 0;
      }, 25);
      await eventually(() => received === 1_500_000, 8_000);
      clearInterval(reading);
      expect(listeners[0]?.abortReason).toBeUndefined();
    }, 10_000);
  });

  it('stops listening at close, and refuses to listen again', async () => {
    await serve();
    const { port } = harness;
    await harness.engine.close();
    const client = new RawClient(connect(port, '127.0.0.1'));
    await client.ended;
    expect(client.error?.code).toBe('ECONNREFUSED');
    await expect(harness.engine.listen({ port: 0 })).rejects.toThrow('has been stopped');
  });

  it('rejects a port that is taken', async () => {
    await serve();
    const other = new EngineHarness();
    await expect(other.listen({ port: harness.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await other.close();
  });
});

/** Sends the beginning of a request over HTTP/2. @returns The response's body. */
async function callUnfinished(harness: EngineHarness, body: string): Promise<string> {
  const stream = openHttp2(harness.http2());
  stream.write(body);
  return (await recordHttp2(stream)).body;
}

/** HEADERS of stream 1 with END_HEADERS, as raw bytes: POST, http, {@link PATH}, authority and content type. */
const REQUEST_HEADERS = headersFrame([
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', PATH],
  [':authority', 'test'],
  ['content-type', 'application/test'],
]);

function headersFrame(headers: readonly (readonly [string, string])[]): Buffer {
  // Literal header fields without indexing and with new names. (RFC 7541, section 6.2.2)
  const block = Buffer.concat(
    headers.map(([name, value]) =>
      Buffer.concat([
        Buffer.of(0, name.length),
        Buffer.from(name),
        Buffer.of(value.length),
        Buffer.from(value),
      ]),
    ),
  );
  return Buffer.concat([Buffer.of(0, 0, block.length, 1, 4, 0, 0, 0, 1), block]);
}
