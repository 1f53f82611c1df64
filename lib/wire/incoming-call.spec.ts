/**
 * The life of a call, on a protocol that is as small as one can be: an answer is one word.
 */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryExchange, type MemoryRequest } from '../../test/support/memory-exchange.js';
import { createTestRoute, echo } from '../../test/support/serve.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { TICK_MS, timerWheel } from '../rpc/timer-wheel.js';
import { IncomingCall } from './incoming-call.js';

class WordCall extends IncomingCall {
  readonly protocol = 'word';
  readonly isMidMessage = false;

  begin(timeoutMs?: number): this {
    this.exchange.start(this);
    this.startDeadline(timeoutMs);
    return this;
  }

  protected abortRequests(): void {}

  succeed(): void {
    this.#answer('success');
  }

  fail(error: ConnectError): void {
    this.#answer(Code[error.code]);
  }

  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
  flushHeaders(): void {}

  get askedFor(): readonly unknown[] {
    return [this.setResponseHeaders, this.setResponseTrailers];
  }

  #answer(word: string): void {
    if (!this.isReplied) {
      this.isReplied = true;
      this.exchange.respondAndEnd(200, [], Buffer.from(word));
    }
  }
}

/** As {@link WordCall}, but its answer hangs in the socket until the spec takes it. */
class SlowPeerCall extends WordCall {
  override succeed(): void {
    this.isReplied = true;
    this.exchange.respond(200, []);
    this.exchange.write(Buffer.from('begun'));
  }
}

function createCall(request: MemoryRequest = {}, maxTimeoutMs = Infinity, Call = WordCall) {
  const exchange = new MemoryExchange(request);
  const call = new Call(exchange, createTestRoute(echo('unary'), { maxTimeoutMs }));
  const cancels: ConnectError[] = [];
  return { exchange, call, cancels };
}

/** A call whose handler has registered. */
function beginCall(timeoutMs?: number) {
  const setup = createCall();
  setup.call.begin(timeoutMs);
  setup.call.onCancel((reason) => setup.cancels.push(reason));
  return setup;
}

/** @returns How many AbortControllers were made since. */
function countControllers(): () => number {
  const Original = AbortController;
  const spy = jest.spyOn(globalThis, 'AbortController').mockImplementation(() => new Original());
  return () => spy.mock.calls.length;
}

const gone = new ConnectError('gone', { code: Code.Canceled });

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] }));

afterEach(() => {
  jest.advanceTimersByTime(TICK_MS); // The wheel's ticker sees that nothing waits, and stops.
  const left = timerWheel.size + jest.getTimerCount();
  jest.useRealTimers();
  jest.restoreAllMocks();
  if (left > 0) {
    throw new Error(`${left} timers outlived their calls`);
  }
});

