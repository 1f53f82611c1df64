import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  answerSay,
  beginStream,
  endStream,
  failSay,
  memoryEliza,
  type MemoryElizaSetup,
  streamed,
} from '../../../test/support/memory-eliza.js';
import { Code } from '../../rpc/code.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type ClientInterceptor } from '../interceptor/interceptor.js';

const PAUSE_MS = 100;

/** As one that gets a token. */
const waiting: ClientInterceptor = {
  async intercept(call, next) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    return next(call);
  },
};

const RETRIES: MemoryElizaSetup = {
  retry: { policies: [{ maxAttempts: 2, initialBackoffMs: PAUSE_MS, jitter: 0 }] },
};

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** How a call ended. */
function outcomeOf(call: Promise<unknown>): { code?: Code; message?: string; isOver: boolean } {
  const outcome: ReturnType<typeof outcomeOf> = { isOver: false };
  call.then(
    () => (outcome.isOver = true),
    ({ code, rawMessage }: ConnectError) =>
      Object.assign(outcome, { isOver: true, code, message: rawMessage }),
  );
  return outcome;
}

const HOLDING: [string, MemoryElizaSetup, boolean][] = [
  ['between two attempts', RETRIES, true],
  ['in the hands of an interceptor', { interceptors: [waiting] }, false],
];

describe.each(HOLDING)('a call %s', (_name, settings, hasAttempt) => {
  function begin() {
    const { engine, channel, eliza } = memoryEliza(settings);
    const single = outcomeOf(eliza.say({ sentence: 'hi' }));
    const stream = outcomeOf(eliza.introduce({ name: 'Ada' })[Symbol.asyncIterator]().next());
    if (hasAttempt) {
      const [say, introduce] = engine.requests;
      failSay(say as never, 'unavailable');
      endStream(beginStream(introduce as never), 'unavailable');
    }
    return { engine, channel, eliza, single, stream };
  }

  it('is waited for by close(), and goes on to its end', async () => {
    const { engine, channel, eliza, single, stream } = begin();
    await jest.advanceTimersByTimeAsync(0);
    const closed = outcomeOf(channel.close());
    const late = outcomeOf(eliza.say({}));
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect([closed.isOver, engine.ends, single.isOver, stream.isOver]).toEqual([false, [], false, false]);
    expect(late).toMatchObject({ code: Code.Unavailable, message: 'the client of memory is closed' });

    const [say, introduce] = engine.requests.slice(hasAttempt ? 2 : 0);
    answerSay(say as never, 'ho');
    endStream(beginStream(introduce as never).data(streamed('ho')));
    await jest.advanceTimersByTimeAsync(0);
    expect([single, stream]).toEqual([{ isOver: true }, { isOver: true }]);
  });

  it('is ended by destroy()', async () => {
    const { engine, channel, single, stream } = begin();
    await jest.advanceTimersByTimeAsync(0);
    channel.destroy();
    await jest.advanceTimersByTimeAsync(0);
    const destroyed = { isOver: true, code: Code.Canceled, message: 'the client of memory was destroyed' };
    expect([single, stream]).toEqual([destroyed, destroyed]);
    await jest.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect([engine.requests.length, jest.getTimerCount()]).toEqual([hasAttempt ? 2 : 0, 0]);
  });
});

describe.each<[string, MemoryElizaSetup]>([
  ['without retries and interceptors', {}],
  ['with retries', RETRIES],
  ['with interceptors', { interceptors: [(next) => (call) => next(call)] }],
])('close() of a channel %s', (_name, settings) => {
  it('settles when its calls have ended, however they ended', async () => {
    const { engine, channel, eliza, rx } = memoryEliza(settings);
    const abort = new AbortController();
    const said = outcomeOf(eliza.say({}));
    const aborted = outcomeOf(eliza.say({}, { signal: abort.signal }));
    const single = rx.say({}).subscribe();
    const stream = rx.introduce({}).subscribe();
    await jest.advanceTimersByTimeAsync(0);
    answerSay(engine.requests[0] as never, 'ho');
    abort.abort();
    single.unsubscribe();
    stream.unsubscribe();
    await jest.advanceTimersByTimeAsync(0);
    expect([said.isOver, aborted.code]).toEqual([true, Code.Canceled]);

    const closed = outcomeOf(channel.close());
    const late = outcomeOf(eliza.say({}));
    await jest.advanceTimersByTimeAsync(0);
    expect([closed.isOver, engine.ends]).toEqual([true, ['close']]);
    expect(late).toMatchObject({ code: Code.Unavailable, message: 'the client of memory is closed' });
  });
});
