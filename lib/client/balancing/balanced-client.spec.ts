import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryEngines, refused } from '../../../test/client/memory-engines.js';
import { Closing } from '../../../test/client/peers.js';
import { post, RecordingCall } from '../../../test/client/recording-listener.js';
import { turn } from '../../../test/support/memory-flow.js';
import { Code } from '../../rpc/code.js';
import { type BalancingSettings, createEngine } from './balanced-client.js';
import { type ClientEngine } from '../channel.js';
import { parseDestination } from './destination.js';

const CLEAR = { isSecure: false };

function create(url: string, options: BalancingSettings): ClientEngine {
  return createEngine(parseDestination(url, CLEAR), new MemoryEngines().create, options);
}

function refuseOptions(): never {
  throw new TypeError('no such certificate');
}

describe('createEngine', () => {
  it.each(['http://a', 'https://a', 'unix:/a.sock'])('puts nothing in front of the client of %s', (url) => {
    const engines = new MemoryEngines();
    const engine = createEngine(parseDestination(url, CLEAR), engines.create);
    expect(engines.made).toEqual([engine]);
  });

  it.each<[string, object, string]>([
    ['dns:///a', { balancing: 'random' }, 'balancing is "random": expected one of pick_first, round_robin'],
    ['dns:///a', { reresolveMs: 0 }, 'reresolveMs is 0: expected milliseconds above 0, or Infinity'],
    ['dns:///a', { reresolveMs: NaN }, 'reresolveMs is NaN'],
    ['dns:///a', { reresolveMs: '5000' }, 'reresolveMs is 5000'],
    [
      'http://a',
      { balancing: 'round_robin' },
      'http://a is one server: balancing needs a dns: or static: URL',
    ],
    ['unix:/a', { balancing: 'round_robin' }, 'unix:/a is one server'],
  ])('refuses for %s: %j', (url, options, message) => {
    expect(() => create(url, options)).toThrow(TypeError);
    expect(() => create(url, options)).toThrow(message);
  });

  it.each(['dns:///a', 'static:///a,b'])('tells at once what its client of %s refuses', (url) => {
    expect(() => createEngine(parseDestination(url, CLEAR), refuseOptions)).toThrow('no such certificate');
  });
});

