/**
 * Who the client is when proxies stand in front of the server: `x-forwarded-for`, as far as it was written by proxies that
 * the application trusts. Everything further away may have been made up by the client.
 */
import { BlockList, isIP } from 'node:net';
import { type Peer } from '../rpc/server-call.js';

/**
 * The proxies that are trusted: how many there are between the server and the client (`1` for one load balancer), or their
 * addresses and networks (`['10.0.0.0/8', '::1']`).
 */
export type TrustProxies = number | readonly string[];

/** {@link TrustProxies}, ready for calls. */
export interface TrustedProxies {
  /** @param forwardedFor The header `x-forwarded-for`. @returns The peer itself, or the client that it speaks for. */
  clientOf(peer: Peer, forwardedFor: string | undefined): Peer;
}

/** @throws TypeError or RangeError that names the option, its value and what is accepted. */
export function compileTrustedProxies(option: TrustProxies | undefined): TrustedProxies | undefined {
  if (option === undefined || option === 0) {
    return undefined;
  }
  const isTrusted = typeof option === 'number' ? byDistance(option) : byAddress(option);
  return Object.freeze({
    clientOf(peer: Peer, forwardedFor: string | undefined): Peer {
      const client = findClient(peer.address, forwardedFor, isTrusted);
      // The port is the proxy's, and so is the TLS connection.
      return client === peer.address ? peer : { address: client, port: undefined, tls: peer.tls };
    },
  });
}

/** @param distance How many trusted proxies are between the server and this one. */
type Trust = (address: string, distance: number) => boolean;

function byDistance(count: number): Trust {
  if (!Number.isInteger(count) || count < 0) {
    throw new RangeError(`trustProxies is ${count}: expected how many proxies there are, or their addresses`);
  }
  return (_address, distance) => distance < count;
}

function byAddress(networks: readonly string[]): Trust {
  if (!Array.isArray(networks)) {
    throw new TypeError(
      `trustProxies is ${typeof networks}: expected how many proxies there are, or a list of addresses and networks`,
    );
  }
  const trusted = new BlockList();
  for (const network of networks as readonly string[]) {
    addNetwork(trusted, network);
  }
  return (address) => {
    const plain = unmapped(address);
    return isIP(plain) !== 0 && trusted.check(plain, familyOf(plain));
  };
}

function addNetwork(list: BlockList, network: string): void {
  const [address = '', prefix, ...rest] = network.split('/');
  const family = familyOf(address);
  const maxPrefix = family === 'ipv4' ? 32 : 128;
  const bits = prefix === undefined ? maxPrefix : Number(prefix);
  const isPrefix = prefix === undefined || /^\d+$/.test(prefix);
  if (isIP(address) === 0 || rest.length > 0 || !isPrefix || bits > maxPrefix) {
    throw new TypeError(`trustProxies has "${network}": expected an address or a network like "10.0.0.0/8"`);
  }
  list.addSubnet(address, bits, family);
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** Each proxy writes behind the others whom it was called by: the last entry is the nearest. */
function findClient(peerAddress: string, forwardedFor: string | undefined, isTrusted: Trust): string {
  const hops = forwardedFor?.split(',') ?? [];
  let client = peerAddress;
  for (let distance = 0; distance < hops.length && isTrusted(client, distance); distance++) {
    const address = addressOf(hops[hops.length - 1 - distance] ?? '');
    if (address === undefined) {
      // "unknown", an obfuscated name, garbage: nobody further away can be believed.
      break;
    }
    client = address;
  }
  return client;
}

/** Some proxies write the port as well. */
function addressOf(hop: string): string | undefined {
  const text = hop.trim();
  const bare =
    /^\[(?<v6>[^\]]+)\](?::\d+)?$/.exec(text)?.groups?.['v6'] ?? text.replace(/^([\d.]+):\d+$/, '$1');
  return isIP(bare) === 0 ? undefined : unmapped(bare);
}

/** An IPv4 client of a socket that listens on IPv6, too. */
function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
