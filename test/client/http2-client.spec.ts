import { once } from 'node:events';
import {
  connect as connectHttp2,
  constants,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fateOf } from '../../lib/client/connection/exchange-failure.js';
import { Code, codeToName } from '../../lib/rpc/code.js';
import { type HttpClient } from '../../lib/wire/client-exchange.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { Peers, type ServeStream } from './peers.js';
import { post, RecordingCall } from './recording-listener.js';

const MIB = 1_048_576;

/** Frames in bytes: length, type, flags, stream; the GOAWAY is NO_ERROR after stream 0. */
const EMPTY_SETTINGS = Buffer.from('000000 04 00 00000000'.replaceAll(' ', ''), 'hex');
const GOAWAY = Buffer.from('000008 07 00 00000000 00000000 00000000'.replaceAll(' ', ''), 'hex');

/** The head of a response with status 200, and END_STREAM. (RFC 7541, appendix A: 8) */
const EMPTY_ANSWER = Buffer.from('000001 01 05 00000001 88'.replaceAll(' ', ''), 'hex');
const [DATA, HEADERS, RST_STREAM] = [0, 1, 3];
const PREFACE_BYTES = 24;

interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  /** In hex. */
  readonly payload: string;
}

/** The complete frames in what a client has sent on a connection. */
function framesIn(sent: Buffer): Http2Frame[] {
  const frames: Http2Frame[] = [];
  for (let at = PREFACE_BYTES; at + 9 <= sent.length;) {
    const end = at + 9 + sent.readUIntBE(at, 3);
    if (end <= sent.length) {
      const payload = sent.toString('hex', at + 9, end);
      frames.push({ type: sent.readUInt8(at + 3), flags: sent.readUInt8(at + 4), payload });
    }
    at = end;
  }
  return frames;
}

function headsIn(sent: Buffer): Http2Frame[] {
  return framesIn(sent).filter(({ type }) => type === HEADERS);
}

/** Breaks a stream off as a server does that has not ended its response: without END_STREAM. */
function resetStream(stream: ServerHttp2Stream, code: number): void {
  stream.end = () => stream;
  stream.close(code);
}

/** What a session of a client has; Node's types do not know it. */
interface CountingSession {
  request(...init: unknown[]): unknown;
  setNextStreamID(id: number): void;
}

/** Makes every session go on with the last id of a stream that there is. @returns Undoes it. */
function jumpToLastStream(): () => void {
  const session = connectHttp2('http://localhost', { createConnection: () => new Socket() });
  session.on('error', () => {}).destroy();
  const sessions = Object.getPrototypeOf(session) as CountingSession;
  // oxlint-disable-next-line unbound-method -- called with the session it belongs to
  const { request } = sessions;
  sessions.request = function (...init) {
    this.setNextStreamID(2 ** 31 - 1);
    return request.apply(this, init);
  };
  return () => {
    sessions.request = request;
  };
}

const answerHalf = (stream: ServerHttp2Stream): Promise<void> =>
  new Promise((resolve) => {
    stream.respond({ ':status': 200 });
    stream.write('half', () => resolve());
  });
const resets =
  (code: number): ServeStream =>
  (stream) =>
    resetStream(stream, code);

const respond: ServeStream = (stream) => stream.respond({ ':status': 200 });
const silent: ServeStream = () => {};

const resetsInTheMiddle =
  (code: number): ServeStream =>
  (stream) =>
    void answerHalf(stream).then(() => setImmediate(resetStream, stream, code));

/** A server that tells how its streams ended. */
async function serveWatched(peers: Peers, answer: ServeStream): Promise<{ url: string; ends: string[] }> {
  const ends: string[] = [];
  const url = await peers.http2((stream, headers) => {
    stream.on('end', () => ends.push('request complete'));
    stream.on('close', () => ends.push(`closed ${stream.rstCode}`));
    stream.resume();
    answer(stream, headers);
  });
  return { url, ends };
}

