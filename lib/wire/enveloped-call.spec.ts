/**
 * What all calls in envelopes share, on a protocol whose responses can be read at a glance: the head is
 * status 200, the ending is an envelope with flag 0x40 and the outcome.
 */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { frame, framesIn, gunzipped, gzipped, proto } from '../../test/support/frames.js';
import { MemoryExchange } from '../../test/support/memory-exchange.js';
import {
  createTestRoute,
  echo,
  readAll,
  type SeenRequests,
  silent,
  type TestRouteOptions,
} from '../../test/support/serve.js';
import { METHOD_KINDS, textMessage } from '../../test/support/test-service.js';
import { protoCodec } from '../codec/proto-codec.js';
import { type Compression } from '../compression/compression.js';
import { gzip } from '../compression/zlib.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type EncodedMessage, type RequestSource } from '../rpc/message-flow.js';
import { type RouteHandler, type SingleReplyCall, type StreamReplyCall } from '../rpc/server-call.js';
import { TICK_MS, timerWheel } from '../rpc/timer-wheel.js';
import { EnvelopedCall, type EnvelopedRequest } from './enveloped-call.js';
import { encodeEnvelope } from './envelope.js';
import { MessageFormat } from './message-format.js';
import { type Route } from './route.js';

const END = 0x40;

class PlainCall extends EnvelopedCall {
  readonly protocol = 'plain';

  constructor(
    exchange: MemoryExchange,
    route: Route,
    private readonly request: Partial<EnvelopedRequest> | ConnectError,
  ) {
    super(exchange, route, MessageFormat.ofServer(route, protoCodec, Code.Internal));
  }

  protected readRequest(): EnvelopedRequest {
    if (this.request instanceof ConnectError) {
      throw this.request;
    }
    return {
      timeoutMs: undefined,
      requestCompression: undefined,
      responseCompression: undefined,
      ...this.request,
    };
  }

  protected sendHead(): void {
    this.exchange.respond(200, []);
  }

  protected sendEnd(error: ConnectError | undefined): void {
    this.exchange.end(endOf(error));
  }

  protected sendWhole(message: EncodedMessage | undefined, error: ConnectError | undefined): void {
    this.exchange.respondAndEnd(200, [], Buffer.concat([message ?? Buffer.alloc(0), endOf(error)]));
  }
}

function endOf(error: ConnectError | undefined): Uint8Array {
  return encodeEnvelope(END, Buffer.from(error === undefined ? 'OK' : Code[error.code]));
}

interface Setup extends TestRouteOptions {
  readonly request?: Partial<EnvelopedRequest> | ConnectError;
}

function begin(handler: RouteHandler, { request = {}, ...options }: Setup = {}) {
  const route = createTestRoute(handler, options);
  const exchange = new MemoryExchange();
  const call = new PlainCall(exchange, route, request);
  call.begin();
  return { exchange, call, route };
}

const text = (value: string): [number, string] => [0, proto(value).toString('latin1')];
const ending = (word: string): [number, string] => [END, word];
const gone = new ConnectError('gone', { code: Code.Canceled });

describe('EnvelopedCall: one request message (gRPC over HTTP/2, "Requests")', () => {
  const kinds = ['unary', 'server_streaming'] as const;

  it.each(kinds)('runs a %s handler when the request is complete, not before', async (kind) => {
    const { exchange } = begin(echo(kind));
    exchange.data(frame(0, proto('hi')));
    expect(exchange.status).toBeUndefined();
    exchange.finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([text('hi'), ending('OK')]);
  });

  it.each(kinds)('answers %s without a message with unimplemented', async (kind) => {
    const { exchange } = begin(echo(kind));
    exchange.finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('Unimplemented')]);
  });

  it.each(kinds)('answers %s with a second message with unimplemented, at once', async (kind) => {
    const { exchange } = begin(echo(kind));
    exchange.data(frame(0, proto('one'))).data(frame(0, proto('two')));
    expect(framesIn(exchange.body)).toEqual([ending('Unimplemented')]);
    expect(exchange.isEndedEarly).toBe(true);
    await exchange.closed;
  });

  it.each([1, 4, 5, 6])('answers a request cut after %d bytes with internal', async (length) => {
    const { exchange } = begin(echo('unary'));
    exchange.data(frame(0, proto('hi')).subarray(0, length)).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('Internal')]);
  });

  it('answers one whole message and a piece of another with internal', async () => {
    const { exchange } = begin(echo('unary'));
    exchange.data(Buffer.concat([frame(0, proto('hi')), Buffer.alloc(2)])).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('Internal')]);
  });

  it('answers a message over the limit by its prefix, at once', async () => {
    const { exchange } = begin(echo('unary'), { receiveLimitBytes: 9 });
    exchange.data(Buffer.from([0, 0, 0, 0, 10]));
    expect(framesIn(exchange.body)).toEqual([ending('ResourceExhausted')]);
    await exchange.closed;
  });

  it('takes a message of exactly the limit', async () => {
    const { exchange } = begin(echo('unary'), { receiveLimitBytes: 9 });
    exchange.data(frame(0, proto('1234567'))).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([text('1234567'), ending('OK')]);
  });
});

