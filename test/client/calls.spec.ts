/**
 * What is around a call, for the whole of it: retries and interceptors in three protocols and four kinds, against our own
 * server without a socket.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type ConnectContext, ConnectService, ConnectError, Code, Rpc, type RpcStream } from 'nestjs-connect';
import {
  type ClientInterceptor,
  type InterceptedCall,
  type NextCall,
  type RetryPolicy,
} from 'nestjs-connect/client';
import { type CallSettings, type ConnectTestServer, serveInMemory } from 'nestjs-connect/testing';
import { lastValueFrom, map, type Observable, toArray } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { failOnUnhandled } from '../support/no-unhandled.js';

failOnUnhandled();

/** Calls that fail before the next one succeeds. */
let failures = 0;
const authorizations: (string | undefined)[] = [];

function answer(context: ConnectContext): void {
  authorizations.push(context.requestHeaders.get('authorization'));
  if (failures-- > 0) {
    throw new ConnectError('not yet', { code: Code.Unavailable, metadata: { 'retry-after': '0' } });
  }
}

@ConnectService(ElizaService)
class FlakyEliza {
  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext) {
    answer(context);
    return { sentence };
  }

  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>, context: ConnectContext) {
    const sentences: string[] = [];
    for await (const { sentence } of requests) {
      sentences.push(sentence);
    }
    answer(context);
    return { sentence: sentences.join(' ') };
  }

  @Rpc()
  *introduce({ name }: IntroduceRequest, context: ConnectContext) {
    answer(context);
    yield { sentence: name };
    yield { sentence: 'bye' };
  }

  @Rpc()
  async *converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
    answer(context);
    for await (const { sentence } of requests) {
      yield { sentence };
    }
  }
}

@Module({ controllers: [FlakyEliza] })
class FlakyModule {}

let server: ConnectTestServer;

beforeEach(async () => {
  failures = 0;
  authorizations.length = 0;
  server = await serveInMemory(await Test.createTestingModule({ imports: [FlakyModule] }).compile());
});

afterEach(() => server.close());

const POLICY: RetryPolicy = { maxAttempts: 4, initialBackoffMs: 1 };

function texts(reply$: Observable<{ readonly sentence: string }>): Promise<string[]> {
  return lastValueFrom(
    reply$.pipe(
      map(({ sentence }) => sentence),
      toArray(),
    ),
  );
}

/** Calls of all four kinds; resolved with the texts of the replies. */
function callsOf(
  settings: CallSettings,
): readonly (readonly [kind: string, call: () => Promise<string[]>])[] {
  const rx = server.rxClient(ElizaService, settings);
  return [
    ['unary', () => texts(rx.say({ sentence: 'hi' }))],
    ['client streaming', () => texts(rx.reflect([{ sentence: 'a' }, { sentence: 'b' }]))],
    ['server streaming', () => texts(rx.introduce({ name: 'Ada' }))],
    ['bidi streaming', () => texts(rx.converse([{ sentence: 'a' }, { sentence: 'b' }]))],
  ];
}

const REPLIES = {
  unary: ['hi'],
  'client streaming': ['a b'],
  'server streaming': ['Ada', 'bye'],
  'bidi streaming': ['a', 'b'],
};

@Injectable()
class TokenInterceptor implements ClientInterceptor {
  async intercept(call: InterceptedCall, next: NextCall) {
    call.headers.set('authorization', await Promise.resolve('Bearer token'));
    return next(call);
  }
}

describe.each(['connect', 'grpc', 'grpc-web'])('Over %s, calls of all four kinds', (protocol) => {
  it('are retried until one succeeds', async () => {
    const replies: Record<string, string[]> = {};
    for (const [kind, call] of callsOf({ protocol, retry: { policies: [POLICY] } })) {
      failures = 3;
      replies[kind] = await call();
    }
    expect(replies).toEqual(REPLIES);
    expect(authorizations).toHaveLength(16);
  });

  it('fail when their attempts are used up', async () => {
    for (const [, call] of callsOf({ protocol, retry: { policies: [{ ...POLICY, maxAttempts: 2 }] } })) {
      failures = 2;
      await expect(call()).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: 'not yet' });
    }
    expect(authorizations).toHaveLength(8);
  });

  it('pass the interceptors, retries included', async () => {
    const interceptors = [
      (await Test.createTestingModule({ providers: [TokenInterceptor] }).compile()).get(TokenInterceptor),
    ];
    const replies: Record<string, string[]> = {};
    for (const [kind, call] of callsOf({ protocol, interceptors, retry: { policies: [POLICY] } })) {
      failures = 1;
      replies[kind] = await call();
    }
    expect(replies).toEqual(REPLIES);
    expect(authorizations).toEqual(Array(8).fill('Bearer token'));
  });
});