describe('Http2Client', () => {
  failOnUnhandled();
  let peers: Peers;

  beforeEach(() => {
    peers = new Peers();
  });

  afterEach(() => peers.close());

  it('ignores informational responses', async () => {
    const url = await peers.http2((stream) => {
      stream.additionalHeaders({ ':status': 103, 'x-early': '1' });
      stream.respond({ ':status': 200, 'x-late': '1' });
      stream.end('body');
    });
    const call = await RecordingCall.send(peers.http2Client(url), post('/')).over;
    expect(call).toMatchObject({ status: 200, text: 'body', events: ['headers', 'data', 'end'] });
    expect(call.header('x-early')).toBeUndefined();
  });

  it('tells headers and trailers of a response without a body', async () => {
    const url = await peers.http2((stream) =>
      stream.respond({ ':status': 404, 'x-a': '1' }, { endStream: true }),
    );
    const call = await RecordingCall.send(peers.http2Client(url), post('/')).over;
    expect(call).toMatchObject({ status: 404, events: ['headers', 'end'], trailerList: [] });
    expect(call.headerList.slice(0, 2)).toEqual(['x-a', '1']);
  });

  it('opens one connection, with the first request, and sends what was asked for before it stood', async () => {
    const url = await peers.http2((stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.end(headers[':path']);
    });
    const client = peers.http2Client(url);
    await new Promise(setImmediate);
    expect(peers.connections).toBe(0);
    const paths = Array.from({ length: 200 }, (_, i) => `/${i}`);
    const calls = await Promise.all(paths.map((path) => RecordingCall.send(client, post(path), 'x').over));
    expect(calls.map((call) => call.text)).toEqual(paths);
    expect(peers.connections).toBe(1);
  });

  it('waits when the server takes no more streams at a time', async () => {
    let [open, most] = [0, 0];
    const url = await peers.http2((stream) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        stream.respond({ ':status': 200 });
        stream.end('x');
      });
    });
    const client = peers.http2Client(url, { sessionsPerTarget: 1 });
    await RecordingCall.send(client, post('/')).over;
    peers.sessions[0]?.settings({ maxConcurrentStreams: 2 });
    await once(peers.sessions[0] as NodeJS.EventEmitter, 'localSettings');
    const calls = await Promise.all(
      Array.from({ length: 20 }, () => RecordingCall.send(client, post('/'), 'x').over),
    );
    expect(calls.map((call) => call.text)).toEqual(Array.from({ length: 20 }, () => 'x'));
    expect(most).toBe(2);
  });

  it('sends request bytes of one tick as one DATA frame, and the end with it', async () => {
    const chunks: string[] = [];
    const url = await peers.http2((stream) => {
      stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
      stream.on('end', () => stream.respond({ ':status': 200 }, { endStream: true }));
    });
    const client = peers.http2Client(url);
    await RecordingCall.send(client, post('/')).over;
    const call = RecordingCall.open(client, post('/'));
    call.exchange.write(Buffer.from('ab'));
    call.exchange.write(Buffer.from('cd'));
    await eventually(() => chunks.length > 0);
    call.exchange.write(Buffer.from('ef'));
    call.exchange.end();
    await call.over;
    expect(chunks).toEqual(['abcd', 'ef']);
  });

  describe('reports', () => {
    it.each<[string, ServeStream, Code, string, RegExp, 'unprocessed' | undefined]>([
      [
        'a refused stream',
        resets(constants.NGHTTP2_REFUSED_STREAM),
        Code.Unavailable,
        'abort',
        /REFUSED_STREAM/,
        'unprocessed',
      ],
      ['a canceled stream', resets(constants.NGHTTP2_CANCEL), Code.Canceled, 'abort', /CANCEL/, undefined],
      [
        'an internal error',
        resets(constants.NGHTTP2_INTERNAL_ERROR),
        Code.Internal,
        'abort',
        /INTERNAL_ERROR/,
        undefined,
      ],
      [
        'a plea for calm',
        resets(constants.NGHTTP2_ENHANCE_YOUR_CALM),
        Code.ResourceExhausted,
        'abort',
        /ENHANCE_YOUR_CALM/,
        undefined,
      ],
      [
        'NO_ERROR before the response',
        resets(constants.NGHTTP2_NO_ERROR),
        Code.Internal,
        'abort',
        /NO_ERROR/,
        undefined,
      ],
      [
        'a reset in the body',
        resetsInTheMiddle(constants.NGHTTP2_CANCEL),
        Code.Canceled,
        'headers data abort',
        /CANCEL/,
        undefined,
      ],
      [
        'NO_ERROR in the body',
        resetsInTheMiddle(constants.NGHTTP2_NO_ERROR),
        Code.Internal,
        'headers data abort',
        /NO_ERROR/,
        undefined,
      ],
      [
        'more headers than it takes',
        (stream) => {
          const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'v']));
          stream.respond({ ':status': 200, ...many });
          stream.end();
        },
        Code.ResourceExhausted,
        'abort',
        /ENHANCE_YOUR_CALM/,
        undefined,
      ],
      [
        'the connection lost before the response',
        () => peers.cutConnections(),
        Code.Unavailable,
        'abort',
        /^connection to http:\/\/127.* lost before the response: /,
        undefined,
      ],
      [
        'the connection lost in the middle of the response',
        (stream) => void answerHalf(stream).then(() => setImmediate(() => peers.cutConnections())),
        Code.Unavailable,
        'headers data abort',
        /lost in the middle of the response: /,
        undefined,
      ],
      [
        'GOAWAY with an error',
        (stream) => stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM),
        Code.Unavailable,
        'abort',
        /ended the connection: GOAWAY ENHANCE_YOUR_CALM/,
        undefined,
      ],
    ])('%s', async (_, serve, code, events, message, fate) => {
      const url = await peers.http2(serve);
      const call = await RecordingCall.send(peers.http2Client(url), post('/'), 'request').over;
      expect({ code: codeToName(call.reason?.code ?? Code.Unknown), events: call.events.join(' ') }).toEqual({
        code: codeToName(code),
        events,
      });
      expect(call.reason?.rawMessage).toMatch(message);
      expect(call.reason === undefined ? undefined : fateOf(call.reason)).toBe(fate);
    });
  });

  it('takes no larger headers than it has announced', async () => {
    const url = await peers.http2((stream, headers) => {
      const size = headers[':path'] === '/large' ? 40_000 : 1;
      stream.respond({ ':status': 200, 'x-a': 'a'.repeat(size), 'x-b': 'b'.repeat(size) });
      stream.end();
    });
    const client = peers.http2Client(url);
    expect((await RecordingCall.send(client, post('/small')).over).events).toEqual(['headers', 'end']);
    const large = await RecordingCall.send(client, post('/large')).over;
    expect(large.events).toEqual(['abort']);
    expect(large.reason?.code).toBe(Code.ResourceExhausted);
  });

  it.each([
    ['a graceful one', constants.NGHTTP2_NO_ERROR, /REFUSED_STREAM/],
    ['one with an error', constants.NGHTTP2_INTERNAL_ERROR, /GOAWAY INTERNAL_ERROR/],
  ])('knows by GOAWAY what the server has not begun: %s', async (_, code, message) => {
    const url = await peers.http2((stream, headers) => {
      if (headers[':path'] === '/first') {
        stream.respond({ ':status': 200 });
        stream.end();
      } else {
        stream.session?.goaway(code, 1);
      }
    });
    const client = peers.http2Client(url);
    expect((await RecordingCall.send(client, post('/first')).over).events).toEqual(['headers', 'end']);
    const { reason } = await RecordingCall.send(client, post('/second')).over;
    expect(reason?.code).toBe(Code.Unavailable);
    expect(reason?.rawMessage).toMatch(message);
    expect(reason === undefined ? undefined : fateOf(reason)).toBe('unprocessed');
  });

  it('finishes what runs after a GOAWAY, and opens another connection for what comes', async () => {
    const streams: ServerHttp2Stream[] = [];
    const url = await peers.http2((stream) => {
      streams.push(stream);
      stream.respond({ ':status': 200 });
      stream.write('a');
    });
    const client = peers.http2Client(url);
    const first = RecordingCall.send(client, post('/'));
    await eventually(() => first.text === 'a');
    peers.sessions[0]?.close();
    await eventually(() => peers.connections === 1 && first.text === 'a');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = RecordingCall.send(client, post('/'));
    await eventually(() => second.text === 'a');
    expect(peers.connections).toBe(2);
    streams.forEach((stream) => stream.end('b'));
    const calls = await Promise.all([first.over, second.over]);
    expect(calls.map((call) => call.text)).toEqual(['ab', 'ab']);
  });

  it.each<[string, () => void]>([
    ['has ended it', () => peers.sessions[0]?.close()],
    ['has crashed', () => peers.cutConnections()],
  ])('opens another connection after the server %s', async (_, end) => {
    const url = await peers.http2((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('x');
    });
    const client = peers.http2Client(url);
    await RecordingCall.send(client, post('/')).over;
    const closed = once(peers.sessions[0] as ServerHttp2Session, 'close');
    end();
    await closed;
    await eventually(() => peers.openConnections === 0);
    // The client hears of the end a little later than the server.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await RecordingCall.send(client, post('/')).over).text).toBe('x');
    expect(peers.connections).toBe(2);
  });

  it('opens another connection when the ids of streams are used up', async () => {
    const url = await peers.http2((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('x');
    });
    const client = peers.http2Client(url);
    await RecordingCall.send(client, post('/')).over;
    const restore = jumpToLastStream();
    const last = await RecordingCall.send(client, post('/')).over;
    restore();
    const { reason } = await RecordingCall.send(client, post('/')).over;
    expect(last.text).toBe('x');
    expect(reason?.rawMessage).toMatch(/^no more streams on the connection to http/);
    expect(reason === undefined ? undefined : fateOf(reason)).toBe('unprocessed');
    expect((await RecordingCall.send(client, post('/')).over).text).toBe('x');
    expect(peers.connections).toBe(2);
  });

  it('closes a connection that the server has ended and keeps open', async () => {
    const url = await peers.tcp((socket) => {
      socket.write(EMPTY_SETTINGS);
      socket.once('data', () => socket.write(GOAWAY));
    });
    const client = peers.http2Client(url);
    const { reason } = await RecordingCall.send(client, post('/'), 'x').over;
    expect(reason === undefined ? undefined : fateOf(reason)).toBe('unprocessed');
    await client.close();
  });

  it('says that a peer speaks something else: HTTP/1.1', async () => {
    const url = await peers.http1((_, response) => response.end('x'));
    const client = peers.http2Client(url);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { reason, events } = await RecordingCall.send(client, post('/'), 'x').over;
      expect(events).toEqual(['abort']);
      expect(reason?.code).toBe(Code.Unavailable);
      expect(reason?.rawMessage).toMatch(/^http:\/\/127.0.0.1:\d+ does not speak HTTP\/2: Protocol error$/);
    }
    expect(peers.connections).toBe(2);
  });

  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['garbage', (socket) => socket.write('hello, this is no frame at all\n'), /does not speak HTTP\/2/],
    ['the end', (socket) => socket.end(), /^cannot connect to http.*: the peer closed it$/],
    ['a reset', (socket) => socket.resetAndDestroy(), /127/],
  ])('survives a peer whose first word is %s', async (_, speak, message) => {
    const client = peers.http2Client(
      await peers.tcp((socket) => void socket.once('data', () => speak(socket))),
    );
    const { reason, events } = await RecordingCall.send(client, post('/'), 'x').over;
    expect(events).toEqual(['abort']);
    expect(reason?.code).toBe(Code.Unavailable);
    expect(reason?.rawMessage).toMatch(message);
  });

  describe('keeps a complete response', () => {
    it('that its caller has not read when the connection ends', async () => {
      const body = 'x'.repeat(50_000);
      const url = await peers.http2((stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-t': '1' }));
        stream.end(body);
      });
      const call = RecordingCall.send(peers.http2Client(url), post('/'));
      call.exchange.pause();
      await eventually(() => call.status === 200);
      await new Promise((resolve) => setTimeout(resolve, 50));
      peers.cutConnections();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(call.events).toEqual(['headers']);
      call.exchange.resume();
      await call.over;
      expect(call).toMatchObject({
        text: body,
        events: ['headers', 'data', 'end'],
        trailerList: ['x-t', '1'],
      });
    });

    it.each([
      ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
      ['an error', constants.NGHTTP2_INTERNAL_ERROR],
    ])('when a reset with %s ends the upload that nobody read', async (_, code) => {
      const url = await peers.http2((stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => {
          stream.sendTrailers({ 'x-t': '1' });
          setTimeout(() => stream.close(code), 20);
        });
        stream.end('answer');
      });
      const client = peers.http2Client(url);
      const call = RecordingCall.open(client, post('/'));
      call.exchange.write(new Uint8Array(MIB));
      await call.over;
      expect(call).toMatchObject({
        text: 'answer',
        events: ['headers', 'data', 'end'],
        trailerList: ['x-t', '1'],
      });
      await eventually(() => !call.exchange.write(Buffer.from('x')));
      await client.close();
    });
  });

  describe('reset()', () => {
    it.each<[string, ServeStream, (call: RecordingCall) => boolean]>([
      ['before the response', silent, () => peers.sessions.length > 0],
      ['in the middle of the response', respond, (call) => call.status === 200],
    ])('sends CANCEL %s', async (_, answer, isReady) => {
      const { url, ends } = await serveWatched(peers, answer);
      const call = RecordingCall.open(peers.http2Client(url), post('/'));
      call.exchange.write(Buffer.from('half'));
      await eventually(() => isReady(call) && peers.sessions.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const { length } = call.events;
      call.exchange.reset();
      call.exchange.reset();
      expect(call.exchange.write(Buffer.from('x'))).toBe(false);
      call.exchange.end();
      await eventually(() => ends.length > 0);
      expect(ends.at(-1)).toBe(`closed ${constants.NGHTTP2_CANCEL}`);
      expect(call.events).toHaveLength(length);
    });

    it('ends an upload for which the server never opens its window', async () => {
      const closes: number[] = [];
      const url = await peers.http2((stream) => {
        stream.on('close', () => closes.push(stream.rstCode));
      });
      const client = peers.http2Client(url);
      const call = RecordingCall.send(client, post('/'), new Uint8Array(8 * MIB));
      await eventually(() => peers.sessions.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
      call.exchange.reset();
      await eventually(() => closes.length > 0);
      expect(closes).toEqual([constants.NGHTTP2_CANCEL]);
      expect(call.events).toEqual([]);
      await client.close();
    });

    it('sends nothing when request and response are complete', async () => {
      const { url, ends } = await serveWatched(peers, (stream) => {
        stream.respond({ ':status': 200 });
        stream.end('x');
      });
      const call = RecordingCall.send(peers.http2Client(url), post('/'), 'x');
      await call.over;
      call.exchange.reset();
      await eventually(() => ends.length > 1);
      expect(ends).toEqual(['request complete', 'closed 0']);
    });

    it.each<[string, (client: HttpClient) => RecordingCall]>([
      ['not complete', (client) => RecordingCall.open(client, post('/'))],
      ['held back by its window', (client) => RecordingCall.send(client, post('/'), new Uint8Array(MIB))],
    ])('sends NO_ERROR when the response is complete, and the request %s', async (_, begin) => {
      let sent = Buffer.alloc(0);
      const url = await peers.tcp((socket) => {
        socket.write(EMPTY_SETTINGS);
        socket.on('data', (chunk: Buffer) => {
          const { length } = headsIn(sent);
          sent = Buffer.concat([sent, chunk]);
          if (headsIn(sent).length > length) {
            socket.write(EMPTY_ANSWER);
          }
        });
      });
      const call = await begin(peers.http2Client(url)).over;
      call.exchange.reset();
      await eventually(() => framesIn(sent).some(({ type }) => type === RST_STREAM));
      const ends = framesIn(sent).filter(
        ({ type, flags }) => type === RST_STREAM || (type === DATA && flags > 0),
      );
      expect(ends).toEqual([{ type: RST_STREAM, flags: 0, payload: '00000000' }]);
      expect(call.events).toEqual(['headers', 'end']);
    });

    it('before the connection stands sends nothing at all', async () => {
      const seen: string[] = [];
      const url = await peers.http2((stream, headers) => {
        seen.push(headers[':path'] ?? '');
        stream.respond({ ':status': 200 }, { endStream: true });
      });
      const client = peers.http2Client(url);
      const call = RecordingCall.send(client, post('/never'), 'x');
      call.exchange.reset();
      await RecordingCall.send(client, post('/sent'), 'x').over;
      expect(seen).toEqual(['/sent']);
      expect(call.events).toEqual([]);
    });
  });

  it('takes responses while more request bytes wait than Node has room for', async () => {
    const url = await peers.http2((stream, headers) => {
      if (headers[':path'] === '/answered') {
        stream.respond({ ':status': 200 });
        stream.end('x');
      }
    });
    const client = peers.http2Client(url);
    const waiting = RecordingCall.send(client, post('/waits'), new Uint8Array(32 * MIB));
    expect((await RecordingCall.send(client, post('/answered')).over).text).toBe('x');
    expect(waiting.events).toEqual([]);
  });

  it('sends larger headers than Node does by itself, and keeps the connection for other calls', async () => {
    const url = await peers.http2((stream) => {
      setTimeout(() => {
        if (!stream.destroyed) {
          stream.respond({ ':status': 200 });
          stream.end('x');
        }
      }, 50);
    });
    const client = peers.http2Client(url);
    const other = RecordingCall.send(client, post('/'));
    const large = await RecordingCall.send(
      client,
      post(
        '/',
        ['a', 'b', 'c'].flatMap((name) => [`x-${name}`, name.repeat(30_000)]),
      ),
    ).over;
    expect(large.text).toBe('x');
    expect((await other.over).text).toBe('x');
    expect(peers.connections).toBe(1);
  });

  it.each([
    ['that HTTP/2 forbids', ['connection', 'close']],
    ['twice that stand once', ['content-type', 'a', 'content-type', 'b']],
  ])('fails a request with headers %s, and no other', async (_, headers) => {
    const url = await peers.http2((stream) => stream.respond({ ':status': 200 }, { endStream: true }));
    const client = peers.http2Client(url);
    for (const call of [
      RecordingCall.send(client, post('/', headers), 'x'),
      RecordingCall.open(client, post('/', headers)),
    ]) {
      const { reason } = await call.over;
      expect(call.events).toEqual(['abort']);
      expect(reason?.rawMessage).toMatch(/^the request cannot be sent: /);
    }
    expect((await RecordingCall.send(client, post('/')).over).events).toEqual(['headers', 'end']);
  });
});