describe('EnvelopedCall: flags', () => {
  it.each([0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x03, 0xff])(
    'answers flags %d with internal',
    async (flags) => {
      const { exchange } = begin(echo('unary'), { request: { requestCompression: gzip } });
      exchange.data(frame(flags, gzipped(proto('hi'))));
      await exchange.closed;
      expect(framesIn(exchange.body)).toEqual([ending('Internal')]);
    },
  );

  it('answers a compressed message without a declared compression with internal', async () => {
    const { exchange } = begin(echo('unary'));
    exchange.data(frame(1, gzipped(proto('hi'))));
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('Internal')]);
  });

  it.each([
    ['a compressed message', frame(1, gzipped(proto('hi'))), 'hi'],
    ['a plain message where compression is declared', frame(0, proto('hi')), 'hi'],
    ['zero bytes that claim to be compressed', frame(1, ''), ''],
  ])('reads %s', async (_, bytes, expected) => {
    const { exchange } = begin(echo('unary'), { request: { requestCompression: gzip } });
    exchange.data(bytes).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([text(expected), ending('OK')]);
  });
});

describe('EnvelopedCall: compression of responses (gRPC, "Compression")', () => {
  it.each([
    [0, '', 1],
    [4, 'hi', 1],
    [5, 'hi', 0],
    [Infinity, 'hi', 0],
  ])('from %d bytes on, sends %j with flags %d', async (compressMinBytes, value, flags) => {
    const { exchange } = begin(echo('unary'), { compressMinBytes, request: { responseCompression: gzip } });
    exchange.data(frame(0, proto(value))).finish();
    await exchange.closed;
    const [[flag, payload] = [-1, ''], last] = framesIn(exchange.body);
    expect([flag, last]).toEqual([flags, ending('OK')]);
    expect(flags === 1 ? gunzipped(payload) : Buffer.from(payload, 'latin1')).toEqual(proto(value));
  });

  it('does not compress what the client does not accept', async () => {
    const { exchange } = begin(echo('unary'), { compressMinBytes: 0 });
    exchange.data(frame(0, proto('hi'))).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([text('hi'), ending('OK')]);
  });
});

/** A client-streaming handler that keeps its source. */
function holding(): { handler: RouteHandler; source: () => RequestSource<unknown> } {
  let kept: RequestSource<unknown> | undefined;
  const handler: RouteHandler = {
    kind: 'client_streaming',
    invoke(requests) {
      kept = requests;
    },
  };
  return {
    handler,
    source() {
      if (kept === undefined) {
        throw new Error('the handler was not invoked');
      }
      return kept;
    },
  };
}

