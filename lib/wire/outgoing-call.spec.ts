/**
 * What all calls of a client share, on a protocol whose request is a text and whose response is the status "200" with a
 * text, or any other with a word for the error.
 */
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { testClientMethod } from '../../test/support/client-call.js';
import { type MemoryClientExchange, MemoryHttpClient } from '../../test/support/memory-http-client.js';
import { type CallStart } from '../rpc/client-call.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../rpc/headers.js';
import { TICK_MS, timerWheel } from '../rpc/timer-wheel.js';
import { OutgoingCall, type Outcome } from './outgoing-call.js';

const HEAD = { method: 'POST', target: '/', headers: [] } as const;

class TextCall extends OutgoingCall {
  readonly failed: ConnectError[] = [];
  #text = '';
  #head: HeaderList = [];

  /** @param isStream The request follows by `write` and `complete`. */
  open(isStream = false): this {
    if (this.begin() && isStream) {
      this.openRequest(HEAD);
    }
    return this;
  }

  send(message: unknown): void {
    if (!this.isOver) {
      this.sendRequest(HEAD, this.encode(message));
    }
  }

  encode(message: unknown): Uint8Array {
    return Buffer.from(String(message));
  }

  onHeaders(_: number, headers: HeaderList): void {
    this.#head = headers;
    if (this.wantsHeaders) {
      this.tellHeaders(RpcHeaders.fromWire(headers));
    }
  }

  onData(chunk: Uint8Array): void {
    this.#text += Buffer.from(chunk).toString();
  }

