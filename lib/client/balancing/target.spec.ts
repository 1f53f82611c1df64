import { describe, expect, it } from '@jest/globals';
import { parseTarget } from './target.js';

describe('parseTarget', () => {
  it.each([
    ['http://localhost:8080', 'localhost:8080', { host: 'localhost', port: 8080 }, ''],
    ['http://localhost', 'localhost', { host: 'localhost', port: 80 }, ''],
    ['https://Example.COM/', 'example.com', { host: 'example.com', port: 443 }, ''],
    ['https://example.com:443/api/', 'example.com', { host: 'example.com', port: 443 }, '/api'],
    ['http://example.com:1/a/b%20c', 'example.com:1', { host: 'example.com', port: 1 }, '/a/b%20c'],
    ['http://127.0.0.1:1//', '127.0.0.1:1', { host: '127.0.0.1', port: 1 }, ''],
    ['http://[::1]:5', '[::1]:5', { host: '::1', port: 5 }, ''],
    ['unix:/run/a.sock', 'localhost', { path: '/run/a.sock' }, ''],
    ['unix:///run/a.sock', 'localhost', { path: '/run/a.sock' }, ''],
  ])('reads %s', (url, authority, address, pathPrefix) => {
    expect(parseTarget(url)).toMatchObject({
      authority,
      address,
      pathPrefix,
      isSecure: url.startsWith('https'),
    });
  });

  it.each([
    ['http://a.test:80/x', 'http://a.test'],
    ['https://a.test:8443', 'https://a.test:8443'],
    ['unix:///a', 'unix:/a'],
  ])('names %s as %s in messages', (url, name) => {
    expect(parseTarget(url).name).toBe(name);
  });

  it.each([
    '',
    'localhost:8080',
    'localhost',
    '/path',
    'http:/localhost',
    'http://',
    'ftp://localhost',
    'ws://localhost',
    'http://localhost:99999',
    'http://localhost?a=1',
    'http://localhost/#a',
    'unix:',
    'unix:/',
    'unix:relative.sock',
    'unix://host/path',
    'unix:////a',
  ])('refuses %j, and names it and what is accepted', (url) => {
    expect(() => parseTarget(url)).toThrow(TypeError);
    expect(() => parseTarget(url)).toThrow(`"${url}"`);
    expect(() => parseTarget(url)).toThrow('expected "http://host:port/prefix"');
  });

  it('refuses what is no text', () => {
    expect(() => parseTarget(undefined as unknown as string)).toThrow(TypeError);
  });

  it('refuses a password without repeating it', () => {
    expect(() => parseTarget('http://me:secret@localhost')).toThrow(/authorization header/);
    expect(() => parseTarget('http://me:secret@localhost')).not.toThrow(/secret/);
  });
});
