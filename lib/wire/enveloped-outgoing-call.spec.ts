/**
 * What all calls in envelopes share on the client, on a protocol that can be read at a glance: every head is good unless
 * its status is 500, the ending is an envelope with flag 0x40 and a word, or else the HTTP trailer "end" with a word.
 * The word is "OK", or the name of a code.
 */
import { describe, expect, it, jest } from '@jest/globals';
import { testClientMethod } from '../../test/support/client-call.js';
import { byteByByte, frame, framesIn, gunzipped, gzipped, proto } from '../../test/support/frames.js';
import { type MemoryClientExchange, MemoryHttpClient } from '../../test/support/memory-http-client.js';
import { readAll } from '../../test/support/serve.js';
import { METHOD_KINDS, METHOD_OF_KIND, textMessage, textOf } from '../../test/support/test-service.js';
import { gzip } from '../compression/zlib.js';
import { type CallStart } from '../rpc/client-call.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../rpc/headers.js';
import { type MethodKind } from '../rpc/method-spec.js';
import { type RequestHead } from './client-exchange.js';
import { type ClientWireOptions } from './client-protocol.js';
import { EnvelopedOutgoingCall } from './enveloped-outgoing-call.js';
import { MessageFormat } from './message-format.js';
import { type Outcome } from './outgoing-call.js';

const END = 0x40;

class PlainCall extends EnvelopedOutgoingCall {
  protected requestHead(): RequestHead {
    return { method: 'POST', target: this.method.path, headers: [] };
  }

  protected readHead(status: number, headers: HeaderList): void {
    if (status === 500) {
      throw new ConnectError('not this protocol', { code: Code.DataLoss });
    }
    this.responseCompression = headers.includes('gzip') ? gzip : undefined;
  }

  protected readEnding(flags: number, payload: Uint8Array): Outcome | undefined {
    return flags === END ? outcomeOf(Buffer.from(payload).toString()) : undefined;
  }

  protected outcomeOf(trailers: HeaderList): Outcome {
    return outcomeOf(trailers[1] ?? 'DataLoss');
  }
}

function outcomeOf(word: string): Outcome {
  const code = Code[word as keyof typeof Code] as Code | undefined;
  return {
    error: code === undefined ? undefined : new ConnectError(word, { code }),
    trailers: new RpcHeaders({ end: word }),
  };
}

interface Setup extends Partial<CallStart> {
  readonly options?: Partial<ClientWireOptions>;
  /** Ask for every reply. Default: true. */
  readonly reads?: boolean;
}

function open(kind: MethodKind, { options, reads = true, ...start }: Setup = {}) {
  const http = new MemoryHttpClient();
  const method = testClientMethod(METHOD_OF_KIND[kind], options);
  const told: unknown[] = [];
  const call = new PlainCall(
    http,
    { method, format: MessageFormat.ofClient(method) },
    {
      headers: undefined,
      timeoutMs: undefined,
      signal: undefined,
      onHeaders: undefined,
      onTrailers: undefined,
      ...start,
    },
    method.spec.streamsResponses
      ? undefined
      : {
          succeed: (message) => told.push(textOf(message), 'complete'),
          fail: (error) => told.push(error),
        },
  ).open();
  if (method.spec.streamsResponses && reads) {
    readAll(call.replies, ({ texts, end }) => told.push(...texts, end));
  }
  return { http, call, told };
}

/** A call that has sent a message, and what its server does with it. */
function send(kind: MethodKind, setup: Setup = {}) {
  const begun = open(kind, setup);
  if (begun.call.spec.streamsRequests) {
    begun.call.write(begun.call.encode(textMessage('hi')));
  } else {
    begun.call.send(textMessage('hi'));
  }
  return { ...begun, exchange: begun.http.request };
}

/** What the caller was told of a whole response. */
function toldBy(
  kind: MethodKind,
  chunks: readonly Uint8Array[],
  { trailers = [], head = [], ...setup }: Setup & { trailers?: HeaderList; head?: HeaderList } = {},
): unknown[] {
  const { exchange, told } = send(kind, setup);
  exchange
    .headers(200, head)
    .data(...chunks)
    .finish(trailers);
  return told;
}

