/**
 * The pool of HTTP/2 connections: how many there are, when they end, and what becomes of requests that have to wait.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fateOf } from '../../lib/client/connection/exchange-failure.js';
import { type ClientExchangeListener } from '../../lib/wire/client-exchange.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { Closing, Peers } from './peers.js';
import { post, RecordingCall } from './recording-listener.js';

const answer = (stream: ServerHttp2Stream): void => {
  if (!stream.destroyed) {
    stream.respond({ ':status': 200 });
    stream.end('x');
  }
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function send(client: ReturnType<Peers['http2Client']>, count: number): RecordingCall[] {
  return Array.from({ length: count }, (_, i) => RecordingCall.send(client, post(`/${i}`), 'x'));
}

describe('Http2Client, its connections', () => {
  failOnUnhandled();
  let peers: Peers;
  /** Under way at the server. */
  let streams: ServerHttp2Stream[];
  let served: number;

  beforeEach(() => {
    peers = new Peers();
    streams = [];
    served = 0;
  });

  afterEach(() => peers.close());

  /** Serves streams that wait to be answered. */
  async function serve(settings: Settings = {}): Promise<string> {
    const server = createServer({ settings });
    server.on('session', (session) => {
      peers.sessions.push(session);
      session.on('error', () => {});
    });
    server.on('stream', (stream) => {
      streams.push(stream);
      served++;
      stream.on('error', () => {});
      stream.on('close', () => streams.splice(streams.indexOf(stream), 1));
    });
    return `http://127.0.0.1:${await peers.listen(server)}`;
  }

  const answerAll = (): void => streams.slice().forEach(answer);

  describe('as many as the limit of streams needs', () => {
    it.each([
      [5, 1],
      [6, 2],
      [30, 6],
    ])('%d calls on %d connections', async (count, connections) => {
      const client = peers.http2Client(await serve({ maxConcurrentStreams: 5 }));
      const calls = send(client, count);
      await eventually(() => streams.length === count);
      expect(peers.connections).toBe(connections);
      answerAll();
      await Promise.all(calls.map((call) => call.over));
    });

    it('but no more than sessionsPerTarget: the other calls wait, in their order', async () => {
      const client = peers.http2Client(await serve({ maxConcurrentStreams: 5 }), { sessionsPerTarget: 2 });
      const calls = send(client, 25);
      await eventually(() => streams.length === 10);
      await pause(50);
      expect([streams.length, peers.connections]).toEqual([10, 2]);
      while (calls.some((call) => !call.isOver)) {
        expect(streams.length).toBeLessThanOrEqual(10);
        answerAll();
        await pause(5);
      }
      expect(calls.map((call) => call.text)).toEqual(Array.from({ length: 25 }, () => 'x'));
      expect(peers.connections).toBe(2);
    });

    it('and those that wait go on when the server allows more', async () => {
      const client = peers.http2Client(await serve({ maxConcurrentStreams: 1 }), { sessionsPerTarget: 1 });
      const calls = send(client, 4);
      await eventually(() => streams.length === 1);
      peers.sessions[0]?.settings({ maxConcurrentStreams: 10 });
      await eventually(() => streams.length === 4);
      answerAll();
      await Promise.all(calls.map((call) => call.over));
      expect(calls.map((call) => call.text)).toEqual(['x', 'x', 'x', 'x']);
    });

    it('and one that gives up leaves no trace', async () => {
      const client = peers.http2Client(await serve({ maxConcurrentStreams: 1 }), { sessionsPerTarget: 1 });
      const [first, ...others] = send(client, 4);
      await eventually(() => streams.length === 1);
      others.forEach((call) => call.exchange.reset());
      const closing = new Closing(client);
      await pause(20);
      expect(closing.isDone).toBe(false);
      answerAll();
      await closing.done;
      expect(first?.text).toBe('x');
      expect(others.map((call) => call.events)).toEqual([[], [], []]);
    });

    it('and what waits is sent before the client closes, or told when it is destroyed', async () => {
      const url = await serve({ maxConcurrentStreams: 1 });
      const client = peers.http2Client(url, { sessionsPerTarget: 1 });
      const calls = send(client, 3);
      await eventually(() => streams.length === 1);
      const closing = new Closing(client);
      answerAll();
      await eventually(() => streams.length === 1 && calls[0]?.isOver === true);
      client.destroy();
      await closing.done;
      expect(calls.map((call) => call.events.at(-1))).toEqual(['end', 'abort', 'abort']);
    });
  });

  describe('end', () => {
    it('when they have been idle, and not before', async () => {
      const url = await serve();
      const client = peers.http2Client(url, { idleTimeoutMs: 100 });
      const [call] = send(client, 1);
      await pause(300);
      expect([peers.connections, peers.openConnections]).toEqual([1, 1]);
      await eventually(() => streams.length === 1);
      answerAll();
      await call?.over;
      await eventually(() => peers.openConnections === 0);
      send(client, 1);
      await eventually(() => streams.length === 1);
      expect(peers.connections).toBe(2);
    });

    it('when they are old, after their calls; new calls have a new one', async () => {
      const client = peers.http2Client(await serve(), { maxConnectionAgeMs: 50 });
      const [old] = send(client, 1);
      await eventually(() => streams.length === 1);
      await pause(100);
      const [young] = send(client, 1);
      await eventually(() => streams.length === 2);
      expect([peers.connections, peers.openConnections]).toEqual([2, 2]);
      answerAll();
      await Promise.all([old?.over, young?.over]);
      expect([old?.text, young?.text]).toEqual(['x', 'x']);
      await eventually(() => peers.openConnections === 0);
    });

    it('without a word when the peer does not answer a ping; calls are told', async () => {
      const url = await peers.tcp((socket) => {
        socket.write(Buffer.from('000000040000000000', 'hex')); // SETTINGS, and nothing else ever.
        socket.resume().on('end', () => socket.end());
      });
      const client = peers.http2Client(url, { keepalive: { intervalMs: 30, timeoutMs: 30 } });
      const { reason } = await RecordingCall.send(client, post('/'), 'x').over;
      expect(reason?.rawMessage).toMatch(
        /lost before the response: the peer did not answer a ping within 30 ms/,
      );
      expect(reason === undefined ? undefined : fateOf(reason)).toBeUndefined();
      await eventually(() => peers.openConnections === 0);
    });
  });

  describe('that cannot be made', () => {
    it('fail all calls that wait for them, as not sent', async () => {
      const client = peers.http2Client(await peers.tcp((socket) => socket.destroy()));
      const calls = await Promise.all(send(client, 20).map((call) => call.over));
      expect(peers.connections).toBe(1);
      expect(new Set(calls.map(({ reason }) => (reason === undefined ? '' : fateOf(reason))))).toEqual(
        new Set(['unprocessed']),
      );
    });

    it('are tried at growing distances, however many calls there are', async () => {
      const client = peers.http2Client(await peers.tcp((socket) => socket.destroy()));
      const end = performance.now() + 500;
      while (performance.now() < end) {
        await RecordingCall.send(client, post('/'), 'x').over;
      }
      // Two at once, and then about 20, 40, 80, 160 and 320 ms apart, half of that at least.
      expect(peers.connections).toBeGreaterThan(3);
      expect(peers.connections).toBeLessThan(10);
    });

    it('are tried no longer than connectTimeoutMs', async () => {
      const url = await peers.tcp((socket) => void socket.resume().on('end', () => socket.end()));
      for (const client of [
        peers.http2Client(url, { connectTimeoutMs: 30 }),
        peers.http2Client(url.replace('http:', 'https:'), { connectTimeoutMs: 30 }),
        peers.http1Client(url.replace('http:', 'https:'), { connectTimeoutMs: 30 }),
      ]) {
        const { reason } = await RecordingCall.send(client, post('/'), 'x').over;
        expect(reason?.rawMessage).toMatch(/^cannot connect to .* 30 ms$/);
        expect(reason === undefined ? undefined : fateOf(reason)).toBe('unprocessed');
      }
      await eventually(() => peers.openConnections === 0);
    });
  });

  it('outlive 3,000 canceled calls: resets are spread, and none ends another call', async () => {
    const client = peers.http2Client(await serve());
    const [long] = send(client, 1);
    await eventually(() => streams.length === 1);
    const goaways: number[] = [];
    for (let round = 0; round < 30; round++) {
      const calls = send(client, 100);
      await eventually(() => served === 1 + (round + 1) * 100);
      calls.forEach((call) => call.exchange.reset());
    }
    peers.sessions.forEach((session: ServerHttp2Session) =>
      session.on('goaway', (code) => goaways.push(code)),
    );
    // One connection takes 800 at once; the first one holds its last ones for the long call.
    expect(peers.connections).toBeGreaterThan(3);
    const first = streams[0];
    expect(long?.events).toEqual([]);
    if (first !== undefined) {
      answer(first);
    }
    await long?.over;
    expect(long).toMatchObject({ text: 'x', events: ['headers', 'data', 'end'] });
    // The end of the connection is the end of what waited for its reset.
    await eventually(() => streams.length === 0);
    expect(goaways.filter((code) => code !== 0)).toEqual([]);
  }, 30_000);

  describe('and AsyncLocalStorage', () => {
    const storage = new AsyncLocalStorage<string>();

    it('do not mix: calls keep their own context, also those that have waited', async () => {
      const client = peers.http2Client(await serve({ maxConcurrentStreams: 1 }), { sessionsPerTarget: 1 });
      const calls = Array.from({ length: 4 }, (_, i) =>
        storage.run(`call ${i}`, () => {
          const call = new ContextListener(storage);
          client.send(post('/'), undefined, call);
          return call;
        }),
      );
      while (calls.some((call) => !call.isOver)) {
        answerAll();
        await pause(5);
      }
      expect(calls.map(({ seen }) => seen)).toEqual(
        [0, 1, 2, 3].map((i) => [`call ${i}`, `call ${i}`, `call ${i}`]),
      );
    });

    it.each(['http2Client', 'http1Client'] as const)(
      'do not mix: what the first call keeps is let go with it (%s)',
      async (engine) => {
        const objects = new AsyncLocalStorage<object>();
        const gc = await garbageCollector();
        const url = await (engine === 'http2Client'
          ? peers.http2(answer)
          : peers.http1((request, response) => void request.resume().on('end', () => response.end('x'))));
        const client = peers[engine](url);
        const kept = await storeOfACall(objects, client);
        await RecordingCall.send(client, post('/')).over;
        for (let i = 0; i < 10 && kept.deref() !== undefined; i++) {
          await pause(10);
          gc();
        }
        expect(kept.deref()).toBeUndefined();
        expect((await RecordingCall.send(client, post('/')).over).text).toBe('x');
        expect(peers.connections).toBe(1);
      },
    );
  });
});

/** In which context a call hears what. */
class ContextListener implements ClientExchangeListener {
  readonly seen: (string | undefined)[] = [];
  isOver = false;

  constructor(private readonly storage: AsyncLocalStorage<string>) {}

  onHeaders(): void {
    this.seen.push(this.storage.getStore());
  }

  onData(): void {
    this.seen.push(this.storage.getStore());
  }

  onEnd(): void {
    this.seen.push(this.storage.getStore());
    this.isOver = true;
  }

  onDrain(): void {}

  onAbort(): void {
    this.isOver = true;
  }
}

async function garbageCollector(): Promise<() => void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([
    import('node:v8'),
    import('node:vm'),
  ]);
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

async function storeOfACall(
  storage: AsyncLocalStorage<object>,
  client: ReturnType<Peers['http2Client' | 'http1Client']>,
): Promise<WeakRef<object>> {
  const store = { request: 1 };
  await storage.run(store, () => RecordingCall.send(client, post('/')).over);
  return new WeakRef(store);
}
