import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DnsResolver, type Lookup } from './dns-resolver.js';
import { fateOf } from '../connection/exchange-failure.js';
import { parseTarget, type Target } from './target.js';

const RERESOLVE_MS = 30_000;

/** A name server that answers when it is told to. */
class NameServer {
  readonly asked: string[] = [];
  #answer: ((addresses: readonly string[]) => void) | undefined;
  #refuse: ((cause: Error) => void) | undefined;

  readonly lookup: Lookup = (name) => {
    this.asked.push(name);
    return new Promise((resolve, reject) => {
      [this.#answer, this.#refuse] = [resolve, reject];
    });
  };

  answer(resolver: DnsResolver, ...addresses: string[]): Promise<void> {
    this.#answer?.(addresses);
    return resolver.underWay as Promise<void>; // The resolver has asked.
  }

  refuse(resolver: DnsResolver, cause: Error): Promise<void> {
    this.#refuse?.(cause);
    return resolver.underWay as Promise<void>;
  }
}

function hosts(targets: readonly Target[]): string[] {
  return targets.map(({ address }) => ('host' in address ? address.host : '')).toSorted();
}

describe('DnsResolver', () => {
  let names: NameServer;
  let resolver: DnsResolver;

  function create(reresolveMs = RERESOLVE_MS): DnsResolver {
    const target = parseTarget('https://eliza.test:8443');
    return new DnsResolver({ name: 'dns:///eliza.test:8443', target, reresolveMs, lookup: names.lookup });
  }

  beforeEach(() => {
    jest.useFakeTimers();
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    names = new NameServer();
    resolver = create();
  });

  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('asks nobody before the first request', () => {
    expect(names.asked).toEqual([]);
    expect(resolver.targets).toEqual([]);
    resolver.requested();
    expect(names.asked).toEqual(['eliza.test']);
  });

  it('makes a target of each address, with the authority and the TLS name of the name', async () => {
    resolver.requested();
    await names.answer(resolver, '10.0.0.1', '2001:db8::1', '10.0.0.1');
    expect(hosts(resolver.targets)).toEqual(['10.0.0.1', '2001:db8::1']);
    for (const target of resolver.targets) {
      const { host } = target.address as { host: string };
      expect(target).toMatchObject({
        name: `https://eliza.test:8443 (${host})`,
        authority: 'eliza.test:8443',
        serverName: 'eliza.test',
        isSecure: true,
        address: { port: 8443 },
      });
    }
  });

  it('has one look-up at a time', async () => {
    resolver.requested();
    resolver.requested();
    resolver.failed();
    expect(names.asked).toHaveLength(1);
    await names.answer(resolver, '10.0.0.1');
    expect(resolver.underWay).toBeUndefined();
  });

  it('asks again with the first request after the interval, and keeps the addresses meanwhile', async () => {
    resolver.requested();
    await names.answer(resolver, '10.0.0.1');
    const before = resolver.targets;
    jest.advanceTimersByTime(RERESOLVE_MS - 1);
    resolver.requested();
    expect(names.asked).toHaveLength(1);
    jest.advanceTimersByTime(1);
    expect(names.asked).toHaveLength(1);
    resolver.requested();
    expect(names.asked).toHaveLength(2);
    expect(resolver.targets).toBe(before);
    await names.answer(resolver, '10.0.0.2');
    expect(hosts(resolver.targets)).toEqual(['10.0.0.2']);
  });

  it.each([
    [0, 24_000],
    [0.999_999_999, 36_000],
  ])('spreads the interval: with a chance of %d it is %d ms', async (chance, intervalMs) => {
    jest.spyOn(Math, 'random').mockReturnValue(chance);
    resolver.requested();
    await names.answer(resolver, '10.0.0.1');
    jest.advanceTimersByTime(intervalMs - 1);
    resolver.requested();
    expect(names.asked).toHaveLength(1);
    jest.advanceTimersByTime(1);
    resolver.requested();
    expect(names.asked).toHaveLength(2);
  });

  it('asks again when an address failed, but not within a second', async () => {
    resolver = create(Infinity);
    resolver.requested();
    await names.answer(resolver, '10.0.0.1');
    jest.advanceTimersByTime(999);
    resolver.failed();
    expect(names.asked).toHaveLength(1);
    jest.advanceTimersByTime(1);
    resolver.requested();
    expect(names.asked).toHaveLength(1);
    resolver.failed();
    expect(names.asked).toHaveLength(2);
  });

  it.each([
    ['fails', (): Promise<void> => names.refuse(resolver, new Error('SERVFAIL'))],
    ['finds nothing', (): Promise<void> => names.answer(resolver)],
  ])('keeps its addresses when a look-up %s', async (_, end) => {
    resolver.requested();
    await names.answer(resolver, '10.0.0.1');
    jest.advanceTimersByTime(RERESOLVE_MS);
    resolver.requested();
    await end();
    expect(names.asked).toHaveLength(2);
    expect(hosts(resolver.targets)).toEqual(['10.0.0.1']);
  });

  it('tells why there are no addresses, and asks again with the next request', async () => {
    resolver.requested();
    await names.refuse(resolver, new Error('getaddrinfo ENOTFOUND eliza.test'));
    const { failure } = resolver;
    expect(failure?.rawMessage).toBe(
      'cannot resolve dns:///eliza.test:8443: getaddrinfo ENOTFOUND eliza.test',
    );
    expect(failure === undefined ? undefined : fateOf(failure)).toBe('unprocessed');
    resolver.requested();
    await names.answer(resolver, '10.0.0.1');
    expect(hosts(resolver.targets)).toEqual(['10.0.0.1']);
    expect(resolver.failure).toBeUndefined();
  });

  it('puts the addresses into an order of chance', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    resolver.requested();
    await names.answer(resolver, '10.0.0.1', '10.0.0.2', '10.0.0.3');
    expect(resolver.targets.map(({ address }) => 'host' in address && address.host)).toEqual([
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.1',
    ]);
  });
});