const errorWith = (code: Code): unknown => expect.objectContaining({ code, fromWire: true });
const message = (text: string): Buffer => frame(0, proto(text));
const ending = (word: string): Buffer => frame(END, word);
const gone = new ConnectError('connection lost', { code: Code.Unavailable });
const SINGLES = ['unary', 'client_streaming'] as const;
const STREAMS = ['server_streaming', 'bidi_streaming'] as const;

describe('EnvelopedOutgoingCall: the request', () => {
  it.each(['unary', 'server_streaming'] as const)('of %s leaves in one step, with its message', (kind) => {
    const { http, call } = open(kind);
    expect(http.requests).toEqual([]);
    call.send(textMessage('hi'));
    expect([http.request.isOneStep, http.request.body]).toEqual([true, message('hi')]);
  });

  it.each(['client_streaming', 'bidi_streaming'] as const)(
    'of %s leaves at once, without messages',
    (kind) => {
      const { http, call } = open(kind);
      expect([http.request.chunks, http.request.isRequestComplete]).toEqual([[], false]);
      call.write(call.encode(textMessage('a')));
      call.write(call.encode(textMessage('b')));
      call.complete();
      expect([http.request.body, http.request.isRequestComplete]).toEqual([
        Buffer.concat([message('a'), message('b')]),
        true,
      ]);
    },
  );

  it.each(METHOD_KINDS)('of %s compresses messages from the minimum on', (kind) => {
    const { exchange } = send(kind, { options: { requestCompression: gzip, compressMinBytes: 4 } });
    const [[flags, payload] = [-1, '']] = framesIn(exchange.body);
    expect([flags, gunzipped(payload)]).toEqual([1, proto('hi')]);
    const plain = send(kind, { options: { requestCompression: gzip, compressMinBytes: 5 } });
    expect(plain.exchange.body).toEqual(message('hi'));
  });

  it.each(['unary', 'server_streaming'] as const)('of %s that does not encode is not sent', (kind) => {
    const { http, call, told } = open(kind, { options: { sendLimitBytes: 3 } });
    call.send(textMessage('hi'));
    expect([http.requests, told]).toEqual([[], [errorWith(Code.ResourceExhausted)]]);
  });

  it.each(METHOD_KINDS)('of a %s call that is over before it begins is not sent', (kind) => {
    const { http, call, told } = open(kind, { signal: AbortSignal.abort() });
    call.send(textMessage('hi'));
    call.write(message('hi'));
    call.complete();
    expect([http.requests, told]).toEqual([[], [errorWith(Code.Canceled)]]);
  });
});

describe('EnvelopedOutgoingCall: the response', () => {
  it.each(METHOD_KINDS)('of %s is read however it is cut', (kind) => {
    const bytes = Buffer.concat([message('yes'), ending('OK')]);
    for (const chunks of [[bytes], byteByByte(bytes), [message('yes'), ending('OK')]]) {
      expect(toldBy(kind, chunks)).toEqual(['yes', 'complete']);
    }
  });

  it.each(METHOD_KINDS)('of %s may end in HTTP trailers', (kind) => {
    expect(toldBy(kind, [message('yes')], { trailers: ['end', 'OK'] })).toEqual(['yes', 'complete']);
  });

  it.each(SINGLES)('of %s is told when the call has ended well, not before', (kind) => {
    const { exchange, told } = send(kind);
    exchange.headers(200, []).data(message('yes'), ending('OK'));
    expect(told).toEqual([]);
    exchange.finish();
    expect(told).toEqual(['yes', 'complete']);
  });

  it.each(METHOD_KINDS)('of %s has compressed messages and a compressed ending', (kind) => {
    const chunks = [frame(1, gzipped(proto('yes'))), frame(END + 1, gzipped(Buffer.from('OK')))];
    expect(toldBy(kind, chunks, { head: ['gzip', ''] })).toEqual(['yes', 'complete']);
  });

  it.each<[string, Buffer, Code]>([
    ['a compressed message whose compression was not declared', frame(1, gzipped(proto('x'))), Code.Internal],
    ['flags that are not known', frame(4, ''), Code.Internal],
    ['a message that is none', frame(0, Buffer.from([0xff])), Code.Internal],
    ['a message over the limit', Buffer.from([0, 0, 0, 4, 0]), Code.ResourceExhausted],
    ['an ending over the limit', Buffer.from([END, 0, 0, 4, 0]), Code.ResourceExhausted],
  ])('with %s fails, and is not waited for', (_, bytes, code) => {
    for (const kind of METHOD_KINDS) {
      const { exchange, told } = send(kind);
      exchange.headers(200, []).data(bytes);
      expect([told, exchange.isReset]).toEqual([[errorWith(code)], true]);
    }
  });

  it.each(METHOD_KINDS)('of %s whose head is refused fails, and is not waited for', (kind) => {
    const { exchange, told } = send(kind);
    exchange.headers(500, []);
    expect([told, exchange.isReset]).toEqual([[errorWith(Code.DataLoss)], true]);
  });
});

