import { constants } from 'node:http2';
import { Code } from '../../lib/rpc/code.js';
import { type EngineOptionsInit } from '../../lib/server/options.js';
import { eventually } from '../support/eventually.js';
import {
  callHttp2,
  delay,
  echo,
  EngineHarness,
  http1Request,
  openHttp2,
  recordHttp2,
  RecordingListener,
  type Serve,
} from './engine-harness.js';

describe('drain', () => {
  let harness: EngineHarness;
  const listeners: RecordingListener[] = [];

  async function serve(options: EngineOptionsInit = {}, behaviour: Serve = record): Promise<EngineHarness> {
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

  it('is over at once on an idle server, which no longer accepts', async () => {
    await serve();
    await harness.engine.drain();
    const client = harness.raw();
    await client.ended;
    expect(client.error?.code).toBe('ECONNREFUSED');
  });

  it('gives the same promise when it is called again', async () => {
    await serve();
    expect(harness.engine.drain()).toBe(harness.engine.drain());
  });

  it('lets an HTTP/1.1 call finish, with connection: close', async () => {
    await serve();
    const client = harness.raw().write(http1Request('a'));
    await eventually(() => listeners.length === 1);
    const drained = harness.engine.drain();
    await delay(30);
    expect(harness.engine.activeCalls).toBe(1);
    listeners[0]?.exchange.respondAndEnd(200, [], Buffer.from('done'));
    expect(await client.until('done')).toContain('connection: close');
    await client.ended;
    client.destroy();
    await drained;
  });

  it('closes an HTTP/1.1 connection whose response had begun before', async () => {
    await serve();
    const client = harness.raw().write(http1Request('a'));
    await eventually(() => listeners.length === 1);
    listeners[0]?.exchange.respond(200, []);
    await client.until('\r\n\r\n');
    const drained = harness.engine.drain();
    listeners[0]?.exchange.end(Buffer.from('late'));
    expect(await client.until('0\r\n\r\n')).toContain('0\r\n\r\n');
    await client.ended;
    client.destroy();
    await drained;
  });

  it('lets an HTTP/2 call finish, after a GOAWAY that refuses nothing and then the real one', async () => {
    await serve();
    const session = harness.http2();
    const lastStreamIds: number[] = [];
    session.on('goaway', (_, lastStreamId: number) => lastStreamIds.push(lastStreamId));
    const stream = openHttp2(session);
    const result = recordHttp2(stream);
    stream.end();
    await eventually(() => listeners.length === 1);
    const drained = harness.engine.drain();
    await eventually(() => lastStreamIds.length === 2);
    expect(lastStreamIds).toEqual([2 ** 31 - 1, 1]);
    listeners[0]?.exchange.respondAndEnd(200, [], Buffer.from('done'));
    expect(await result).toMatchObject({ status: 200, body: 'done', events: ['headers', 'end', 'close 0'] });
    await drained;
    expect(harness.engine.activeCalls).toBe(0);
  });

  it('closes idle connections of both kinds', async () => {
    await serve({}, echo);
    const http1 = harness.raw().write(http1Request('a'));
    await http1.until('200 OK');
    const session = harness.http2();
    await callHttp2(session, 'b');
    const goaway = new Promise((resolve) => session.once('goaway', resolve));
    const closed = new Promise((resolve) => session.once('close', resolve));
    const begin = performance.now();
    const drained = harness.engine.drain();
    expect(await goaway).toBe(constants.NGHTTP2_NO_ERROR);
    await Promise.all([http1.ended, closed]);
    http1.destroy();
    await drained;
    expect(performance.now() - begin).toBeLessThan(800);
  });

  it('closes connections that have not said anything', async () => {
    await serve();
    const client = harness.raw();
    await new Promise((resolve) => client.socket.once('connect', resolve));
    await delay(20);
    await harness.engine.drain();
    await client.ended;
    expect(client.isEnded).toBe(true);
  });

  it('does not wait long for a client that keeps its side of the connection open', async () => {
    await serve({}, echo);
    const http1 = harness.raw().write(http1Request('a'));
    await http1.until('200 OK');
    const http2 = harness
      .raw()
      .write(
        Buffer.concat([
          Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
          Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0),
        ]),
      );
    await http2.until('\x00\x00\x00\x04\x01');
    const begin = performance.now();
    await harness.engine.drain();
    expect(performance.now() - begin).toBeLessThan(2_500);
  });

  it.each<[version: string, call: () => Promise<string>]>([
    ['1.1', () => harness.raw().write(http1Request('a')).until('shutting down')],
    ['2', async () => (await recordHttp2(openHttp2(harness.http2()))).body],
  ])('answers what is left after drainTimeoutMs with unavailable (HTTP/%s)', async (_, call) => {
    await serve({ drainTimeoutMs: 50 });
    const answer = call();
    await eventually(() => listeners.length === 1);
    const drained = harness.engine.drain();
    expect(await answer).toContain('the server is shutting down');
    await drained;
    expect(listeners[0]?.terminateReason?.code).toBe(Code.Unavailable);
    expect(listeners[0]?.events.at(-1)).toBe('close');
  });

  it('cuts off a call that does not end even then', async () => {
    await serve({ drainTimeoutMs: 20 }, (exchange) => {
      record(exchange);
      const listener = listeners.at(-1);
      if (listener !== undefined) {
        listener.terminate = () => {};
      }
    });
    const result = recordHttp2(openHttp2(harness.http2()));
    await eventually(() => listeners.length === 1);
    await harness.engine.drain();
    expect((await result).status).toBeUndefined();
    await listeners[0]?.closed;
    expect(harness.engine.activeCalls).toBe(0);
  });

  it('is cut short by close', async () => {
    await serve();
    const result = recordHttp2(openHttp2(harness.http2()));
    await eventually(() => listeners.length === 1);
    const drained = harness.engine.drain();
    await harness.engine.close();
    expect((await result).status).toBeUndefined();
    await drained;
  });
});