describe('EnvelopedCall: request streams', () => {
  it('runs the handler before any message, and reads nothing off the wire', () => {
    const { handler, source } = holding();
    const { exchange } = begin(handler);
    expect(exchange.isPaused).toBe(true);
    exchange.data(frame(0, proto('hi')));
    expect([exchange.isPaused, source().deliveredBytes]).toEqual([true, 0]);
  });

  it('gives the handler each message when its bytes are complete', () => {
    const { handler, source } = holding();
    const { exchange } = begin(handler);
    const seen = readAll(source(), () => undefined);
    exchange.data(frame(0, proto('one')));
    expect(seen).toEqual({ texts: ['one'], end: undefined });
    exchange.data(frame(0, proto('two'))).finish();
    expect(seen).toEqual({ texts: ['one', 'two'], end: 'complete' });
  });

  it.each<[string, Uint8Array, Code]>([
    ['a truncation', Buffer.from([0, 0]), Code.Internal],
    ['unknown flags', frame(8, ''), Code.Internal],
    ['a message too large', Buffer.from([0, 0, 0, 0xff, 0xff]), Code.ResourceExhausted],
    ['broken bytes', frame(0, 'broken'), Code.InvalidArgument],
  ])('ends the call for %s, and tells source, cancel listener and signal', async (_, bytes, code) => {
    const { handler, source } = holding();
    const { exchange, call } = begin(handler);
    const cancels: ConnectError[] = [];
    call.onCancel((reason) => cancels.push(reason));
    const seen = readAll(source(), () => call.succeed(textMessage('too late')));
    exchange
      .data(frame(0, proto('one')))
      .data(bytes)
      .finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending(Code[code])]);
    expect(seen.texts).toEqual(['one']);
    expect([seen.end, call.cancelReason, call.signal.reason]).toEqual([cancels[0], cancels[0], cancels[0]]);
    expect(cancels).toEqual([expect.objectContaining({ code })]);
  });

  it('lets the peer send on after an early answer, and tells a source that is still read', async () => {
    const { handler, source } = holding();
    const { exchange, call } = begin(handler);
    const seen = readAll(source(), () => undefined);
    call.succeed(textMessage('early'));
    expect([framesIn(exchange.body), exchange.isEndedEarly]).toEqual([[text('early'), ending('OK')], true]);
    await exchange.closed;
    expect(seen.end).toEqual(expect.objectContaining({ code: Code.Canceled }));
  });

  it('tells a source of an abort, paused or not', async () => {
    const { handler, source } = holding();
    const { exchange } = begin(handler);
    const ends: unknown[] = [];
    source().start({ next: () => undefined, complete: () => undefined, error: (e) => ends.push(e) });
    exchange.abort(gone);
    await exchange.closed;
    expect(ends).toEqual([gone]);
  });
});

/** Answers a complete request by `run`, which may look at the exchange. */
function watch(run: (call: StreamReplyCall<unknown>, exchange: MemoryExchange) => void): MemoryExchange {
  const { exchange } = begin({ kind: 'server_streaming', invoke: (_, call) => run(call, exchange) });
  return exchange.data(frame(0, proto('go'))).finish();
}

function write(call: StreamReplyCall<unknown>, value: string): void {
  call.write(call.encode(textMessage(value)));
}