describe('EnvelopedOutgoingCall: the outcome', () => {
  it.each(METHOD_KINDS)('of %s is the error that the ending tells, after what came', (kind) => {
    const came = kind === 'unary' || kind === 'client_streaming' ? [] : ['yes'];
    expect(toldBy(kind, [message('yes'), ending('Aborted')])).toEqual([...came, errorWith(Code.Aborted)]);
    expect(toldBy(kind, [message('yes')], { trailers: ['end', 'Aborted'] })).toEqual([
      ...came,
      errorWith(Code.Aborted),
    ]);
  });

  it.each(SINGLES)(
    'of %s without a message, or with two, is unimplemented unless the server says more',
    (kind) => {
      for (const messages of [[], [message('a'), message('b')]]) {
        expect(toldBy(kind, [...messages, ending('OK')])).toEqual([errorWith(Code.Unimplemented)]);
        expect(toldBy(kind, [...messages, ending('Aborted')])).toEqual([errorWith(Code.Aborted)]);
      }
    },
  );

  it.each([
    ['in a prefix', 3],
    ['in a message', 7],
  ])('of a response cut %s is internal, unless its trailers tell an error', (_, length) => {
    const cut = Buffer.concat([message('a'), message('bc').subarray(0, length)]);
    for (const kind of METHOD_KINDS) {
      expect(toldBy(kind, [cut], { trailers: ['end', 'OK'] }).at(-1)).toEqual(errorWith(Code.Internal));
      expect(toldBy(kind, [cut], { trailers: ['end', 'Aborted'] }).at(-1)).toEqual(errorWith(Code.Aborted));
    }
  });

  it.each<[string, Buffer]>([
    ['a message', message('late')],
    ['another ending', ending('OK')],
    ['half a prefix', Buffer.alloc(2)],
  ])('of a response that goes on with %s is internal, unless its ending told an error', (_, bytes) => {
    for (const kind of METHOD_KINDS) {
      expect(toldBy(kind, [message('a'), ending('OK'), bytes]).at(-1)).toEqual(errorWith(Code.Internal));
      expect(toldBy(kind, [message('a'), ending('Aborted'), bytes]).at(-1)).toEqual(errorWith(Code.Aborted));
    }
  });

  it.each(METHOD_KINDS)('of %s without an ending is for the protocol to say', (kind) => {
    expect(toldBy(kind, []).at(-1)).toEqual(errorWith(Code.DataLoss));
    expect(toldBy(kind, [message('a')]).at(-1)).toEqual(errorWith(Code.DataLoss));
  });

  it.each(METHOD_KINDS)('of %s comes with its trailers, before the caller is told of the end', (kind) => {
    for (const word of ['OK', 'Aborted']) {
      const seen: string[] = [];
      const { exchange, told } = send(kind, {
        onTrailers: (trailers) => seen.push(`${trailers.get('end')} after ${told.length}`),
      });
      exchange.headers(200, []).data(message('yes'), ending(word)).finish();
      expect(seen).toEqual([`${word} after 0`]);
      expect(told).not.toEqual([]);
    }
  });

  it.each(METHOD_KINDS)('of %s is that of the transport when it breaks before the ending', (kind) => {
    const { exchange, told } = send(kind);
    exchange.headers(200, []).data(message('yes')).abort(gone);
    expect(told.at(-1)).toEqual(errorWith(Code.Unavailable));
  });

  it.each(STREAMS)('of %s stands when the ending came before the transport broke', (kind) => {
    const { exchange, told } = send(kind);
    exchange.headers(200, []).data(message('yes'), ending('OK')).abort(gone);
    expect(told).toEqual(['yes', 'complete']);
  });

  it.each(METHOD_KINDS)('of %s is told once', (kind) => {
    const { exchange, told, call } = send(kind);
    exchange.headers(200, []).data(message('yes'), ending('OK')).finish();
    const before = [...told];
    call.cancel(gone);
    call.onAbort(gone);
    call.onEnd([]);
    expect(told).toEqual(before);
  });
});

