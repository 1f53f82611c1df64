import { describe, expect, it } from '@jest/globals';
import { type Peer } from '../rpc/server-call.js';
import { compileTrustedProxies, type TrustProxies } from './trusted-proxies.js';

const TLS = { authorized: false, protocol: 'TLSv1.3', serverName: undefined, certificate: undefined };

function peer(address: string): Peer {
  return { address, port: 4711, tls: TLS };
}

function clientOf(trust: TrustProxies, address: string, forwardedFor?: string): string | undefined {
  return compileTrustedProxies(trust)?.clientOf(peer(address), forwardedFor).address;
}

describe('compileTrustedProxies', () => {
  it.each([undefined, 0])('trusts nobody for %s', (option) => {
    expect(compileTrustedProxies(option)).toBeUndefined();
  });

  it.each<[TrustProxies, string, string | undefined, string]>([
    // By number: what proxies wrote, and not what a client claims.
    [1, '10.0.0.1', undefined, '10.0.0.1'],
    [1, '10.0.0.1', '203.0.113.7', '203.0.113.7'],
    [1, '10.0.0.1', '198.51.100.1, 203.0.113.7', '203.0.113.7'],
    [2, '10.0.0.1', '198.51.100.1, 203.0.113.7', '198.51.100.1'],
    [9, '10.0.0.1', '198.51.100.1, 203.0.113.7', '198.51.100.1'],
    [1, 'unix', '203.0.113.7', '203.0.113.7'],
    // By address.
    [['10.0.0.0/8'], '10.0.0.1', '203.0.113.7', '203.0.113.7'],
    [['10.0.0.0/8'], '192.0.2.1', '203.0.113.7', '192.0.2.1'],
    [['10.0.0.0/8'], '10.0.0.1', '198.51.100.1, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
    [['10.0.0.0/8'], '10.0.0.1', '10.0.0.3,10.0.0.2', '10.0.0.3'],
    [['10.0.0.1'], '10.0.0.2', '203.0.113.7', '10.0.0.2'],
    [['::1', '2001:db8::/32'], '::1', '2001:db8::5, 2001:db8::7', '2001:db8::5'],
    [['10.0.0.0/8'], '::ffff:10.0.0.1', '203.0.113.7', '203.0.113.7'],
    [['10.0.0.0/8'], '10.0.0.1', '::ffff:203.0.113.7', '203.0.113.7'],
    [[], '10.0.0.1', '203.0.113.7', '10.0.0.1'],
    [['10.0.0.0/8'], 'unix', '203.0.113.7', 'unix'],
    // What proxies write.
    [1, '10.0.0.1', '203.0.113.7:51000', '203.0.113.7'],
    [1, '10.0.0.1', '[2001:db8::5]:51000', '2001:db8::5'],
    [1, '10.0.0.1', '[2001:db8::5]', '2001:db8::5'],
    [1, '10.0.0.1', '  203.0.113.7  ', '203.0.113.7'],
    [2, '10.0.0.1', '203.0.113.7, unknown', '10.0.0.1'],
    [2, '10.0.0.1', '_hidden, 203.0.113.7', '203.0.113.7'],
    [2, '10.0.0.1', ',', '10.0.0.1'],
    [1, '10.0.0.1', '<script>', '10.0.0.1'],
  ])('with %j, %s forwards %j for %s', (trust, address, forwardedFor, client) => {
    expect(clientOf(trust, address, forwardedFor)).toBe(client);
  });

  it('keeps the port of a peer that speaks for itself, and the TLS of the connection always', () => {
    const proxies = compileTrustedProxies(1);
    const itself = peer('192.0.2.1');
    expect(proxies?.clientOf(itself, undefined)).toBe(itself);
    expect(proxies?.clientOf(itself, '203.0.113.7')).toEqual({
      address: '203.0.113.7',
      port: undefined,
      tls: TLS,
    });
  });

  it.each<[unknown, RegExp]>([
    [-1, /trustProxies is -1: expected how many/],
    [1.5, /trustProxies is 1.5/],
    [true, /trustProxies is boolean: expected how many proxies there are, or a list/],
    ['10.0.0.1', /trustProxies is string/],
    [['10.0.0.0/33'], /trustProxies has "10.0.0.0\/33": expected an address or a network/],
    [['10.0.0.0/x'], /"10.0.0.0\/x"/],
    [['10.0.0.0/8/8'], /"10.0.0.0\/8\/8"/],
    [['localhost'], /"localhost"/],
    [[''], /""/],
  ])('refuses %j', (option, message) => {
    expect(() => compileTrustedProxies(option as TrustProxies)).toThrow(message);
  });
});