  onEnd(trailers: HeaderList): void {
    const outcome: Outcome = {
      error: this.#head.includes('error') ? new ConnectError(this.#text, { code: Code.Aborted }) : undefined,
      trailers: trailers.length > 0 ? RpcHeaders.fromWire(trailers) : undefined,
    };
    this.settle(outcome, this.#text);
  }

  onAbort(reason: ConnectError): void {
    this.settleError(this.brokenBy(reason));
  }

  override stopRequests(): void {
    super.stopRequests();
  }

  protected failReplies(error: ConnectError): void {
    this.failed.push(error);
  }
}

function open(start: Partial<CallStart> = {}, { isStream = false } = {}) {
  const http = new MemoryHttpClient();
  const reply = {
    succeed: jest.fn<(message: unknown) => void>(),
    fail: jest.fn<(error: ConnectError) => void>(),
  };
  const call = new TextCall(
    http,
    testClientMethod('Say'),
    {
      headers: undefined,
      timeoutMs: undefined,
      signal: undefined,
      onHeaders: undefined,
      onTrailers: undefined,
      ...start,
    },
    reply,
  ).open(isStream);
  return {
    http,
    call,
    /** What the caller was told, in order. */
    told: () => [...reply.succeed.mock.calls, ...reply.fail.mock.calls].flat(),
    reply,
  };
}

function send(start: Partial<CallStart> = {}) {
  const begun = open(start);
  begun.call.send('hi');
  return { ...begun, exchange: begun.http.request };
}

function stream(start: Partial<CallStart> = {}) {
  const begun = open(start, { isStream: true });
  return { ...begun, exchange: begun.http.request };
}

const errorWith = (code: Code): unknown => expect.objectContaining({ code, fromWire: true });
const canceled = new ConnectError('enough', { code: Code.Canceled });

describe('OutgoingCall: the end', () => {
  it('is a reply', () => {
    const { exchange, told, call } = send();
    exchange.headers(200, []).data(Buffer.from('yes')).finish();
    expect([told(), call.failed, exchange.isReset]).toEqual([['yes'], [], false]);
  });

  it('is an error, told to whoever waits for a reply and to whoever reads replies', () => {
    const { exchange, told, call } = send();
    exchange.headers(200, ['error', '']).data(Buffer.from('no')).finish();
    expect(told()).toEqual([errorWith(Code.Aborted)]);
    expect(call.failed).toEqual(told());
  });

  it.each<[string, (call: TextCall, exchange: MemoryClientExchange) => void]>([
    ['a cancellation', (call) => call.cancel(canceled)],
    ['requests that fail', (call) => call.fail(canceled)],
    ['the transport', (_, exchange) => void exchange.abort(canceled)],
  ])('comes by %s', (_, end) => {
    const { call, exchange, told } = send();
    end(call, exchange);
    expect(told()).toEqual([errorWith(Code.Canceled)]);
  });

  it('is told once, whatever follows', () => {
    const { exchange, told, call, reply } = send();
    exchange.headers(200, []).finish();
    call.cancel(canceled);
    call.fail(canceled);
    call.onAbort(canceled);
    call.onEnd([]);
    expect([told(), call.failed, reply.succeed.mock.calls.length]).toEqual([[''], [], 1]);
  });

  it('keeps everything of an error that was made here, and marks it as one from the wire', () => {
    const error = new ConnectError('why', {
      code: Code.NotFound,
      details: [{ type: 'a.B', value: new Uint8Array(1) }],
      metadata: { 'x-a': '1' },
      cause: 'reason',
    });
    const { call, told } = send();
    call.cancel(error);
    expect(told()).toEqual([
      expect.objectContaining({
        code: Code.NotFound,
        rawMessage: 'why',
        details: error.details,
        cause: 'reason',
        fromWire: true,
      }),
    ]);
    expect((told()[0] as ConnectError).metadata.toList()).toEqual(['x-a', '1']);
  });

  it('hands an error from the wire on as it is', () => {
    const error = ConnectError.wire({ message: 'why', code: Code.NotFound });
    const { call, told } = send();
    call.cancel(error);
    expect(told()[0]).toBe(error);
  });

  it('resets an exchange that is under way', () => {
    const { call, exchange } = send();
    call.cancel(canceled);
    expect(exchange.isReset).toBe(true);
  });

  it('of a call that has not sent anything keeps it from sending', () => {
    const { call, http, told } = open();
    call.cancel(canceled);
    call.send('hi');
    expect([http.requests, told().length]).toEqual([[], 1]);
  });
});

describe("OutgoingCall: the caller's signal", () => {
  it('cancels, and is the cause', () => {
    const abort = new AbortController();
    const { told, exchange } = send({ signal: abort.signal });
    abort.abort('bored');
    expect(told()).toEqual([errorWith(Code.Canceled)]);
    expect([(told()[0] as ConnectError).cause, exchange.isReset]).toEqual(['bored', true]);
  });

  it('that is aborted before the call keeps it from sending', () => {
    const { told, http, call } = open({ signal: AbortSignal.abort() });
    call.send('hi');
    expect([told(), http.requests]).toEqual([[errorWith(Code.Canceled)], []]);
  });

  it.each<[string, unknown, Code]>([
    ['AbortSignal.timeout()', new DOMException('it timed out', 'TimeoutError'), Code.DeadlineExceeded],
    ['abort()', new DOMException('it was aborted', 'AbortError'), Code.Canceled],
    ['abort(null)', null, Code.Canceled],
  ])('of %s with %p means code %d', (_, reason, code) => {
    expect(open({ signal: AbortSignal.abort(reason) }).told()).toEqual([errorWith(code)]);
  });

  it.each<[string, (call: TextCall, exchange: MemoryClientExchange) => void]>([
    ['a reply', (_, exchange) => void exchange.headers(200, []).finish()],
    ['an error', (call) => call.cancel(canceled)],
  ])('is not listened to any more after %s', (_, end) => {
    const { signal } = new AbortController();
    const { call, exchange } = send({ signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    end(call, exchange);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('OutgoingCall: the deadline', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] }));

  afterEach(() => {
    jest.advanceTimersByTime(TICK_MS);
    const left = timerWheel.size;
    jest.useRealTimers();
    if (left > 0) {
      throw new Error(`${left} timers outlived their calls`);
    }
  });

  it.each([
    ['before the request is sent', () => open({ timeoutMs: 100 })],
    ['before the response has begun', () => send({ timeoutMs: 100 })],
    [
      'in the response',
      () => {
        const begun = send({ timeoutMs: 100 });
        begun.exchange.headers(200, []).data(Buffer.from('ye'));
        return begun;
      },
    ],
  ])('ends the call %s, and names the timeout', (_, begin) => {
    const { told } = begin();
    jest.advanceTimersByTime(99);
    expect(told()).toEqual([]);
    jest.advanceTimersByTime(2 * TICK_MS);
    expect(told()).toEqual([errorWith(Code.DeadlineExceeded)]);
    expect((told()[0] as ConnectError).rawMessage).toContain('100 ms');
  });

  it('resets the exchange', () => {
    const { exchange } = send({ timeoutMs: 100 });
    jest.advanceTimersByTime(150);
    expect(exchange.isReset).toBe(true);
  });

  it.each([0, -1])('of %d ms has passed before anything is sent', (timeoutMs) => {
    const { told, http, call } = open({ timeoutMs });
    call.send('hi');
    expect([told(), http.requests]).toEqual([[errorWith(Code.DeadlineExceeded)], []]);
  });

  it('of more than 2^31 ms does not end the call at once', () => {
    const { told, call } = send({ timeoutMs: 2 ** 33 });
    jest.advanceTimersByTime(1_000);
    expect(told()).toEqual([]);
    call.cancel(canceled);
  });

  it('leaves no timer behind a call that has ended', () => {
    const { exchange } = send({ timeoutMs: 100 });
    expect(timerWheel.size).toBe(1);
    exchange.headers(200, []).finish();
    expect(timerWheel.size).toBe(0);
  });

  // A server keeps the deadline too, and its reset may come before the own timer fires.
  it.each([
    [99, Code.Canceled],
    [100, Code.DeadlineExceeded],
  ])('after %d of 100 ms makes of a reset by the server code %d', (ms, code) => {
    const { exchange, told } = send({ timeoutMs: 100 });
    const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + ms);
    exchange.abort(canceled);
    now.mockRestore();
    expect(told()).toEqual([errorWith(code)]);
  });
});

function listen() {
  const told: string[] = [];
  return {
    told,
    onHeaders: (headers: RpcHeaders) => void told.push(`headers ${headers.toList().join(' ')}`),
    onTrailers: (trailers: RpcHeaders) => void told.push(`trailers ${trailers.toList().join(' ')}`),
  };
}

describe('OutgoingCall: metadata', () => {
  it('is told: headers at once, trailers before the reply', () => {
    const { told, ...callbacks } = listen();
    const { exchange, reply } = send(callbacks);
    reply.succeed.mockImplementation(() => void told.push('reply'));
    exchange.headers(200, ['a', '1']);
    expect(told).toEqual(['headers a 1']);
    exchange.finish(['b', '2']);
    expect(told).toEqual(['headers a 1', 'trailers b 2', 'reply']);
  });

  it('is told of a success without trailers, and of an error with them', () => {
    const success = listen();
    send(success).exchange.headers(200, []).finish();
    const failure = listen();
    send(failure).exchange.headers(200, ['error', '']).finish(['b', '2']);
    expect([success.told[1], failure.told[1]]).toEqual(['trailers ', 'trailers b 2']);
  });

  it('is not told after the end', () => {
    const { told, ...callbacks } = listen();
    const { call } = send(callbacks);
    call.cancel(canceled);
    call.onHeaders(200, []);
    call.onEnd(['b', '2']);
    expect(told).toEqual([]);
  });

  it.each(['onHeaders', 'onTrailers'] as const)('whose %s throws cancels the call', (name) => {
    const cause = new Error('a mistake');
    const { exchange, told } = send({
      [name]: () => {
        throw cause;
      },
    });
    exchange.headers(200, []).finish();
    expect(told()).toEqual([errorWith(Code.Canceled)]);
    expect((told()[0] as ConnectError).cause).toBe(cause);
  });

  it.each(['onHeaders', 'onTrailers'] as const)('whose %s cancels the call ends it there', (name) => {
    const begun = send({ [name]: () => begun.call.cancel(canceled) });
    begun.exchange.headers(200, []).finish();
    expect(begun.told()).toEqual([errorWith(Code.Canceled)]);
  });
});

describe('OutgoingCall: a stream of requests', () => {
  it('goes out as it is written, and ends once', () => {
    const { call, exchange } = stream();
    call.write(Buffer.from('a'));
    call.write(Buffer.from('b'));
    expect([exchange.chunks.map(String), exchange.isRequestComplete]).toEqual([['a', 'b'], false]);
    call.complete();
    call.complete();
    call.write(Buffer.from('late'));
    expect([exchange.chunks.map(String), exchange.isRequestComplete]).toEqual([['a', 'b'], true]);
  });

  it('waits for a server that does not read', () => {
    const { call, exchange } = stream();
    const ready = jest.fn();
    call.onReady(ready);
    expect(call.isReady).toBe(true);
    exchange.takesMore = false;
    call.write(Buffer.from('a'));
    expect([call.isReady, ready.mock.calls.length]).toEqual([false, 0]);
    exchange.drain();
    expect([call.isReady, ready.mock.calls.length]).toEqual([true, 1]);
  });

  it.each<[string, (call: TextCall, exchange: MemoryClientExchange) => void]>([
    ['replied', (_, exchange) => void exchange.headers(200, []).finish()],
    ['failed', (call) => call.cancel(canceled)],
    ['stopped reading', (call) => call.stopRequests()],
  ])('takes nothing, and is told so once, after the call has %s', (_, end) => {
    const { call, exchange } = stream();
    const stopped = jest.fn();
    call.onCancel(stopped);
    end(call, exchange);
    call.write(Buffer.from('late'));
    call.complete();
    call.cancel(canceled);
    expect([exchange.chunks, exchange.isRequestComplete, stopped.mock.calls.length]).toEqual([[], false, 1]);
  });

  it.each<[string, (call: TextCall) => void]>([
    ['is over', (call) => call.cancel(canceled)],
    ['reads no more of it', (call) => call.stopRequests()],
  ])('is told at once when it comes after the call %s', (_, end) => {
    const { call } = stream();
    end(call);
    const stopped = jest.fn();
    call.onCancel(stopped);
    expect(stopped).toHaveBeenCalledTimes(1);
  });

  it('gives up what the server did not read, and the call goes on', () => {
    const { call, exchange, told } = stream();
    call.stopRequests();
    expect([exchange.isReset, told()]).toEqual([true, []]);
  });

  it('that was complete does not reset the exchange', () => {
    const { call, exchange } = stream();
    call.complete();
    call.stopRequests();
    expect(exchange.isReset).toBe(false);
  });
});
