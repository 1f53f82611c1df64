import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { post, RecordingCall } from '../../../test/client/recording-listener.js';
import { type MemoryClientExchange, MemoryHttpClient } from '../../../test/support/memory-http-client.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { clientDestroyed, unavailable } from '../connection/exchange-failure.js';
import { TransparentRetryClient } from './transparent-retry.js';

const MIB = 1_048_576;

class MemoryEngine extends MemoryHttpClient {
  isClosed = false;

  async close(): Promise<void> {
    this.isClosed = true;
  }

  destroy(): void {
    this.requests.forEach((exchange) => exchange.abort(clientDestroyed('memory')));
  }
}

const refused = (): ConnectError => unavailable('refused', { fate: 'unprocessed' });
const stale = (): ConnectError => unavailable('stale', { fate: 'stale' });

let engine: MemoryEngine;
let client: TransparentRetryClient;

function last(): MemoryClientExchange {
  const exchange = engine.requests.at(-1);
  if (exchange === undefined) {
    throw new Error('nothing was requested');
  }
  return exchange;
}

const tries = (): number => engine.requests.length;
const send = (body?: Uint8Array | string): RecordingCall => RecordingCall.send(client, post('/'), body);

/** Fails try after try. @returns How many there were. */
async function failAll(call: RecordingCall, reason: () => ConnectError, atMost = 50): Promise<number> {
  while (!call.isOver && tries() < atMost) {
    last().abort(reason());
    await jest.advanceTimersByTimeAsync(1_000);
  }
  return tries();
}

beforeEach(() => {
  jest.useFakeTimers();
  engine = new MemoryEngine();
  client = new TransparentRetryClient(engine, 'memory');
});

afterEach(() => void jest.useRealTimers());

