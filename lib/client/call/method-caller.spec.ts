import { describe, expect, it } from '@jest/globals';
import { NEVER, Observable, Subject, throwError } from 'rxjs';
import { ElizaService } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import {
  answerReflect,
  answerSay,
  beginStream,
  endStream,
  memoryEliza,
  sentTo,
} from '../../../test/support/memory-eliza.js';
import { turn } from '../../../test/support/memory-flow.js';
import { type MemoryClientExchange } from '../../../test/support/memory-http-client.js';
import { Code } from '../../rpc/code.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type RpcHeaders } from '../../rpc/headers.js';
import { type CallSettings } from '../channel.js';

describe('MethodCaller: what leaves', () => {
  it('is sent to the path behind the prefix of the channel', () => {
    const { engine, eliza } = memoryEliza({ prefix: '/api' });
    void eliza.say({ sentence: 'hi' });
    expect(engine.request.head).toMatchObject({
      method: 'POST',
      target: '/api/connectrpc.eliza.v1.ElizaService/Say',
    });
  });

  it('has the headers of the channel, and those of the call instead of the same names', () => {
    const { engine, eliza } = memoryEliza({ headers: { 'x-a': 'channel', 'x-b': 'channel' } });
    void eliza.say({ sentence: 'hi' }, { headers: { 'X-B': ['call', 'again'] } });
    const names = ['x-a', 'x-b'].map((name) => engine.request.header(name));
    expect(names).toEqual(['channel', 'call, again']);
  });

  it('has every value of a header of the channel', () => {
    const { engine, eliza } = memoryEliza({ headers: { 'x-a': ['1', '2'] } });
    void eliza.say({ sentence: 'hi' }, { headers: { 'x-b': '3' } });
    expect(engine.request.header('x-a')).toBe('1, 2');
  });

  it.each([
    [undefined, undefined, undefined],
    [500, undefined, '500'],
    [500, 100, '100'],
    [500, Infinity, undefined],
  ])('tells the timeout: the channel has %p, the call %p', (ofChannel, ofCall, sent) => {
    const { engine, eliza } = memoryEliza(ofChannel === undefined ? {} : { timeoutMs: ofChannel });
    void eliza.say({ sentence: 'hi' }, ofCall === undefined ? {} : { timeoutMs: ofCall }).catch(() => {});
    expect(engine.request.header('connect-timeout-ms')).toBe(sent);
    engine.request.finish();
  });

  it('does not leave for a message that does not fit', async () => {
    const { engine, eliza } = memoryEliza();
    await expect(eliza.say('hi' as never)).rejects.toMatchObject({ code: Code.InvalidArgument });
    expect(engine.requests).toEqual([]);
  });

  it.each<[string, string | undefined]>([
    ['success', undefined],
    ['failure', 'not_found'],
  ])('is told of trailers at the end of a stream, which are none: %s', (_name, code) => {
    const { engine, eliza } = memoryEliza();
    const told: unknown[] = [];
    const onTrailers = (trailers: RpcHeaders) => told.push(trailers.toList());
    eliza.introduce({}, { onTrailers }).subscribe({ error: () => {} });
    endStream(beginStream(engine.request), code);
    expect(told).toEqual([[]]);
  });

  it('does not leave before a stream is consumed, and then once', () => {
    const { engine, eliza } = memoryEliza();
    const stream = eliza.introduce({ name: 'Ada' });
    expect(engine.requests).toEqual([]);
    stream.subscribe({ error: () => {} });
    expect(engine.requests).toHaveLength(1);
    const errors: unknown[] = [];
    stream.subscribe({ error: (error) => errors.push(error) });
    expect(String(errors[0])).toContain('Rx client');
    expect(engine.requests).toHaveLength(1);
  });

  it('leaves with each subscription of the Rx client', () => {
    const { engine, rx } = memoryEliza();
    const say$ = rx.say({ sentence: 'hi' });
    const introduce$ = rx.introduce({ name: 'Ada' });
    expect(engine.requests).toEqual([]);
    for (const call$ of [say$, say$, introduce$, introduce$] as Observable<unknown>[]) {
      call$.subscribe({ error: () => {} });
    }
    expect(engine.requests).toHaveLength(4);
  });
});

