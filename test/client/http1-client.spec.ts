import { type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fateOf, type RequestFate } from '../../lib/client/connection/exchange-failure.js';
import { Code, codeToName } from '../../lib/rpc/code.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { Closing, Peers } from './peers.js';
import { post, RecordingCall } from './recording-listener.js';

const HEAD = 'HTTP/1.1 200 OK\r\n';

const closes = (socket: Socket): void => void socket.end();
const resets = (socket: Socket): void => void socket.resetAndDestroy();
const says =
  (text: string, then: (socket: Socket) => void = () => {}) =>
  (socket: Socket): void =>
    void socket.write(text, 'latin1', () => setTimeout(then, 20, socket));

describe('Http1Client', () => {
  failOnUnhandled();
  let peers: Peers;

  beforeEach(() => {
    peers = new Peers();
  });

  afterEach(() => peers.close());

  /** A peer that answers the first bytes of every connection with these. */
  function answers(...texts: readonly string[]): Promise<string> {
    return peers.tcp((socket) => {
      socket.on('end', () => socket.end());
      socket.once('data', () => texts.forEach((text) => socket.write(text, 'latin1')));
    });
  }

  it.each<[string, string, Partial<RecordingCall>]>([
    [
      'informational responses before the response',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nx-early: 1\r\n\r\n${HEAD}X-Late: 1\r\nContent-Length: 1\r\n\r\nx`,
      { text: 'x', headerList: ['x-late', '1', 'content-length', '1'], trailerList: [] },
    ],
    [
      'names in any case, repeated, with trailers',
      `${HEAD}X-A: 1\r\nSet-Cookie: a\r\nx-a: 2\r\nset-cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-T: 1\r\nx-T: 2\r\n\r\n`,
      {
        text: 'x',
        headerList: [
          'x-a',
          '1',
          'set-cookie',
          'a',
          'x-a',
          '2',
          'set-cookie',
          'b',
          'transfer-encoding',
          'chunked',
        ],
        trailerList: ['x-t', '1', 'x-t', '2'],
      },
    ],
  ])('reads %s', async (_, text, expected) => {
    const call = await RecordingCall.send(peers.http1Client(await answers(text)), post('/')).over;
    expect(call).toMatchObject({ status: 200, events: ['headers', 'data', 'end'], ...expected });
  });

  it('reads a response that ends with its connection', async () => {
    const url = await peers.tcp((socket) => {
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'));
    });
    const call = await RecordingCall.send(peers.http1Client(url), post('/')).over;
    expect(call).toMatchObject({ text: 'all of it', events: ['headers', 'data', 'end'] });
  });

  it('sends chunks for what comes in pieces, the head first', async () => {
    let seen = '';
    const url = await peers.tcp((socket) => socket.on('data', (chunk: Buffer) => (seen += chunk.toString())));
    const call = RecordingCall.open(peers.http1Client(url), post('/path?q', ['x-a', '1']));
    await eventually(() => seen.endsWith('\r\n\r\n'));
    expect(seen).toMatch(/^POST \/path\?q HTTP\/1\.1\r\nhost: 127.0.0.1:\d+\r\nx-a: 1\r\n/);
    expect(seen.toLowerCase()).toContain('transfer-encoding: chunked\r\n');
    call.exchange.write(Buffer.from('ab'));
    call.exchange.end();
    await eventually(() => seen.endsWith('\r\n2\r\nab\r\n0\r\n\r\n'));
    call.exchange.reset();
  });

  describe('reports', () => {
    const half = `${HEAD}content-length: 10\r\n\r\nhalf`;

    it.each<[string, (socket: Socket) => void, Code, string, RegExp]>([
      [
        'the end of the connection before the response',
        closes,
        Code.Unavailable,
        'abort',
        /lost before the response: socket hang up/,
      ],
      [
        'a reset of the connection before the response',
        resets,
        Code.Unavailable,
        'abort',
        /lost before the response: read ECONNRESET/,
      ],
      [
        'the end in the middle of the head',
        says('HTTP/1.1 200 OK\r\nx-a', closes),
        Code.Unavailable,
        'abort',
        /127.0.0.1/,
      ],
      [
        'the end in the middle of the body',
        says(half, closes),
        Code.Unavailable,
        'headers data abort',
        /lost in the middle of the response: the peer closed it/,
      ],
      [
        'a reset in the middle of the body',
        says(half, resets),
        Code.Unavailable,
        'headers data abort',
        /lost in the middle of the response/,
      ],
      [
        'the end in the middle of a chunk',
        says(`${HEAD}transfer-encoding: chunked\r\n\r\nA\r\nhalf`, closes),
        Code.Unavailable,
        'headers data abort',
        /lost in the middle/,
      ],
      [
        'the end before the last chunk',
        says(`${HEAD}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`, closes),
        Code.Unavailable,
        'headers data abort',
        /lost in the middle/,
      ],
      [
        'garbage',
        says('220 mail.test ESMTP\r\n'),
        Code.Unavailable,
        'abort',
        /^http:\/\/127.0.0.1:\d+ does not speak HTTP\/1.1: Parse Error/,
      ],
      [
        'a chunk without a size',
        says(`${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`),
        Code.Internal,
        'headers abort',
        /broke HTTP\/1.1 in the middle of the response: Parse Error/,
      ],
      [
        'an upgrade that nobody asked for',
        says('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
        Code.Unavailable,
        'abort',
        /127.0.0.1/,
      ],
      [
        'endless headers',
        says(`${HEAD}${'x-a: b\r\n'.repeat(20_000)}`),
        Code.ResourceExhausted,
        'abort',
        /too large/,
      ],
    ])('%s', async (_, serve, code, events, message) => {
      const url = await peers.tcp((socket) => void socket.once('data', () => serve(socket)));
      const call = await RecordingCall.send(peers.http1Client(url), post('/'), 'request').over;
      expect({ code: codeToName(call.reason?.code ?? Code.Unknown), events: call.events.join(' ') }).toEqual({
        code: codeToName(code),
        events,
      });
      expect(call.reason?.rawMessage).toMatch(message);
      expect(call.reason === undefined ? undefined : fateOf(call.reason)).toBeUndefined();
    });

    it('a peer that speaks HTTP/2 only', async () => {
      const url = await peers.http2((stream) => stream.respond({ ':status': 200 }, { endStream: true }));
      const call = await RecordingCall.send(peers.http1Client(url), post('/'), 'x').over;
      expect(call.events).toEqual(['abort']);
      expect(call.reason?.code).toBe(Code.Unavailable);
      expect(call.reason?.rawMessage).toMatch(/127.0.0.1:\d+/);
    });

    it.each<[string, RequestFate | undefined, number]>([
      ['stale when the server closes a kept connection instead of an answer', 'stale', 2],
      ['nothing of its fate when the connection was new', undefined, 1],
    ])('%s', async (_, fate, calls) => {
      const url = await peers.tcp((socket) => {
        let requests = 0;
        socket.on('data', () => {
          if (++requests === calls) {
            socket.resetAndDestroy();
          } else {
            socket.write(`${HEAD}content-length: 1\r\n\r\nx`);
          }
        });
      });
      const client = peers.http1Client(url);
      let last: RecordingCall | undefined;
      for (let i = 0; i < calls; i++) {
        last = await RecordingCall.send(client, post('/'), 'x').over;
        await new Promise(setImmediate);
      }
      expect(peers.connections).toBe(1);
      expect(last?.reason?.code).toBe(Code.Unavailable);
      expect(last?.reason === undefined ? undefined : fateOf(last.reason)).toBe(fate);
    });

    it('a request that Node refuses to write', async () => {
      const client = peers.http1Client(await answers());
      for (const call of [
        RecordingCall.send(client, post('/a b'), 'x'),
        RecordingCall.open(client, post('/a b')),
      ]) {
        const { reason } = await call.over;
        expect(reason?.rawMessage).toMatch(/^the request cannot be sent: /);
      }
      await client.close();
      expect(peers.connections).toBe(0);
    });
  });

  it('keeps one connection for each call at a time, and uses it again', async () => {
    const waiting: ServerResponse[] = [];
    const url = await peers.http1((_, response) => void waiting.push(response));
    const client = peers.http1Client(url);
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 4 }, () => RecordingCall.send(client, post('/'), 'x'));
      await eventually(() => waiting.length === 4);
      waiting.splice(0).forEach((response) => response.end('x'));
      await Promise.all(calls.map((call) => call.over));
      await new Promise(setImmediate);
    }
    expect(peers.connections).toBe(4);
  });

  it('ends a connection that has been idle', async () => {
    const url = await peers.http1((_, response) => response.end('x'), { keepAliveTimeout: 60_000 });
    const client = peers.http1Client(url, { idleTimeoutMs: 100 });
    expect((await RecordingCall.send(client, post('/')).over).text).toBe('x');
    expect(peers.openConnections).toBe(1);
    await eventually(() => peers.openConnections === 0);
    expect((await RecordingCall.send(client, post('/')).over).text).toBe('x');
    expect(peers.connections).toBe(2);
  });

  it('ends a connection that grows old while no call is on it', async () => {
    const url = await peers.http1((_, response) => response.end('x'), { keepAliveTimeout: 60_000 });
    const client = peers.http1Client(url, { maxConnectionAgeMs: 500 });
    for (let connections = 1; connections <= 2; connections++) {
      for (let calls = 0; calls < 2; calls++) {
        expect((await RecordingCall.send(client, post('/')).over).text).toBe('x');
      }
      expect([peers.connections, peers.openConnections]).toEqual([connections, 1]);
      await eventually(() => peers.openConnections === 0);
    }
  });

  it('keeps no connection that is old, nor cuts one off that works longer than both times', async () => {
    const url = await peers.http1((_, response) => void setTimeout(() => response.end('x'), 200));
    const client = peers.http1Client(url, { maxConnectionAgeMs: 50, idleTimeoutMs: 100 });
    for (let connections = 1; connections <= 2; connections++) {
      const call = await RecordingCall.send(client, post('/')).over;
      expect([call.text, peers.connections]).toEqual(['x', connections]);
      await eventually(() => peers.openConnections === 0);
    }
  });

  it('delivers a complete response that its caller reads after the connection has ended', async () => {
    const url = await peers.tcp((socket) => {
      socket.once('data', () => socket.end(`${HEAD}content-length: 4\r\n\r\nbody`));
    });
    const client = peers.http1Client(url);
    const call = RecordingCall.send(client, post('/'));
    call.exchange.pause();
    await eventually(() => call.status === 200 && peers.openConnections === 0);
    expect(call.events).toEqual(['headers']);
    const closed = new Closing(client);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(closed.isDone).toBe(false);
    call.exchange.resume();
    await call.over;
    await closed.done;
    expect(call).toMatchObject({ text: 'body', events: ['headers', 'data', 'end'] });
  });

  it.each<[string, string, (call: RecordingCall) => boolean]>([
    ['before the response', '', () => true],
    [
      'in the middle of the response',
      `${HEAD}content-length: 10\r\n\r\nhalf`,
      (call) => call.text === 'half',
    ],
    ['after an early response', `${HEAD}content-length: 1\r\n\r\nx`, (call) => call.isOver],
  ])('reset() %s ends the connection', async (_, text, isReady) => {
    let isAsked = false;
    const url = await peers.tcp((socket) => {
      socket.on('end', () => socket.end());
      socket.once('data', () => {
        isAsked = true;
        socket.write(text);
      });
    });
    const call = RecordingCall.open(peers.http1Client(url), post('/'));
    call.exchange.write(Buffer.from('half'));
    await eventually(() => isAsked && isReady(call));
    const events = [...call.events];
    call.exchange.reset();
    await eventually(() => peers.openConnections === 0);
    expect(call.events).toEqual(events);
  });

  it('reset() before the connection stands sends nothing', async () => {
    let seen = '';
    const url = await peers.tcp((socket) => socket.on('data', (chunk: Buffer) => (seen += chunk.toString())));
    const client = peers.http1Client(url);
    const call = RecordingCall.send(client, post('/'), 'x');
    call.exchange.reset();
    await client.close();
    expect(call.events).toEqual([]);
    expect(seen).toBe('');
  });
});