describe('TransparentRetryClient', () => {
  it('sends a request that no server has begun with again, the same one', () => {
    const call = send('hello');
    last().abort(refused());
    expect([tries(), last().isOneStep, Buffer.from(last().body).toString()]).toEqual([2, true, 'hello']);
    expect(call.exchange.lastFailure).toBeDefined();
    last().headers(200, []);
    expect(call.exchange.lastFailure).toBeUndefined();
    last().data(Buffer.from('x')).finish(['x-t', '1']);
    expect(call).toMatchObject({ events: ['headers', 'data', 'end'], text: 'x', trailerList: ['x-t', '1'] });
    expect(client.keptBytes).toBe(0);
  });

  it('sends again what was written so far, and goes on with what follows', () => {
    const call = RecordingCall.open(client, post('/'));
    call.exchange.write(Buffer.from('a'));
    call.exchange.write(Buffer.from('b'));
    last().abort(refused());
    expect([tries(), last().chunks.map(String), last().isRequestComplete]).toEqual([2, ['a', 'b'], false]);
    call.exchange.write(Buffer.from('c'));
    call.exchange.end();
    last().abort(refused());
    expect(tries()).toBe(2); // The third one waits.
    jest.advanceTimersByTime(20);
    expect([tries(), last().chunks.map(String), last().isRequestComplete]).toEqual([
      3,
      ['a', 'b', 'c'],
      true,
    ]);
    last().headers(200, []).finish();
    expect(call.events).toEqual(['headers', 'end']);
  });

  it('tells a caller that waits when the new try takes more', () => {
    const call = RecordingCall.open(client, post('/'));
    last().takesMore = false;
    expect(call.exchange.write(Buffer.from('a'))).toBe(false);
    last().abort(refused());
    expect([tries(), call.drains]).toEqual([2, 1]);
  });

  it('keeps a pause of its caller', () => {
    const call = send('x');
    call.exchange.pause();
    last().abort(refused());
    expect([tries(), last().isPaused]).toEqual([2, true]);
    call.exchange.resume();
    expect(last().isPaused).toBe(false);
  });

  it('tries ten times, the first two at once, and then gives the last reason', async () => {
    const call = send('x');
    last().abort(refused());
    expect(tries()).toBe(2);
    expect(await failAll(call, refused)).toBe(10);
    expect(call).toMatchObject({ events: ['abort'], reason: { rawMessage: 'refused' } });
    expect(client.keptBytes).toBe(0);
  });

  it('tries as long as its caller has a deadline, with pauses of a second at most', async () => {
    const call = RecordingCall.send(client, post('/'), 'x', { hasDeadline: true });
    expect(await failAll(call, refused, 40)).toBe(40);
    expect([call.events, call.exchange.lastFailure?.rawMessage]).toEqual([[], 'refused']);
    call.exchange.reset();
    await jest.advanceTimersByTimeAsync(10_000);
    expect([tries(), client.keptBytes]).toEqual([40, 0]);
  });

  it.each<[string, (exchange: MemoryClientExchange) => void]>([
    ['what a server may have begun with', (exchange) => exchange.abort(unavailable('lost'))],
    ['what was answered', (exchange) => exchange.headers(200, []).abort(refused())],
  ])('never sends %s again', (_, fail) => {
    const call = send('x');
    fail(last());
    expect([tries(), call.isOver]).toEqual([1, true]);
  });

  describe('a stale connection', () => {
    it.each([
      ['a POST', 'POST', {}, 1],
      ['a POST without side effects', 'POST', { isIdempotent: true }, 2],
      ['a GET', 'GET', {}, 2],
    ] as const)('costs %s this many tries', async (_, method, traits, expected) => {
      const call = RecordingCall.send(client, { ...post('/'), method }, undefined, traits);
      expect(await failAll(call, stale)).toBe(expected);
      expect(call.reason?.rawMessage).toBe('stale');
    });
  });

  describe('the buffer', () => {
    it.each([
      [262_144, 2],
      [262_145, 1],
    ])('takes a request of %d bytes: %d tries', (size, expected) => {
      const call = send(new Uint8Array(size));
      last().abort(refused());
      expect([tries(), call.isOver]).toEqual([expected, expected === 1]);
    });

    it('takes what is written in pieces up to its size', () => {
      const call = RecordingCall.open(client, post('/'));
      call.exchange.write(new Uint8Array(262_144));
      expect(client.keptBytes).toBe(262_144);
      call.exchange.write(new Uint8Array(1));
      expect(client.keptBytes).toBe(0);
      last().abort(refused());
      expect([tries(), call.events]).toEqual([1, ['abort']]);
    });

    it('is shared by the requests of a channel: 16 MiB', () => {
      const calls = Array.from({ length: 65 }, () => send(new Uint8Array(262_144)));
      expect(client.keptBytes).toBe(16 * MIB);
      engine.requests.slice(0, 65).forEach((exchange) => exchange.abort(refused()));
      expect(calls.map((call) => call.isOver).indexOf(true)).toBe(64);
    });

    it('of 0 bytes takes what has no body', () => {
      client = new TransparentRetryClient(engine, 'memory', { retryBufferBytes: 0 });
      send('x');
      last().abort(refused());
      expect(tries()).toBe(1);
      send();
      last().abort(refused());
      expect(tries()).toBe(3);
    });

    it('is empty when the response has begun', () => {
      send('x');
      expect(client.keptBytes).toBe(1);
      last().headers(200, []);
      expect(client.keptBytes).toBe(0);
    });

    it('fails a request that outgrows it while it pauses', async () => {
      const call = RecordingCall.open(client, post('/'));
      last().abort(refused());
      last().abort(refused());
      expect(call.exchange.write(new Uint8Array(262_145))).toBe(false);
      await jest.advanceTimersByTimeAsync(1_000);
      expect([tries(), call.events, call.reason?.rawMessage]).toEqual([2, ['abort'], 'refused']);
    });

    it.each([-1, Number.NaN])('has no size of %d', (retryBufferBytes) => {
      expect(() => new TransparentRetryClient(engine, 'memory', { retryBufferBytes })).toThrow(TypeError);
    });
  });

  describe('between two tries', () => {
    let call: RecordingCall;

    beforeEach(() => {
      call = send('x');
      last().abort(refused());
      last().abort(refused());
    });

    it('reset() ends the exchange', async () => {
      call.exchange.reset();
      await jest.advanceTimersByTimeAsync(10_000);
      expect([tries(), call.events, client.keptBytes]).toEqual([2, [], 0]);
    });

    it('destroy() tells the caller', async () => {
      client.destroy();
      await jest.advanceTimersByTimeAsync(10_000);
      expect([tries(), call.events]).toEqual([2, ['abort']]);
    });

    it('close() waits for the call, whose tries go on', async () => {
      const closed = client.close();
      await jest.advanceTimersByTimeAsync(1_000);
      expect([tries(), engine.isClosed]).toEqual([3, false]);
      last().headers(200, []).finish();
      await closed;
      expect([call.events, engine.isClosed]).toEqual([['headers', 'end'], true]);
      const late = send('x');
      await jest.advanceTimersByTimeAsync(0);
      expect(late.reason?.rawMessage).toBe('the client of memory is closed');
    });
  });
});
