/**
 * Requests to several servers that do the same: one client per address, made when it is first needed.
 *
 * It never tries twice: a request that failed without harm comes again from above, and goes to another address then,
 * because the one that failed is resting.
 */
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../wire/client-exchange.js';
import { BalancedAddress } from './balanced-address.js';
import { type Balancer, BALANCERS, PickFirst } from './balancer.js';
import { type ClientEngine, findNamed } from '../channel.js';
import { durationOf } from '../checked-options.js';
import { DeferredExchange } from '../connection/deferred-exchange.js';
import { type Destination } from './destination.js';
import { DnsResolver, type Lookup } from './dns-resolver.js';
import { clientClosed, clientDestroyed, unavailable } from '../connection/exchange-failure.js';
import { FailedExchange } from '../connection/failed-exchange.js';
import { type Resolver, StaticResolver } from './resolver.js';
import { type Target } from './target.js';

/** How a channel chooses among several addresses. */
export interface BalancingSettings {
  /**
   * For `dns:` and `static:` URLs. `'pick_first'`: stays with one address, and takes the next when it fails; `static:`
   * in the order of the list, `dns:` in one of chance. `'round_robin'`: each call takes the next address; one that
   * failed rests, for a second at first and 30 seconds at most. Default: `'pick_first'`.
   */
  readonly balancing?: 'pick_first' | 'round_robin';
  /**
   * For `dns:` URLs: how old addresses may be, in milliseconds, ±20 % by chance. A call that finds older ones has them
   * looked up again, and does not wait for it. `Infinity`: only when an address fails. Default: 30,000.
   */
  readonly reresolveMs?: number;
}

export interface EngineOptions extends BalancingSettings {
  /** Default: that of the system. */
  readonly lookup?: Lookup;
}

/**
 * Makes what carries the calls of a channel.
 *
 * @param createClient Of one server; connects when it gets its first request. May throw when its options are wrong.
 * @throws TypeError When an option is wrong.
 */
export function createEngine(
  destination: Destination,
  createClient: (target: Target) => ClientEngine,
  options: EngineOptions = {},
): ClientEngine {
  const { kind, name, targets } = destination;
  const { Balancer } = findNamed('balancing', options.balancing ?? 'pick_first', BALANCERS);
  if (kind === 'server') {
    if (Balancer !== PickFirst) {
      throw new TypeError(`${name} is one server: balancing needs a dns: or static: URL`);
    }
    return createClient(targets[0]);
  }
  // What is wrong with the client's options is told now, and not by the first call.
  targets.forEach((target) => createClient(target).destroy());
  const resolver = createResolver(destination, options);
  return new BalancedClient({ resolver, balancer: new Balancer(), createClient });
}

function createResolver({ kind, name, targets }: Destination, options: EngineOptions): Resolver {
  const { reresolveMs = 30_000, lookup } = options;
  durationOf('reresolveMs', reresolveMs);
  return kind === 'servers'
    ? new StaticResolver(name, targets)
    : new DnsResolver({ name, target: targets[0], reresolveMs, lookup });
}

export interface BalancedClientInit {
  readonly resolver: Resolver;
  readonly balancer: Balancer;
  readonly createClient: (target: Target) => ClientEngine;
}

export class BalancedClient implements ClientEngine {
  readonly #resolver: Resolver;
  readonly #balancer: Balancer;
  readonly #createClient: (target: Target) => ClientEngine;
  /** What {@link #addresses} was made of. */
  #targets: readonly Target[] = [];
  #addresses: readonly BalancedAddress[] = [];
  /** They are no longer behind the name, and have requests under way. */
  readonly #leaving = new Set<BalancedAddress>();
  readonly #deferred = new Set<DeferredExchange>();
  #beginning: Promise<void> | undefined;
  #isClosed = false;

  constructor({ resolver, balancer, createClient }: BalancedClientInit) {
    this.#resolver = resolver;
    this.#balancer = balancer;
    this.#createClient = createClient;
  }

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    if (this.#isClosed) {
      return this.#refuse(listener);
    }
    const address = this.#pick();
    return address === undefined
      ? this.#defer(listener, (client) => client.open(head, listener))
      : address.open(head, listener);
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    if (this.#isClosed) {
      return this.#refuse(listener);
    }
    const address = this.#pick();
    return address === undefined
      ? this.#defer(listener, (client) => client.send(head, body, listener))
      : address.send(head, body, listener);
  }

  /** Takes no requests any more; settles when those under way have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#beginning; // Those that wait for their address are under way, too.
    await Promise.all([...this.#addresses, ...this.#leaving].map((address) => address.close()));
  }

  /** Cuts off what is under way; its listeners are told. */
  destroy(): void {
    this.#isClosed = true;
    const reason = clientDestroyed(this.#resolver.name);
    for (const exchange of this.#deferred) {
      exchange.cut(reason);
    }
    for (const address of [...this.#addresses, ...this.#leaving]) {
      address.destroy();
    }
  }

  /** @returns `undefined` when it is worth to wait for the addresses. */
  #pick(): BalancedAddress | undefined {
    this.#resolver.requested();
    this.#update();
    if (this.#addresses.length === 0) {
      return undefined;
    }
    const address = this.#balancer.pick(this.#addresses);
    // None of them works: perhaps the servers have moved.
    return address.isResting && this.#resolver.underWay !== undefined ? undefined : address;
  }

  #update(): void {
    const { targets } = this.#resolver;
    if (targets === this.#targets) {
      return;
    }
    const gone = new Map(this.#addresses.map((address) => [address.target.name, address]));
    this.#addresses = targets.map((target) => {
      const known = gone.get(target.name);
      gone.delete(target.name);
      return known ?? this.#createAddress(target);
    });
    this.#targets = targets;
    gone.forEach((address) => void this.#retire(address));
  }

  #createAddress(target: Target): BalancedAddress {
    return new BalancedAddress({
      target,
      createClient: this.#createClient,
      onFailure: () => this.#resolver.failed(),
    });
  }

  async #retire(address: BalancedAddress): Promise<void> {
    this.#leaving.add(address);
    await address.close();
    this.#leaving.delete(address);
  }

  #defer(listener: ClientExchangeListener, send: (client: HttpClient) => ClientExchange): ClientExchange {
    const exchange = new DeferredExchange(listener, send);
    this.#deferred.add(exchange);
    this.#beginning ??= this.#beginDeferred();
    return exchange;
  }

  async #beginDeferred(): Promise<void> {
    await this.#resolver.underWay;
    const exchanges = [...this.#deferred];
    this.#deferred.clear();
    this.#beginning = undefined;
    this.#update();
    for (const exchange of exchanges) {
      if (this.#addresses.length === 0) {
        exchange.cut(this.#resolver.failure ?? unavailable(`${this.#resolver.name} has no addresses`));
      } else {
        exchange.begin(this.#balancer.pick(this.#addresses));
      }
    }
  }

  #refuse(listener: ClientExchangeListener): ClientExchange {
    return new FailedExchange(listener, clientClosed(this.#resolver.name));
  }
}
