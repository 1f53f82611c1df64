import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryEngines, refused } from '../../../test/client/memory-engines.js';
import { post, RecordingCall } from '../../../test/client/recording-listener.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { BalancedAddress } from './balanced-address.js';
import { type Balancer, PickFirst, RoundRobin } from './balancer.js';
import { resetError, unavailable } from '../connection/exchange-failure.js';
import { parseTarget } from './target.js';

/** How long it rests from now on, as far as others see. */
function restMs(address: BalancedAddress): number {
  return address.isResting ? address.restsUntil - performance.now() : 0;
}

describe('balancing', () => {
  let engines: MemoryEngines;
  let addresses: BalancedAddress[];
  let failures: number;

  beforeEach(() => {
    jest.useFakeTimers();
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    engines = new MemoryEngines();
    failures = 0;
    addresses = ['a', 'b', 'c'].map(
      (host) =>
        new BalancedAddress({
          target: parseTarget(`http://${host}`),
          createClient: engines.create,
          onFailure: () => failures++,
        }),
    );
  });

  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  /** @returns The host that the balancer picks, with a request sent there. */
  function request(balancer: Balancer, among = addresses): string {
    const address = balancer.pick(among);
    RecordingCall.send(address, post('/'));
    return 'host' in address.target.address ? address.target.address.host : '';
  }

  function requests(balancer: Balancer, count: number): string {
    return Array.from({ length: count }, () => request(balancer)).join(' ');
  }

  function fail(host: string, reason = refused()): void {
    engines.of(host).last.abort(reason);
  }

  describe('pick_first', () => {
    it('stays with the first', () => {
      expect(requests(new PickFirst(), 3)).toBe('a a a');
    });

    it('goes on to the next when one fails, and stays there when the first is well again', () => {
      const balancer = new PickFirst();
      request(balancer);
      fail('a');
      expect(requests(balancer, 2)).toBe('b b');
      jest.advanceTimersByTime(60_000);
      expect(request(balancer)).toBe('b');
      fail('b');
      expect(request(balancer)).toBe('c');
      fail('c');
      expect(request(balancer)).toBe('a');
    });

    it('goes on once when several requests fail together', () => {
      const balancer = new PickFirst();
      requests(balancer, 3);
      for (const exchange of engines.of('a').requests) {
        exchange.abort(refused());
        expect(request(balancer)).toBe('b');
      }
      expect(failures).toBe(1);
    });

    it('leaves an address that is gone', () => {
      const balancer = new PickFirst();
      request(balancer);
      expect(request(balancer, addresses.slice(1))).toBe('b');
      expect(request(balancer, addresses)).toBe('b');
    });
  });

  describe('round_robin', () => {
    it('takes one after the other', () => {
      expect(requests(new RoundRobin(), 7)).toBe('a b c a b c a');
    });

    it('goes on with fewer addresses, and with more', () => {
      const balancer = new RoundRobin();
      requests(balancer, 3);
      expect(request(balancer, addresses.slice(0, 1))).toBe('a');
      expect(requests(balancer, 3)).toBe('b c a');
    });

    it('leaves out what has failed until it has rested, and then tries it with one request', () => {
      const balancer = new RoundRobin();
      expect(requests(balancer, 2)).toBe('a b');
      fail('b');
      expect(requests(balancer, 4)).toBe('c a c a');
      jest.advanceTimersByTime(999);
      expect(requests(balancer, 2)).toBe('c a');
      jest.advanceTimersByTime(1);
      expect(requests(balancer, 6)).toBe('b c a c a c');
      engines.of('b').last.headers(200, []);
      expect(requests(balancer, 4)).toBe('a b c a');
    });

    it('takes one after the other, too, when all have failed', () => {
      const balancer = new RoundRobin();
      for (const host of ['a', 'b', 'c']) {
        expect(request(balancer)).toBe(host);
        fail(host);
        jest.advanceTimersByTime(10);
      }
      for (const host of ['a', 'b', 'c', 'a']) {
        expect(request(balancer)).toBe(host);
        jest.advanceTimersByTime(10);
      }
    });
  });

  describe('a failed address', () => {
    it('rests longer each time, up to half a minute, and a second again after it was well', () => {
      const [address] = addresses as [BalancedAddress];
      const rests = Array.from({ length: 10 }, () => {
        RecordingCall.send(address, post('/'));
        fail('a');
        const ms = Math.round(restMs(address));
        jest.advanceTimersByTime(ms + 1);
        return ms;
      });
      expect(rests).toEqual([1_000, 1_600, 2_560, 4_096, 6_554, 10_486, 16_777, 26_844, 30_000, 30_000]);
      RecordingCall.send(address, post('/'));
      engines.of('a').last.headers(200, []).abort(unavailable('lost in the middle'));
      expect(Math.round(restMs(address))).toBe(1_000);
    });

    it.each([
      [0, 800],
      [0.999_999_999, 1_200],
    ])('rests by chance: %d is %d ms', (chance, ms) => {
      jest.spyOn(Math, 'random').mockReturnValue(chance);
      const [address] = addresses as [BalancedAddress];
      RecordingCall.send(address, post('/'));
      fail('a');
      expect(Math.round(restMs(address))).toBe(ms);
    });

    it.each([
      ['a refused connection', refused(), true],
      ['a lost connection', unavailable('lost'), true],
      ['a refused stream', resetError('a', 7, undefined), true],
      ['a kept connection that was closed', unavailable('stale', { fate: 'stale' }), false],
      ['a canceled stream', resetError('a', 8, undefined), false],
      ['a broken request', new ConnectError('bad header', { code: Code.Internal }), false],
    ])('is one with %s: %3$s', (_, reason, isFailure) => {
      const [address] = addresses as [BalancedAddress];
      const call = RecordingCall.send(address, post('/'));
      fail('a', reason);
      expect(call.reason).toBe(reason);
      expect(address.isResting).toBe(isFailure);
      expect(failures).toBe(isFailure ? 1 : 0);
    });

    it('rests already when its caller hears of it', () => {
      const [address] = addresses as [BalancedAddress];
      let wasResting: boolean | undefined;
      const call = RecordingCall.open(address, post('/'));
      void call.over;
      call.onAbort = () => {
        wasResting = address.isResting;
      };
      fail('a');
      expect(wasResting).toBe(true);
    });
  });

  it('hands everything on that an exchange tells', async () => {
    const [address] = addresses as [BalancedAddress];
    const call = RecordingCall.open(address, post('/path', ['x-a', '1']));
    call.exchange.write(Buffer.from('question'));
    const exchange = engines.of('a').last;
    expect(exchange.head).toEqual(post('/path', ['x-a', '1']));
    expect(exchange.body.toString()).toBe('question');
    exchange.drain().headers(200, ['x-b', '2']).data(Buffer.from('answer')).finish(['x-c', '3']);
    await call.over;
    expect(call).toMatchObject({ status: 200, text: 'answer', drains: 1, trailerList: ['x-c', '3'] });
    expect(call.header('x-b')).toBe('2');
    expect(call.events).toEqual(['headers', 'data', 'end']);
  });

  it('closes and destroys clients that were never needed, too', async () => {
    const [address] = addresses as [BalancedAddress];
    await address.close();
    address.destroy();
    expect(engines.made).toEqual([]);
  });
});
