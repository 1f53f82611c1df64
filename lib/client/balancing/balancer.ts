/**
 * Which of several addresses the next request goes to.
 *
 * Where all are resting, the one that has rested longest is taken: a request is never refused for what became of others.
 */
import { type BalancedAddress } from './balanced-address.js';

export interface Balancer {
  /** @param addresses At least one; another array when they have changed. */
  pick(addresses: readonly BalancedAddress[]): BalancedAddress;
}

/** Stays with the first that works until it fails, or is gone. */
export class PickFirst implements Balancer {
  #current: BalancedAddress | undefined;

  pick(addresses: readonly BalancedAddress[]): BalancedAddress {
    const last = this.#current === undefined ? -1 : addresses.indexOf(this.#current);
    const current = addresses[last];
    if (current !== undefined && !current.isResting) {
      return current;
    }
    this.#current = nextFrom(addresses, last + 1);
    return this.#current;
  }
}

/** Takes one after the other. */
export class RoundRobin implements Balancer {
  #next = 0;

  pick(addresses: readonly BalancedAddress[]): BalancedAddress {
    const address = nextFrom(addresses, this.#next);
    this.#next = addresses.indexOf(address) + 1;
    return address;
  }
}

/** The names are those of gRPC. */
export const BALANCERS = [
  { name: 'pick_first', Balancer: PickFirst },
  { name: 'round_robin', Balancer: RoundRobin },
] as const;

/** The first that does not rest, from that index on and round. */
function nextFrom(addresses: readonly BalancedAddress[], start: number): BalancedAddress {
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[(start + i) % addresses.length] as BalancedAddress; // There are so many.
    if (!address.isResting) {
      return address;
    }
  }
  return addresses.reduce((first, other) => (other.restsUntil < first.restsUntil ? other : first));
}