describe('MethodCaller: streams of requests', () => {
  it('asks an iterable for no more than the server takes', async () => {
    const { engine, eliza } = memoryEliza();
    engine.isSlow = true;
    let produced = 0;
    function* requests() {
      for (;;) {
        yield { sentence: String(produced++) };
      }
    }
    const reflected = eliza.reflect(requests());
    await turn();
    expect([produced, sentTo(engine.request)]).toEqual([1, ['0']]);
    engine.request.drain();
    expect(produced).toBeGreaterThan(1);
    answerReflect(engine.request, 'enough');
    expect(await reflected).toMatchObject({ sentence: 'enough' });
  });

  it('sends what an Observable emits, and half-closes behind it', async () => {
    const { engine, eliza } = memoryEliza();
    const requests = new Subject<{ sentence: string }>();
    const reflected = eliza.reflect(requests);
    requests.next({ sentence: 'a' });
    requests.next({ sentence: 'b' });
    expect([sentTo(engine.request), engine.request.isRequestComplete]).toEqual([['a', 'b'], false]);
    requests.complete();
    expect(engine.request.isRequestComplete).toBe(true);
    answerReflect(engine.request, 'a b');
    expect(await reflected).toMatchObject({ sentence: 'a b' });
  });

  it('fails, and resets, when a push source is faster than its server and the buffer is full', async () => {
    const { engine, eliza } = memoryEliza({ bufferBytes: 100 });
    const requests = new Subject<{ sentence: string }>();
    const reflected = eliza.reflect(requests);
    engine.request.takesMore = false;
    for (let i = 0; i < 5; i++) {
      requests.next({ sentence: 'x'.repeat(50) });
    }
    await expect(reflected).rejects.toMatchObject({
      code: Code.ResourceExhausted,
      rawMessage: expect.stringMatching(/Reflect .*buffer of 100 bytes is full/),
    });
    expect([engine.request.isReset, requests.observed]).toEqual([true, false]);
  });

  it.each<[string, unknown, Code, string]>([
    ['fail', throwError(() => new Error('no words')), Code.Canceled, 'the requests failed: Error: no words'],
    [
      'are no stream',
      { sentence: 'hi' },
      Code.InvalidArgument,
      'takes a stream of requests, but got a plain object',
    ],
    ['are nothing', undefined, Code.InvalidArgument, 'takes a stream of requests, but got undefined'],
  ])('fails when they %s', async (_what, requests, code, text) => {
    const { engine, eliza } = memoryEliza();
    const error = (await eliza.reflect(requests as never).catch((e: unknown) => e)) as ConnectError;
    expect([error.code, error.rawMessage]).toEqual([code, expect.stringContaining(text)]);
    expect(engine.request.isReset).toBe(true);
  });

  it('lets go of its source when the server has answered', async () => {
    const { engine, eliza } = memoryEliza();
    let torn = 0;
    const requests = new Observable<{ sentence: string }>(() => () => torn++);
    const reflected = eliza.reflect(requests);
    answerReflect(engine.request, 'early');
    expect(await reflected).toMatchObject({ sentence: 'early' });
    expect(torn).toBe(1);
  });
});

describe('MethodCaller: ends', () => {
  it('cancels when an Rx call is unsubscribed, and not after its answer', () => {
    const { engine, rx } = memoryEliza();
    const answers: string[] = [];
    rx.say({ sentence: 'a' })
      .subscribe(({ sentence }) => answers.push(sentence))
      .unsubscribe();
    expect(engine.requests[0]?.isReset).toBe(true);

    const subscription = rx.say({ sentence: 'b' }).subscribe(({ sentence }) => answers.push(sentence));
    const second = engine.requests[1] as MemoryClientExchange;
    answerSay(second, 'B');
    subscription.unsubscribe();
    expect([answers, second.isReset]).toEqual([['B'], false]);
  });

  it('cancels a stream when its subscriber or its loop leaves', async () => {
    const { engine, eliza } = memoryEliza();
    eliza.converse(NEVER).subscribe().unsubscribe();
    const iterator = eliza.converse(NEVER)[Symbol.asyncIterator]();
    const next = iterator.next();
    await iterator.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(engine.requests.map(({ isReset }) => isReset)).toEqual([true, true]);
  });

  it('cancels by signal, and listens to it no longer than the call', async () => {
    const { engine, eliza } = memoryEliza();
    const controller = new AbortController();
    const said = eliza.say({ sentence: 'hi' }, { signal: controller.signal });
    answerSay(engine.request, 'HI');
    expect(await said).toMatchObject({ sentence: 'HI' });
    controller.abort();
    expect(engine.request.isReset).toBe(false);

    const canceled = eliza.say({ sentence: 'hi' }, { signal: AbortSignal.timeout(1) });
    await expect(canceled).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(engine.requests[1]?.isReset).toBe(true);
  });
});

describe('Channel', () => {
  it('compiles a method once', () => {
    const { channel } = memoryEliza();
    const { say, reflect } = ElizaService.method;
    expect(channel.caller(say)).toBe(channel.caller(say));
    expect(channel.caller(say)).not.toBe(channel.caller(reflect));
  });

  it('ends with its engine', async () => {
    const { engine, channel } = memoryEliza();
    await channel.close();
    channel.destroy();
    expect(engine.ends).toEqual(['close', 'destroy']);
  });

  it.each<[CallSettings, string]>([
    [{ protocol: 'soap' }, 'protocol is "soap": expected one of connect, grpc, grpc-web'],
    [{ codec: 'xml' }, 'codec is "xml": expected one of proto, json'],
    [{ requestCompression: 'lzw' }, 'requestCompression is "lzw": expected one of gzip'],
    [{ headers: { 'a b': 'c' } }, '"a b" is not a header name'],
  ])('refuses %j', (settings, text) => {
    expect(() => memoryEliza(settings)).toThrow(text);
  });
});