describe('EnvelopedCall: response streams (gRPC over HTTP/2, "Responses")', () => {
  it('sends each message when it is written', async () => {
    let chunks = -1;
    const exchange = watch((call, own) => {
      write(call, 'a');
      chunks = own.chunks.length;
      write(call, 'b');
      call.complete();
    });
    await exchange.closed;
    expect(chunks).toBe(1);
    expect(framesIn(exchange.body)).toEqual([text('a'), text('b'), ending('OK')]);
  });

  it('sends the head when it is flushed, once', async () => {
    const statuses: unknown[] = [];
    const exchange = watch((call, own) => {
      call.flushHeaders();
      statuses.push(own.status);
      call.flushHeaders();
      write(call, 'a');
      call.complete();
      call.flushHeaders();
    });
    await exchange.closed;
    expect([statuses, exchange.isOneStep]).toEqual([[200], false]);
    expect(framesIn(exchange.body)).toEqual([text('a'), ending('OK')]);
  });

  it.each<[string, (call: StreamReplyCall<unknown>) => void, string]>([
    ['completes', (call) => call.complete(), 'OK'],
    ['fails', (call) => call.fail(gone), 'Canceled'],
  ])('answers in one step when the handler %s before any message', async (_, end, word) => {
    const exchange = watch(end);
    await exchange.closed;
    expect([exchange.isOneStep, framesIn(exchange.body)]).toEqual([true, [ending(word)]]);
  });

  it('delivers the messages before an error, then the error', async () => {
    const exchange = watch((call) => {
      write(call, 'a');
      call.fail(new ConnectError('no', { code: Code.DataLoss }));
    });
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([text('a'), ending('DataLoss')]);
  });

  it('ignores whatever follows the ending', async () => {
    const exchange = watch((call) => {
      write(call, 'a');
      call.complete();
      write(call, 'b');
      call.fail(gone);
      call.complete();
    });
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([text('a'), ending('OK')]);
  });

  it('is not ready while the network takes no more, and says when it does', async () => {
    const ready = jest.fn();
    let states: boolean[] = [];
    let kept: StreamReplyCall<unknown> | undefined;
    const exchange = watch((call, own) => {
      kept = call;
      call.onReady(ready);
      own.takesMore = false;
      states = [call.isReady];
      write(call, 'a');
      states.push(call.isReady);
    });
    expect([states, ready.mock.calls.length]).toEqual([[true, false], 0]);
    exchange.drain();
    expect([kept?.isReady, ready.mock.calls.length]).toEqual([true, 1]);
    kept?.complete();
    await exchange.closed;
  });

  it('frees a producer that waits for credit when the call is canceled', async () => {
    const ready = jest.fn();
    const exchange = watch((call, own) => {
      call.onReady(ready);
      own.takesMore = false;
      write(call, 'a');
    });
    exchange.abort(gone);
    expect(ready).toHaveBeenCalled();
    await exchange.closed;
  });
});

describe('EnvelopedCall: one response message', () => {
  it.each(['unary', 'client_streaming'] as const)('sends no head for a %s call before its answer', (kind) => {
    const { exchange, call } = begin(silent(kind));
    exchange.data(frame(0, proto('hi'))).finish();
    call.flushHeaders();
    expect(exchange.status).toBeUndefined();
  });

  it('takes the first answer, and no other', async () => {
    const { exchange } = begin({
      kind: 'unary',
      invoke(_, call) {
        call.succeed(textMessage('first'));
        call.succeed(textMessage('second'));
        call.fail(gone);
      },
    });
    exchange.data(frame(0, proto('hi'))).finish();
    await exchange.closed;
    expect([exchange.isOneStep, framesIn(exchange.body)]).toEqual([true, [text('first'), ending('OK')]]);
  });

  it('answers internal for a value that does not fit the type, and reports why', async () => {
    const { exchange, route } = begin({ kind: 'unary', invoke: (_, call) => call.succeed('text') });
    exchange.data(frame(0, proto('hi'))).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('Internal')]);
    expect(route.reports).toEqual([expect.any(TypeError)]);
  });

  it('answers internal for a compression that fails, and reports why', async () => {
    const fault = new Error('out of memory');
    const responseCompression: Compression = {
      ...gzip,
      compress() {
        throw fault;
      },
    };
    const { exchange, route } = begin(echo('unary'), {
      compressMinBytes: 0,
      request: { responseCompression },
    });
    exchange.data(frame(0, proto('hi'))).finish();
    await exchange.closed;
    expect([framesIn(exchange.body), route.reports]).toEqual([[ending('Internal')], [fault]]);
  });

  it('answers resource_exhausted for a message over the send limit', async () => {
    const { exchange } = begin(echo('unary'), { sendLimitBytes: 3 });
    exchange.data(frame(0, proto('hi'))).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('ResourceExhausted')]);
  });
});

describe('EnvelopedCall: headers that are wrong', () => {
  it.each(METHOD_KINDS)('fails a %s call without running its handler', async (kind) => {
    const invoked = jest.fn();
    const { exchange } = begin(silent(kind, invoked), {
      request: new ConnectError('bad header', { code: Code.InvalidArgument }),
    });
    exchange.data(frame(0, proto('hi'))).finish();
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('InvalidArgument')]);
    expect(invoked).not.toHaveBeenCalled();
  });
});