describe('IncomingCall: deadline (gRPC over HTTP/2, "Timeout"; Connect protocol, "Timeout")', () => {
  it('answers deadline_exceeded once when it passes, and tells the handler', async () => {
    const { exchange, call, cancels } = beginCall(100);
    jest.advanceTimersByTime(100 - TICK_MS);
    expect([exchange.text, cancels]).toEqual(['', []]);
    jest.advanceTimersByTime(2 * TICK_MS);
    expect(exchange.text).toBe('DeadlineExceeded');
    expect(cancels).toEqual([
      expect.objectContaining({
        code: Code.DeadlineExceeded,
        rawMessage: 'the call did not end within its timeout of 100 ms',
      }),
    ]);
    expect(call.cancelReason).toBe(cancels[0]);
    await exchange.closed;
  });

  it('answers before it tells the handler: the handler cannot answer something else', async () => {
    const { exchange, call } = createCall();
    call.begin(100);
    call.onCancel(() => call.succeed());
    jest.advanceTimersByTime(200);
    expect(exchange.text).toBe('DeadlineExceeded');
    await exchange.closed;
  });

  it.each([
    ['success', (call: WordCall) => call.succeed()],
    ['failure', (call: WordCall) => call.fail(gone)],
  ])('ignores a late %s', async (_, answer) => {
    const { exchange, call } = beginCall(100);
    jest.advanceTimersByTime(200);
    answer(call);
    expect(exchange.text).toBe('DeadlineExceeded');
    await exchange.closed;
  });

  it('does nothing after an answer that was taken', async () => {
    const { exchange, call, cancels } = beginCall(100);
    call.succeed();
    await exchange.closed;
    jest.advanceTimersByTime(1_000);
    expect([exchange.text, cancels, exchange.isReset]).toEqual(['success', [], false]);
  });

  it('gives a peer that does not read the answer 40 ms, then resets', async () => {
    const { exchange, call } = createCall({}, Infinity, SlowPeerCall);
    call.begin(100);
    call.succeed();
    jest.advanceTimersByTime(100 + TICK_MS);
    expect(exchange.isReset).toBe(false);
    jest.advanceTimersByTime(40 + TICK_MS);
    expect(exchange.isReset).toBe(true);
    await exchange.closed;
  });

  it('does not cancel a handler whose answer is only not taken yet', async () => {
    const { exchange, call, cancels } = createCall({}, Infinity, SlowPeerCall);
    call.begin(100);
    call.onCancel((reason) => cancels.push(reason));
    call.succeed();
    jest.advanceTimersByTime(1_000);
    await exchange.closed;
    expect([cancels, call.cancelReason, call.signal.aborted]).toEqual([[], undefined, false]);
  });

  it.each([
    [250, Infinity, 250],
    [250, 1_000, 250],
    [1_000, 1_000, 1_000],
    [5_000, 1_000, 1_000],
    [0.5, Infinity, 0.5],
  ])('of %d ms under a maximum of %d is %d ms', async (sent, maximum, timeoutMs) => {
    const { exchange, call } = createCall({}, maximum);
    const now = performance.now();
    call.begin(sent);
    expect([call.requestTimeoutMs, call.deadline]).toEqual([timeoutMs, now + timeoutMs]);
    call.succeed();
    await exchange.closed;
  });

  it('stays without one when the client sends none, whatever the maximum', async () => {
    const { exchange, call } = createCall({}, 1_000);
    call.begin();
    expect([call.requestTimeoutMs, call.deadline, timerWheel.size]).toEqual([undefined, undefined, 0]);
    call.succeed();
    await exchange.closed;
  });

  it('has passed already when it is 0', () => {
    const { call } = createCall();
    expect(() => call.begin(0)).toThrow(expect.objectContaining({ code: Code.DeadlineExceeded }));
    expect(timerWheel.size).toBe(0);
  });

  it('waits for any number of hours', async () => {
    const { exchange, call } = beginCall(99_999_999 * 3_600_000);
    jest.advanceTimersByTime(60_000);
    expect(exchange.text).toBe('');
    call.succeed();
    await exchange.closed;
  });
});

describe('IncomingCall: cancellation (gRPC over HTTP/2, "RST_STREAM")', () => {
  it('tells the handler once, and answers nothing', async () => {
    const { exchange, call, cancels } = beginCall();
    exchange.abort(gone);
    call.succeed();
    call.fail(gone);
    call.terminate(new ConnectError('late'));
    expect([exchange.status, cancels, call.isAnswered]).toEqual([undefined, [gone], true]);
    await exchange.closed;
  });

  it('tells a handler at once that registers too late', async () => {
    const { exchange, call } = createCall();
    call.begin();
    exchange.abort(gone);
    const reasons: unknown[] = [];
    call.onCancel((reason) => reasons.push(reason));
    expect(reasons).toEqual([gone]);
    await exchange.closed;
  });

  it('is no cancellation when the peer goes after the answer', async () => {
    const { exchange, call, cancels } = beginCall();
    call.succeed();
    exchange.abort(gone);
    await exchange.closed;
    expect([cancels, call.cancelReason, call.signal.aborted]).toEqual([[], undefined, false]);
  });

  it.each([Code.DeadlineExceeded, Code.Unavailable])(
    'terminates with the reason of the engine',
    async (code) => {
      const { exchange, call, cancels } = beginCall();
      const reason = new ConnectError('the engine says so', { code });
      call.terminate(reason);
      call.terminate(new ConnectError('again'));
      expect([exchange.text, cancels]).toEqual([Code[code], [reason]]);
      await exchange.closed;
    },
  );
});

