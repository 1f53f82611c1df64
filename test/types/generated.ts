/**
 * What `protoc-gen-nestjs-connect` writes compiles under every supported TypeScript, as TypeScript and as declarations, and
 * its written-out signatures are those of the mapped types in `lib`. Every `@ts-expect-error` must hit.
 *
 * Compiled as a consumer, as `handlers.ts` beside it.
 */
import { type DescService } from '@bufbuild/protobuf';
import { Injectable, Module } from '@nestjs/common';
import {
  type ConnectClient,
  ConnectClientsModule,
  type ConnectContext,
  type ConnectHandlers,
  ConnectService,
  Rpc,
  type RxConnectClient,
} from 'nestjs-connect';
import { map, type Observable, of } from 'rxjs';
import * as editionsDts from '../../generator/golden/gen/js/acme/editions/edition2024_connect.js';
import * as namesDts from '../../generator/golden/gen/js/acme/names/v1/names_connect.js';
import * as promiseDts from '../../generator/golden/gen/js/acme/promise/v1/promise_connect.js';
import * as talkDts from '../../generator/golden/gen/js/acme/talk/v1/talk_connect.js';
import * as legacyDts from '../../generator/golden/gen/js/legacy_connect.js';
import * as editions from '../../generator/golden/gen/ts/acme/editions/edition2024_connect.js';
import * as names from '../../generator/golden/gen/ts/acme/names/v1/names_connect.js';
import * as promise from '../../generator/golden/gen/ts/acme/promise/v1/promise_connect.js';
import { type Sentence } from '../../generator/golden/gen/ts/acme/shared/v1/shared_pb.js';
import {
  createTalkServiceMock,
  createTalkServiceRxMock,
  TalkServiceBase,
  TalkServiceClient,
  type TalkServiceHandler,
  TalkServiceRxClient,
} from '../../generator/golden/gen/ts/acme/talk/v1/talk_connect.js';
import { type SayResponse, TalkService } from '../../generator/golden/gen/ts/acme/talk/v1/talk_pb.js';
import * as legacy from '../../generator/golden/gen/ts/legacy_connect.js';

/** Fails to compile when a value of one type is none of the other, in either direction. */
function interchangeable<A, B>(_there: (a: A) => B, _back: (b: B) => A): void {}

// --- Right: the signatures are those of lib ------------------------------------------------------------------

type Talk = typeof TalkService;
interchangeable<ConnectHandlers<Talk>, TalkServiceHandler>(
  (mapped) => mapped,
  (written) => written,
);
interchangeable<ConnectClient<Talk>, TalkServiceClient>(
  (mapped) => mapped,
  (written) => written,
);
interchangeable<RxConnectClient<Talk>, TalkServiceRxClient>(
  (mapped) => mapped,
  (written) => written,
);
interchangeable<ConnectClient<typeof names.InjectableClient.service>, names.InjectableClient>(
  (mapped) => mapped,
  (written) => written,
);
interchangeable<ConnectClient<typeof promise.PromiseClient.service>, promise.PromiseClient>(
  (mapped) => mapped,
  (written) => written,
);
interchangeable<ConnectClient<typeof legacyDts.LegacyServiceClient.service>, legacyDts.LegacyServiceClient>(
  (mapped) => mapped,
  (written) => written,
);

// --- Right: services ----------------------------------------------------------------------------------------

@ConnectService(TalkService)
export class Unwritten extends TalkServiceBase {}

@ConnectService(TalkService)
export class Written extends TalkServiceBase {
  @Rpc()
  override say({ text }: Sentence, context: ConnectContext) {
    return { text: text + context.peer.address };
  }

  @Rpc()
  override async *converse(sentences: AsyncIterable<Sentence>) {
    for await (const { text } of sentences) {
      yield { text };
    }
  }

  @Rpc()
  override reflect(sentences: Observable<Sentence>) {
    void sentences;
    return of({ text: '' });
  }
}

export abstract class Implementing implements TalkServiceHandler {
  abstract say: TalkServiceHandler['say'];
  abstract introduce: TalkServiceHandler['introduce'];
  abstract reflect: TalkServiceHandler['reflect'];
  abstract converse: TalkServiceHandler['converse'];
  abstract reset: TalkServiceHandler['reset'];
}

// --- Right: clients and mocks ---------------------------------------------------------------------------------

@Injectable()
export class Caller {
  constructor(
    private readonly talk: TalkServiceClient,
    private readonly rx: TalkServiceRxClient,
  ) {}

  async say(): Promise<SayResponse> {
    this.rx.say({ text: 'hi' }).subscribe();
    return this.talk.say({ text: 'hi' }, { timeoutMs: 5 });
  }
}

@Module({
  imports: [
    ConnectClientsModule.register([
      {
        url: 'http://a',
        services: [TalkServiceClient, TalkServiceRxClient, TalkService, names.ElizaRxClient$],
      },
      { url: 'http://b', services: [talkDts.OldServiceClient, legacyDts.LegacyServiceRxClient] },
    ]),
    ConnectClientsModule.registerAsync([
      { services: [editions.Edition2024ServiceClient], useFactory: () => ({ url: 'http://c' }) },
    ]),
  ],
})
export class CallerModule {}

createTalkServiceMock({ say: ({ text }) => ({ text }), introduce: () => [{ text: 'a' }] });
createTalkServiceRxMock({
  converse: (sentences) => sentences.pipe(map(({ text }) => ({ text }))),
  reset: async () => ({}),
});

// Everything that is exported, by both targets under the same name.
export const targets: readonly (readonly [object, object])[] = [
  [names, namesDts],
  [promise, promiseDts],
  [editions, editionsDts],
  [legacy, legacyDts],
];
interchangeable<typeof names, typeof namesDts>(
  (ts) => ts,
  (dts) => dts,
);

// --- Wrong ----------------------------------------------------------------------------------------------------

declare const talk: TalkServiceClient;
declare const read: DescService;

// @ts-expect-error a field that the message does not have
void talk.say({ texts: 'hi' });
// @ts-expect-error nobody makes one with new
export const made = new TalkServiceClient();
// @ts-expect-error a class that is no client
ConnectClientsModule.register([{ url: 'http://a', services: [TalkServiceBase] }]);
// @ts-expect-error a mocked method that the service does not have
createTalkServiceMock({ shout: () => ({}) });
// @ts-expect-error an answer of a wrong type
createTalkServiceMock({ say: () => ({ text: 1 }) });
// @ts-expect-error one message instead of a stream
createTalkServiceMock({ introduce: () => ({ text: 'a' }) });
// @ts-expect-error a service whose methods are not known is no client of this one
export const unknown: TalkServiceClient = ConnectClientsModule.createMock(read);

// @ts-expect-error a field that the response does not have, beside one that it has
@ConnectService(TalkService)
export class Misspelt extends TalkServiceBase {
  @Rpc()
  override say() {
    return { text: 'hi', texts: 'hi' };
  }
}

export class WrongRequest extends TalkServiceBase {
  // @ts-expect-error the request of another method
  override say(request: SayResponse) {
    return request;
  }
}
