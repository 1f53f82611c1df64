import { describe, expect, it } from '@jest/globals';
import { parseDestination } from './destination.js';

const CLEAR = { isSecure: false };
const SECURE = { isSecure: true };

describe('parseDestination', () => {
  it.each(['http://localhost:8080/api', 'https://localhost', 'unix:/run/a.sock'])(
    'takes %s as one server, whatever isSecure says',
    (url) => {
      expect(parseDestination(url, SECURE)).toEqual(parseDestination(url, CLEAR));
      expect(parseDestination(url, CLEAR)).toMatchObject({
        kind: 'server',
        targets: [{ isSecure: url.startsWith('https') }],
      });
    },
  );

  it.each([
    ['dns:///eliza:8080', CLEAR, 'eliza:8080', { host: 'eliza', port: 8080 }],
    ['dns:///eliza', CLEAR, 'eliza', { host: 'eliza', port: 80 }],
    ['dns:///eliza', SECURE, 'eliza', { host: 'eliza', port: 443 }],
    ['dns:///Eliza.Test:443/', SECURE, 'eliza.test', { host: 'eliza.test', port: 443 }],
    ['dns:///[::1]:5', CLEAR, '[::1]:5', { host: '::1', port: 5 }],
  ])('reads %s with %j', (url, { isSecure }, authority, address) => {
    expect(parseDestination(url, { isSecure })).toMatchObject({
      kind: 'name',
      name: url,
      targets: [{ authority, isSecure, address, serverName: address.host === '::1' ? '' : address.host }],
    });
  });

  it.each([
    [CLEAR, 'http://a:1', 80],
    [SECURE, 'https://a:1', 443],
  ])('reads a list with %j', ({ isSecure }, name, port) => {
    expect(parseDestination('static:///a:1,127.0.0.1,a:1', { isSecure })).toMatchObject({
      kind: 'servers',
      name: 'static:///a:1,127.0.0.1,a:1',
      targets: [
        { name, isSecure, serverName: 'a', authority: 'a:1', address: { host: 'a', port: 1 } },
        { isSecure, serverName: '', authority: '127.0.0.1', address: { host: '127.0.0.1', port } },
      ],
    });
  });

  it('takes sockets into a list', () => {
    expect(parseDestination('static:///unix:/run/a.sock,b:2', CLEAR)).toMatchObject({
      targets: [{ address: { path: '/run/a.sock' } }, { address: { host: 'b', port: 2 } }],
    });
  });

  it.each([
    'dns:eliza:8080',
    'dns://8.8.8.8/eliza',
    'static://a:1',
    'dns:///eliza/api',
    'dns:///',
    'dns:///eliza?a=1',
    'static:///',
    'static:///a:1,',
    'static:///a:1,b/api',
    'static:///a:1,unix:relative',
    'static:///a:1,https://b',
    'static:///a:b',
    'localhost:8080',
  ])('refuses %j, and says what is accepted', (url) => {
    expect(() => parseDestination(url, CLEAR)).toThrow(TypeError);
    expect(() => parseDestination(url, CLEAR)).toThrow(
      '"dns:///name:port" or "static:///host:port,host:port"',
    );
  });

  it('refuses what is no text', () => {
    expect(() => parseDestination(undefined as unknown as string, CLEAR)).toThrow(TypeError);
  });
});