describe('IncomingCall.signal', () => {
  it('is made when it is asked for, once, and aborts with the reason', async () => {
    const { exchange, call } = beginCall();
    const { signal } = call;
    expect([call.signal === signal, signal.aborted]).toEqual([true, false]);
    exchange.abort(gone);
    expect([signal.aborted, signal.reason]).toEqual([true, gone]);
    await exchange.closed;
  });

  it('is aborted already when the call was canceled before', async () => {
    const { exchange, call } = beginCall();
    exchange.abort(gone);
    expect([call.signal.aborted, call.signal.reason]).toEqual([true, gone]);
    await exchange.closed;
  });

  it('is not aborted after a success', async () => {
    const { exchange, call } = beginCall(100);
    const { signal } = call;
    call.succeed();
    await exchange.closed;
    jest.advanceTimersByTime(1_000);
    expect(signal.aborted).toBe(false);
  });
});

describe('IncomingCall: what a call makes that asks for nothing', () => {
  it('is no AbortController, no timer, and no headers', async () => {
    const controllers = countControllers();
    const { exchange, call } = beginCall();
    expect([timerWheel.size, jest.getTimerCount()]).toEqual([0, 0]);
    call.succeed();
    await exchange.closed;
    expect([controllers(), call.askedFor]).toEqual([0, [undefined, undefined]]);
  });

  it('is no AbortController for a cancellation either', async () => {
    const controllers = countControllers();
    const { exchange, cancels } = beginCall();
    exchange.abort(gone);
    await exchange.closed;
    expect([controllers(), cancels.length]).toEqual([0, 1]);
  });

  it('is one AbortController and one timer when they are wanted', async () => {
    const controllers = countControllers();
    const { exchange, call } = beginCall(100);
    expect([call.signal.aborted, call.signal.aborted]).toEqual([false, false]);
    expect([controllers(), timerWheel.size]).toEqual([1, 1]);
    call.succeed();
    await exchange.closed;
    expect(timerWheel.size).toBe(0);
  });
});

describe('IncomingCall.onFinish', () => {
  it.each<[string, (call: WordCall, exchange: MemoryExchange) => void]>([
    ['a success', (call) => call.succeed()],
    ['a failure', (call) => call.fail(gone)],
    ['an abort', (_, exchange) => exchange.abort(gone)],
    ['an abort after the answer', (call, exchange) => (call.succeed(), exchange.abort(gone))],
    ['a termination', (call) => call.terminate(gone)],
  ])('is called once after %s', async (_, end) => {
    const { exchange, call } = beginCall(100);
    const finished = jest.fn();
    call.onFinish(finished);
    end(call, exchange);
    await exchange.closed;
    jest.advanceTimersByTime(1_000);
    expect(finished).toHaveBeenCalledTimes(1);
  });
});

describe('IncomingCall: what a handler sees of its call', () => {
  it('is the exchange, the route and the state', async () => {
    const { exchange, call } = createCall({
      httpVersion: '1.1',
      headers: [':path', '/', 'X-Tag', 'a', 'x-tag', 'b'],
    });
    call.begin();
    expect([call.httpVersion, call.httpMethod, call.peer, call.spec.path, call.isAnswered]).toEqual([
      '1.1',
      'POST',
      exchange.peer,
      '/test.v1.TestService/Say',
      false,
    ]);
    expect([...call.requestHeaders]).toEqual([
      ['x-tag', 'a'],
      ['x-tag', 'b'],
    ]);
    call.succeed();
    expect(call.isAnswered).toBe(true);
    await exchange.closed;
  });

  it('is one bag of each kind of headers, sent when something is set', async () => {
    const { exchange, call } = beginCall();
    expect(call.responseHeaders).toBe(call.responseHeaders);
    expect(call.responseTrailers).toBe(call.responseTrailers);
    expect(call.requestHeaders).toBe(call.requestHeaders);
    expect(call.askedFor).toEqual([undefined, undefined]);
    call.responseHeaders.set('x-a', '1');
    call.responseTrailers.set('x-b', '2');
    expect(call.askedFor).toEqual([call.responseHeaders, call.responseTrailers]);
    call.succeed();
    await exchange.closed;
  });
});