describe('BalancedClient', () => {
  let engines: MemoryEngines;
  let client: ClientEngine;
  /** What the name server answers: addresses, or a failure. */
  let answer: readonly string[] | Error;
  let lookups: number;
  /** Holds the answer back. */
  let gate: Promise<void>;

  const lookup = async (): Promise<readonly string[]> => {
    lookups++;
    await gate;
    if (answer instanceof Error) {
      throw answer;
    }
    return answer;
  };

  function connect(url = 'dns:///eliza.test', options: BalancingSettings = {}): void {
    client = createEngine(parseDestination(url, CLEAR), engines.create, { ...options, lookup });
  }

  function holdBack(): () => void {
    let release!: () => void;
    gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** @returns The host that got the next request. */
  async function request(): Promise<string> {
    const before = engines.made.map(({ requests }) => requests.length);
    RecordingCall.send(client, post('/'));
    await turn();
    const served = engines.made.find(({ requests }, i) => requests.length > (before[i] ?? 0));
    return served !== undefined && 'host' in served.target.address ? served.target.address.host : 'none';
  }

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    // Leaves the order of addresses as it is.
    jest.spyOn(Math, 'random').mockReturnValue(0.999_999);
    engines = new MemoryEngines();
    answer = ['a', 'b', 'c'];
    lookups = 0;
    gate = Promise.resolve();
  });

  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  describe('while the name is looked up', () => {
    it('keeps requests, and sends what was done meanwhile in its order', async () => {
      const release = holdBack();
      connect();
      const whole = RecordingCall.send(client, post('/whole'), 'all of it');
      const ended = RecordingCall.open(client, post('/ended'));
      expect(ended.exchange.write(Buffer.from('ab'))).toBe(false);
      ended.exchange.write(Buffer.from('cd'));
      ended.exchange.end();
      ended.exchange.pause();
      const streaming = RecordingCall.open(client, post('/streaming'));
      streaming.exchange.write(Buffer.from('ef'));
      streaming.exchange.pause();
      streaming.exchange.resume();
      await turn();
      expect(lookups).toBe(1);
      release();
      await turn();
      const { requests } = engines.of('a');
      expect(requests.map(({ head }) => head.target)).toEqual(['/whole', '/ended', '/streaming']);
      expect(requests.map(({ body }) => body.toString())).toEqual(['all of it', 'abcd', 'ef']);
      expect(requests.map(({ isRequestComplete }) => isRequestComplete)).toEqual([true, true, false]);
      expect(requests.map(({ isPaused }) => isPaused)).toEqual([false, true, false]);
      expect([whole.drains, ended.drains, streaming.drains]).toEqual([0, 0, 1]);
    });

    it('goes on as the exchange of the server that it found', async () => {
      const release = holdBack();
      connect();
      const call = RecordingCall.open(client, post('/'));
      release();
      await turn();
      const served = engines.of('a').last;
      expect(call.drains).toBe(0);
      served.takesMore = false;
      expect(call.exchange.write(Buffer.from('x'))).toBe(false);
      served.drain();
      expect(call.drains).toBe(1);
      call.exchange.pause();
      expect(served.isPaused).toBe(true);
      call.exchange.resume();
      expect(served.isPaused).toBe(false);
      call.exchange.end();
      expect(served.isRequestComplete).toBe(true);
      served.headers(200, []).data(Buffer.from('reply'));
      call.exchange.reset();
      expect(served.isReset).toBe(true);
      expect(call.events).toEqual(['headers', 'data']);
    });

    it.each<[string, readonly string[] | Error]>([
      ['is sent', ['a']],
      ['fails', new Error('SERVFAIL')],
    ])('keeps the AsyncLocalStorage of each caller when it %s', async (_, found) => {
      answer = found;
      const storage = new AsyncLocalStorage<string>();
      const seen: unknown[] = [];
      client = createEngine(
        parseDestination('dns:///eliza.test', CLEAR),
        (target) => {
          const engine = engines.create(target);
          const send = engine.send.bind(engine);
          engine.send = (...init) => {
            seen.push(storage.getStore());
            return send(...init);
          };
          return engine;
        },
        { lookup },
      );
      for (const name of ['first', 'second']) {
        storage.run(name, () => {
          RecordingCall.send(client, post('/')).onAbort = () => seen.push(storage.getStore());
        });
      }
      await turn();
      expect(seen).toEqual(['first', 'second']);
    });

    it('lets go of what is given up, and sends nothing', async () => {
      const release = holdBack();
      connect();
      const call = RecordingCall.send(client, post('/'));
      call.exchange.reset();
      release();
      await turn();
      expect(call.events).toEqual([]);
      expect(engines.made.every(({ requests }) => requests.length === 0)).toBe(true);
    });

    it('counts what waits as under way when it closes', async () => {
      const release = holdBack();
      connect();
      const call = RecordingCall.send(client, post('/'));
      const closing = new Closing(client);
      release();
      await turn();
      const engine = engines.of('a');
      expect(engine.isClosing).toBe(true);
      expect(closing.isDone).toBe(false);
      engine.last.headers(200, []).finish();
      engine.endRequests();
      await closing.done;
      expect(call.events).toEqual(['headers', 'end']);
    });

    it('fails what waits when it is destroyed', async () => {
      const release = holdBack();
      connect();
      const call = await new Promise<RecordingCall>((resolve) => {
        const waiting = RecordingCall.send(client, post('/'));
        client.destroy();
        resolve(waiting);
      });
      expect(call.reason).toMatchObject({ code: Code.Canceled });
      release();
      await turn();
      expect(call.events).toEqual(['abort']);
    });
  });

  it('fails calls when the name has never had an address, each after a look-up of its own', async () => {
    answer = new Error('getaddrinfo ENOTFOUND eliza.test');
    connect();
    for (const count of [1, 2]) {
      const call = await RecordingCall.send(client, post('/')).over;
      expect(lookups).toBe(count);
      expect(call.reason).toMatchObject({
        code: Code.Unavailable,
        rawMessage: 'cannot resolve dns:///eliza.test: getaddrinfo ENOTFOUND eliza.test',
      });
    }
    answer = ['a'];
    expect(await request()).toBe('a');
  });

  it('looks up in the background once the addresses are old: the client of one that stays is kept', async () => {
    connect('dns:///eliza.test', { balancing: 'round_robin', reresolveMs: 1_000 });
    expect([await request(), await request(), await request()]).toEqual(['a', 'b', 'c']);
    jest.advanceTimersByTime(1_200);
    answer = ['c', 'd', 'a'];
    expect(await request()).toBe('a');
    expect(lookups).toBe(2);
    expect([await request(), await request(), await request()].toSorted()).toEqual(['a', 'c', 'd']);
    expect(engines.of('a').requests).toHaveLength(3);
    expect(engines.of('b')).toMatchObject({ isClosing: true, isDestroyed: false });
    expect(engines.of('a').isClosing).toBe(false);
  });

  it('waits for those of an address that is gone when it closes, and cuts them off when it is destroyed', async () => {
    connect('dns:///eliza.test', { reresolveMs: 1_000 });
    expect(await request()).toBe('a');
    jest.advanceTimersByTime(1_200);
    answer = ['b'];
    await request();
    expect(await request()).toBe('b');
    const closing = new Closing(client);
    engines.of('b').endRequests();
    await turn();
    expect(closing.isDone).toBe(false);
    const left = engines.of('a');
    client.destroy();
    await closing.done;
    expect(left.isDestroyed).toBe(true);
  });

  it('takes the next address without waiting when one fails, and looks the name up again', async () => {
    connect('dns:///eliza.test', { reresolveMs: Infinity });
    expect(await request()).toBe('a');
    jest.advanceTimersByTime(1_000);
    holdBack();
    engines.of('a').last.abort(refused());
    expect(lookups).toBe(2);
    expect(await request()).toBe('b');
  });

  it('waits for new addresses when all have failed: the servers have moved', async () => {
    answer = ['a'];
    connect('dns:///eliza.test', { reresolveMs: Infinity });
    expect(await request()).toBe('a');
    jest.advanceTimersByTime(1_000);
    const release = holdBack();
    answer = ['b'];
    engines.of('a').last.abort(refused());
    expect(await request()).toBe('none');
    release();
    await turn();
    expect(engines.of('b').requests).toHaveLength(1);
  });

  it('tries one that rests rather than fail a call', async () => {
    answer = ['a'];
    connect();
    expect(await request()).toBe('a');
    engines.of('a').last.abort(refused());
    expect(await request()).toBe('a');
    expect(lookups).toBe(1);
  });

  it('refuses requests once it is closed', async () => {
    connect('static:///a,b');
    await client.close();
    for (const call of [RecordingCall.send(client, post('/')), RecordingCall.open(client, post('/'))]) {
      expect((await call.over).reason).toMatchObject({
        code: Code.Unavailable,
        rawMessage: 'the client of static:///a,b is closed',
      });
    }
  });
});