function read(exchange: MemoryClientExchange, { call }: ReturnType<typeof open>) {
  const told: unknown[] = [];
  call.replies.start({
    next: (reply) => told.push(textOf(reply)),
    complete: () => told.push('complete'),
    error: (error) => told.push(error),
  });
  return { told, exchange };
}

describe('EnvelopedOutgoingCall: a stream of replies', () => {
  it.each(STREAMS)('of %s is decoded when it is asked for, and holds the server back otherwise', (kind) => {
    const begun = send(kind, { reads: false });
    const { told, exchange } = read(begun.exchange, begun);
    exchange.headers(200, []).data(message('a'), message('b'));
    expect([told, exchange.isPaused]).toEqual([[], true]);
    begun.call.replies.pull();
    expect([told, exchange.isPaused]).toEqual([['a'], true]);
    begun.call.replies.pull();
    begun.call.replies.pull();
    expect([told, exchange.isPaused]).toEqual([['a', 'b'], false]);
  });

  it.each(STREAMS)('of %s ends for who asks for one more', (kind) => {
    const begun = send(kind, { reads: false });
    const { told, exchange } = read(begun.exchange, begun);
    exchange.headers(200, []).data(message('a'), ending('OK')).finish();
    begun.call.replies.pull();
    expect(told).toEqual(['a']);
    begun.call.replies.pull();
    expect(told).toEqual(['a', 'complete']);
  });

  it.each(STREAMS)('of %s that nobody wants any more resets the exchange', (kind) => {
    const { call, exchange } = send(kind);
    const stopped = jest.fn();
    call.onCancel(stopped);
    exchange.headers(200, []).data(message('a'));
    call.replies.cancel();
    expect([exchange.isReset, stopped.mock.calls.length]).toEqual([true, 1]);
  });

  it.each(STREAMS)('of %s breaks at once when the call is canceled, asked or not', (kind) => {
    const begun = send(kind, { reads: false });
    const { told } = read(begun.exchange, begun);
    begun.exchange.headers(200, []).data(message('a'));
    begun.call.cancel(gone);
    expect(told).toEqual([errorWith(Code.Unavailable)]);
  });

  it('tells a consumer that comes after the end why there is nothing', () => {
    const begun = open('server_streaming', { reads: false, timeoutMs: 0 });
    const told: unknown[] = [];
    begun.call.replies.start({
      next: (reply) => told.push(reply),
      complete: () => told.push('complete'),
      error: (error) => told.push(error),
    });
    expect(told).toEqual([errorWith(Code.DeadlineExceeded)]);
  });

  it('ends its requests with the response, though nobody has read that yet', () => {
    const { call, exchange } = send('bidi_streaming', { reads: false });
    const stopped = jest.fn();
    call.onCancel(stopped);
    exchange.headers(200, []).data(message('a'), ending('OK')).finish();
    call.write(message('late'));
    expect([stopped.mock.calls.length, exchange.body]).toEqual([1, message('hi')]);
  });

  it.each(SINGLES)('is not what %s has', (kind) => {
    expect(() => open(kind).call.replies).toThrow(TypeError);
  });
});