describe('EnvelopedCall.isMidMessage: what the idle-read timer asks', () => {
  it('is true for a single request until the peer has sent it all', async () => {
    const { exchange, call } = begin(silent('unary'));
    const states = [call.isMidMessage];
    exchange.data(frame(0, proto('hi')).subarray(0, 3));
    states.push(call.isMidMessage);
    exchange.data(frame(0, proto('hi')).subarray(3));
    // The call cannot go on without the end of the request.
    states.push(call.isMidMessage);
    exchange.finish();
    states.push(call.isMidMessage);
    expect(states).toEqual([true, true, true, false]);
    call.fail(gone);
    await exchange.closed;
  });

  it('is false once the call is answered', async () => {
    const { exchange, call } = begin(silent('unary'));
    call.fail(gone);
    expect(call.isMidMessage).toBe(false);
    await exchange.closed;
  });

  it('is true in a stream while a wanted message is incomplete', () => {
    const { exchange, call } = begin({
      kind: 'client_streaming',
      invoke: (requests) => void readAll(requests, () => undefined),
    });
    const states = [call.isMidMessage];
    exchange.data(frame(0, proto('hi')).subarray(0, 3));
    states.push(call.isMidMessage);
    exchange.data(frame(0, proto('hi')).subarray(3));
    states.push(call.isMidMessage);
    expect(states).toEqual([false, true, false]);
  });
});

describe('EnvelopedCall: deadline in every phase (gRPC over HTTP/2, "Timeout")', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] }));

  afterEach(() => {
    jest.advanceTimersByTime(TICK_MS);
    const left = timerWheel.size;
    jest.useRealTimers();
    if (left > 0) {
      throw new Error(`${left} timers outlived their calls`);
    }
  });

  const request = { timeoutMs: 100 };

  it.each(['unary', 'server_streaming'] as const)('ends a %s call whose request never does', async (kind) => {
    const invoked = jest.fn();
    const { exchange } = begin(silent(kind, invoked), { request });
    exchange.data(frame(0, proto('hi')).subarray(0, 6));
    jest.advanceTimersByTime(150);
    expect(framesIn(exchange.body)).toEqual([ending('DeadlineExceeded')]);
    await exchange.closed;
    expect(invoked).not.toHaveBeenCalled();
  });

  it.each(METHOD_KINDS)('ends a %s call whose handler never answers', async (kind) => {
    const { exchange, call } = begin(silent(kind), { request });
    const canceled = jest.fn();
    call.onCancel(canceled);
    exchange.data(frame(0, proto('hi'))).finish();
    jest.advanceTimersByTime(150);
    (call as SingleReplyCall<unknown>).succeed(textMessage('late'));
    expect(framesIn(exchange.body)).toEqual([ending('DeadlineExceeded')]);
    expect(canceled).toHaveBeenCalledTimes(1);
    await exchange.closed;
  });

  it('breaks the request stream with deadline_exceeded, never with complete', async () => {
    let seen: SeenRequests | undefined;
    const { exchange } = begin(
      {
        kind: 'client_streaming',
        invoke(requests) {
          seen = readAll(requests, () => undefined);
        },
      },
      { request },
    );
    exchange.data(frame(0, proto('one')));
    jest.advanceTimersByTime(150);
    expect(seen).toEqual({
      texts: ['one'],
      end: expect.objectContaining({ code: Code.DeadlineExceeded }),
    });
    await exchange.closed;
  });

  it('still sends the final frame after messages, and resets a peer that does not take it', async () => {
    const { exchange, call } = begin(silent('server_streaming'), { request });
    exchange.data(frame(0, proto('hi'))).finish();
    call.write(call.encode(textMessage('a')));
    jest.advanceTimersByTime(150);
    expect(framesIn(exchange.body)).toEqual([text('a'), ending('DeadlineExceeded')]);
    call.write(call.encode(textMessage('b')));
    await exchange.closed;
    expect(framesIn(exchange.body)).toHaveLength(2);
  });

  it('does not run the handler when it has passed with the headers', async () => {
    const invoked = jest.fn();
    const { exchange } = begin(silent('bidi_streaming', invoked), { request: { timeoutMs: 0 } });
    await exchange.closed;
    expect(framesIn(exchange.body)).toEqual([ending('DeadlineExceeded')]);
    expect(invoked).not.toHaveBeenCalled();
  });
});
