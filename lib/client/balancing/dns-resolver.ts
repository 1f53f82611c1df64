/**
 * The addresses behind a name, looked up as the system does it (`/etc/hosts` included), and again from time to time.
 *
 *   a request, and there are none, or they are older than reresolveMs ──► look up, in the background when there are some
 *   an address failed, and they are older than a second               ──► the same
 *
 * The system does not tell for how long a record is valid, so the interval is an option. It needs no timer: a client
 * that is idle asks nobody.
 */
import { lookup as lookUpAddresses } from 'node:dns/promises';
import { type ConnectError } from '../../rpc/connect-error.js';
import { unavailable } from '../connection/exchange-failure.js';
import { type Resolver } from './resolver.js';
import { type HostAddress, type Target } from './target.js';

/** All IP addresses of a name. May reject. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export interface DnsResolverInit {
  readonly name: string;
  /** With a host and a port. */
  readonly target: Target;
  readonly reresolveMs: number;
  /** Default: that of the system. */
  readonly lookup?: Lookup | undefined;
}

/** After a failed address; a name server is not asked more often. */
const MIN_AGE_MS = 1_000;
/** Clients that began together do not ask together. */
const JITTER = 0.2;

export class DnsResolver implements Resolver {
  readonly name: string;
  targets: readonly Target[] = [];
  failure: ConnectError | undefined;
  underWay: Promise<void> | undefined;
  readonly #target: Target;
  readonly #lookup: Lookup;
  readonly #reresolveMs: number;
  #lookedUpAt = -Infinity;
  #maxAgeMs = 0;

  constructor({ name, target, reresolveMs, lookup = lookupAll }: DnsResolverInit) {
    this.name = name;
    this.#target = target;
    this.#reresolveMs = reresolveMs;
    this.#lookup = lookup;
  }

  requested(): void {
    this.#lookUpAfter(this.targets.length === 0 ? 0 : this.#maxAgeMs);
  }

  failed(): void {
    this.#lookUpAfter(MIN_AGE_MS);
  }

  #lookUpAfter(ageMs: number): void {
    if (performance.now() - this.#lookedUpAt >= ageMs) {
      this.underWay ??= this.#lookUp();
    }
  }

  async #lookUp(): Promise<void> {
    try {
      this.targets = await this.#find();
      this.failure = undefined;
    } catch (cause) {
      // The addresses that were found before are better than none.
      this.failure = unavailable(`cannot resolve ${this.name}`, { cause, fate: 'unprocessed' });
    }
    this.#lookedUpAt = performance.now();
    this.#maxAgeMs = this.#reresolveMs * (1 + JITTER * (2 * Math.random() - 1));
    this.underWay = undefined;
  }

  async #find(): Promise<readonly Target[]> {
    const { host, port } = this.#target.address as HostAddress; // As the constructor wants it.
    const addresses = [...new Set(await this.#lookup(host))];
    if (addresses.length === 0) {
      throw new Error('the name has no addresses');
    }
    return shuffled(addresses).map((address) => ({
      ...this.#target,
      name: `${this.#target.name} (${address})`,
      address: { host: address, port },
    }));
  }
}

/** By the system's resolver; not c-ares, which knows neither its files nor its search domains. */
async function lookupAll(name: string): Promise<readonly string[]> {
  const found = await lookUpAddresses(name, { all: true });
  return found.map(({ address }) => address);
}

/** Not all clients begin with the same address. (Fisher and Yates) */
function shuffled(addresses: string[]): string[] {
  for (let last = addresses.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [addresses[last], addresses[other]] = [addresses[other] as string, addresses[last] as string];
  }
  return addresses;
}
