/**
 * What `protoc-gen-nestjs-connect` writes, in an application: clients that are injected by their type alone, a base class
 * whose methods answer `unimplemented`, and mocks. The code is that of the generator's golden files, in both languages.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  Inject,
  Injectable,
  type INestApplicationContext,
  Ip,
  Module,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import {
  Code,
  ConnectClientsModule,
  ConnectConfigError,
  type ConnectContext,
  ConnectError,
  ConnectService,
  getConnectClientToken,
  getRxConnectClientToken,
  InjectConnectClient,
  Rpc,
} from 'nestjs-connect';
import { type ConnectTestServer, serveInMemory, serveOnPort } from 'nestjs-connect/testing';
import { firstValueFrom, from, map, type Observable, of, throwError, toArray } from 'rxjs';
import * as javascript from '../../generator/golden/gen/js/acme/talk/v1/talk_connect.js';
import { methodsClient } from '../../generator/golden/gen/ts/acme/names/v1/names_connect.js';
import {
  createTalkServiceMock,
  createTalkServiceRxMock,
  EmptyServiceBase,
  EmptyServiceClient,
  TalkServiceBase,
  TalkServiceClient,
  TalkServiceRxClient,
} from '../../generator/golden/gen/ts/acme/talk/v1/talk_connect.js';
import { EmptyService, TalkService } from '../../generator/golden/gen/ts/acme/talk/v1/talk_pb.js';
import { type Sentence } from '../../generator/golden/gen/ts/acme/shared/v1/shared_pb.js';
import { failOnUnhandled } from '../support/no-unhandled.js';

const WORDS = [{ text: 'a' }, { text: 'b' }];

/** TalkService, with a method more. */
const HOOKED: typeof TalkService = {
  ...TalkService,
  methods: [
    ...TalkService.methods,
    { ...TalkService.method.say, name: 'OnModuleInit', localName: 'onModuleInit' },
  ],
};

/** Injected with no `@Inject()`: the types are the tokens. */
@Injectable()
class Talk {
  constructor(
    readonly talk: TalkServiceClient,
    readonly rx: TalkServiceRxClient,
  ) {}
}

/** Everything but `reset`. */
@ConnectService(TalkService)
class Talker extends TalkServiceBase {
  @Rpc()
  override say({ text }: Sentence) {
    return { text };
  }

  @Rpc()
  override introduce() {
    return WORDS;
  }

  @Rpc()
  override async reflect(sentences: AsyncIterable<Sentence>, _context: ConnectContext) {
    const texts: string[] = [];
    for await (const { text } of sentences) {
      texts.push(text);
    }
    return { text: texts.join(' ') };
  }

  @Rpc()
  override converse(sentences: Observable<Sentence>) {
    return sentences.pipe(map(({ text }) => ({ text })));
  }
}

interface Closable {
  close(): Promise<void>;
}

const running: Closable[] = [];

function track<T extends Closable>(closable: T): T {
  running.push(closable);
  return closable;
}

afterEach(async () => {
  for (const closable of running.splice(0).toReversed()) {
    await closable.close();
  }
});
failOnUnhandled();

async function serve(...controllers: Type<unknown>[]): Promise<ConnectTestServer> {
  return track(await serveInMemory(await Test.createTestingModule({ controllers }).compile()));
}

async function start(
  clients: DynamicModule,
  ...providers: Type<unknown>[]
): Promise<INestApplicationContext> {
  return track(await (await withClients(clients, ...providers).compile()).init());
}

function withClients(clients: DynamicModule, ...providers: Type<unknown>[]): TestingModuleBuilder {
  @Module({ imports: [clients], providers })
  class AppModule {}
  return Test.createTestingModule({ imports: [AppModule] });
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    (value) => Promise.reject(new Error(`succeeded with ${JSON.stringify(value)}`)),
    (error: ConnectError) => error,
  );
}

function all<T extends { text: string }>(stream: Observable<T>): Promise<string[]> {
  return firstValueFrom(
    stream.pipe(
      map(({ text }) => text),
      toArray(),
    ),
  );
}

async function expectTalk(talk: TalkServiceClient, rx: TalkServiceRxClient): Promise<void> {
  expect(await talk.say({ text: 'hi' })).toMatchObject({ text: 'hi' });
  expect(await all(talk.introduce({}))).toEqual(['a', 'b']);
  expect(await talk.reflect(WORDS)).toMatchObject({ text: 'a b' });
  expect(await all(talk.converse(of(...WORDS)))).toEqual(['a', 'b']);
  expect(await all(rx.say({ text: 'hi' }))).toEqual(['hi']);
  expect(await all(rx.introduce({}))).toEqual(['a', 'b']);
  expect(await all(rx.reflect(WORDS))).toEqual(['a b']);
  expect(await all(rx.converse(of(...WORDS)))).toEqual(['a', 'b']);
}

describe('generated client classes', () => {
  it.each([
    [
      'register',
      (url: string) =>
        ConnectClientsModule.register([{ url, services: [TalkServiceClient, TalkServiceRxClient] }]),
    ],
    [
      'registerAsync',
      (url: string) =>
        ConnectClientsModule.registerAsync([
          { services: [TalkServiceClient, TalkServiceRxClient], useFactory: () => ({ url }) },
        ]),
    ],
  ])('are injected by their type alone, and call: %s', async (_form, register) => {
    const module = await Test.createTestingModule({ controllers: [Talker] }).compile();
    const { url } = track(await serveOnPort(module));
    const app = await start(register(url as string), Talk);
    const { talk, rx } = app.get(Talk, { strict: false });
    await expectTalk(talk, rx);
    expect(talk).toBe(app.get(getConnectClientToken(TalkService), { strict: false }));
    expect(rx).toBe(app.get(getRxConnectClientToken(TalkService), { strict: false }));
  });

  it('bring the tokens of the service with them, and need not be listed both', async () => {
    @Injectable()
    class ByDescriptor {
      constructor(
        @InjectConnectClient(TalkService) readonly byService: TalkServiceClient,
        @Inject(getRxConnectClientToken(TalkService)) readonly rx: TalkServiceRxClient,
        readonly byClass: TalkServiceClient,
      ) {}
    }
    const services = [TalkService, TalkServiceClient, EmptyServiceClient];
    const app = await start(
      ConnectClientsModule.register([{ url: 'http://nowhere', services }]),
      ByDescriptor,
    );
    const { byService, byClass, rx } = app.get(ByDescriptor, { strict: false });
    expect(byClass).toBe(byService);
    expect(Object.keys(rx)).toEqual(Object.keys(byService));
    expect(Object.keys(app.get(EmptyServiceClient, { strict: false }))).toEqual([]);
  });

  it('are not provided when only the service is listed, and Nest names the class', async () => {
    const clients = ConnectClientsModule.register([{ url: 'http://nowhere', services: [TalkService] }]);
    await expect(start(clients, Talk)).rejects.toThrow('TalkServiceClient');
  });

  it.each([
    [
      'in an entry with a name',
      { name: 'backup', services: [TalkServiceRxClient] },
      'clients[0] of ConnectClientsModule is named "backup", but lists TalkServiceRxClient, which is injected without a ' +
        'name. List the service, services: [TalkService], and inject it with @InjectConnectClient(TalkService, "backup").',
    ],
    [
      'of a service whose client would look like a promise',
      { services: [methodsClient] },
      'clients[0] of ConnectClientsModule lists acme.names.v1.methods, whose method Then makes its client look like a promise',
    ],
    [
      'of a service with a method that Nest would call by itself',
      { services: [HOOKED] },
      'clients[0] of ConnectClientsModule lists acme.talk.v1.TalkService, whose method OnModuleInit Nest would call as a lifecycle hook',
    ],
  ])('are refused %s', (_where, entry, message) => {
    const register = () => ConnectClientsModule.register([{ url: 'http://nowhere', ...entry }]);
    expect(register).toThrow(ConnectConfigError);
    expect(register).toThrow(message);
  });

  it.each([
    ['the same class in one entry', [[TalkServiceClient, TalkServiceClient]], 'clients[0]', 'clients[0]'],
    ['a class each in two entries', [[TalkServiceClient], [TalkServiceRxClient]], 'clients[0]', 'clients[1]'],
    ['a class here, the service there', [[TalkServiceClient], [TalkService]], 'clients[0]', 'clients[1]'],
  ])('fail at boot when they are registered twice: %s', async (_what, lists, first, second) => {
    const entries = lists.map((services) => ({ url: 'http://nowhere', services }));
    const message = (await errorOf(start(ConnectClientsModule.register(entries)))).message;
    expect(message).toContain('the client of acme.talk.v1.TalkService is registered twice: ');
    expect(message).toContain(`by ${first} of ConnectClientsModule`);
    expect(message).toContain(`and by ${second} of ConnectClientsModule`);
  });
});

describe('a generated base class', () => {
  it('lets methods that are not overridden answer unimplemented, in all four kinds', async () => {
    const guarded: string[] = [];
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext) {
        guarded.push(context.getHandler().name);
        return true;
      }
    }
    @UseGuards(Guard)
    @ConnectService(TalkService)
    class Nothing extends TalkServiceBase {}
    const talk = (await serve(Nothing)).client(TalkService);
    const calls = [talk.say({}), all(talk.introduce({})), talk.reflect([]), all(talk.converse([]))];
    const errors = await Promise.all(calls.map(errorOf));
    expect(guarded.toSorted()).toEqual(['converse', 'introduce', 'reflect', 'say']);
    expect(errors.map(({ code }) => code)).toEqual(calls.map(() => Code.Unimplemented));
    expect(errors.map(({ rawMessage }) => rawMessage)).toEqual(
      ['Say', 'Introduce', 'Reflect', 'Converse'].map(
        (name) => `/acme.talk.v1.TalkService/${name} is not implemented`,
      ),
    );
  });

  it('serves what is overridden, beside what is not', async () => {
    const server = await serve(Talker);
    await expectTalk(server.client(TalkService), server.rxClient(TalkService));
    expect(await errorOf(server.client(TalkService).reset({}))).toMatchObject({ code: Code.Unimplemented });
  });

  it('is one for several services of an application, and one may have no methods', async () => {
    @ConnectService(EmptyService)
    class Empty extends EmptyServiceBase {}
    @ConnectService(TalkService)
    class Other extends TalkServiceBase {
      @Rpc()
      override say(_request: Sentence, @Ip() _ip: string) {
        return { text: 'other' };
      }
    }
    const servers = [await serve(Talker, Empty), await serve(Other)];
    const texts = servers.map(async (server) => (await server.client(TalkService).say({ text: 'hi' })).text);
    expect(await Promise.all(texts)).toEqual(['hi', 'other']);
  });

  it('does not let an override without @Rpc() pass for unimplemented', () => {
    class Forgetful extends TalkServiceBase {
      override say({ text }: Sentence) {
        return { text };
      }
    }
    expect(() => ConnectService(TalkService)(Forgetful)).toThrow(
      'Forgetful.say overrides a method with @Rpc(), and has none itself: calls would not reach it',
    );
  });
});

describe('a generated mock', () => {
  it('answers as its methods say, in all four kinds, with plain objects, promises, iterables and Observables', async () => {
    const say = jest.fn(async ({ text }: Sentence) => ({ text }));
    const methods = {
      say,
      introduce: () => WORDS,
      reflect: (sentences: Observable<Sentence>) =>
        from(all(sentences)).pipe(map((texts) => ({ text: texts.join(' ') }))),
      converse: async (sentences: Observable<Sentence>) => sentences.pipe(map(({ text }) => ({ text }))),
    };
    await expectTalk(createTalkServiceMock(methods), createTalkServiceRxMock(methods));
    expect(say).toHaveBeenCalledTimes(2);
    expect(say).toHaveBeenCalledWith(
      expect.objectContaining({ $typeName: 'acme.shared.v1.Sentence', text: 'hi' }),
    );
  });

  it('takes its methods from an instance of a class, too', async () => {
    class FakeTalk {
      #said = 0;

      say() {
        return { text: String(++this.#said) };
      }
    }
    const talk = createTalkServiceMock(new FakeTalk());
    expect([await talk.say({}), await talk.say({})]).toMatchObject([{ text: '1' }, { text: '2' }]);
  });

  it('fails with unimplemented, and the name, where it has no method', async () => {
    const [talk, rx] = [createTalkServiceMock(), createTalkServiceRxMock({ say: () => ({}) })];
    const calls = [
      talk.say({}),
      all(talk.introduce({})),
      talk.reflect([]),
      all(rx.converse([])),
      talk.reset({}),
    ];
    const errors = await Promise.all(calls.map(errorOf));
    expect(errors.map(({ code }) => code)).toEqual(calls.map(() => Code.Unimplemented));
    expect(errors.map(({ rawMessage }) => rawMessage)).toEqual(
      ['Say', 'Introduce', 'Reflect', 'Converse', 'Reset'].map(
        (name) => `/acme.talk.v1.TalkService/${name} is not mocked`,
      ),
    );
  });

  it('fails with what its methods throw, reject with, and emit', async () => {
    const lost = new ConnectError('lost', { code: Code.DataLoss });
    const talk = createTalkServiceMock({
      say: () => {
        throw lost;
      },
      introduce: () => throwError(() => lost),
      reflect: () => Promise.reject(lost),
    });
    const errors = await Promise.all([talk.say({}), all(talk.introduce({})), talk.reflect([])].map(errorOf));
    expect(errors.map(({ code }) => code)).toEqual([Code.DataLoss, Code.DataLoss, Code.DataLoss]);
  });

  it('takes the place of a client, by its class or by its service', async () => {
    const clients = ConnectClientsModule.register([
      { url: 'http://nowhere', services: [TalkServiceClient, TalkServiceRxClient] },
    ]);
    const module = await withClients(clients, Talk)
      .overrideProvider(TalkServiceClient)
      .useValue(createTalkServiceMock({ say: () => ({ text: 'class' }) }))
      .overrideProvider(getRxConnectClientToken(TalkService))
      .useValue(createTalkServiceRxMock({ say: () => ({ text: 'service' }) }))
      .compile();
    const { talk, rx } = track(module).get(Talk, { strict: false });
    expect(await talk.say({})).toMatchObject({ text: 'class' });
    expect(await all(rx.say({}))).toEqual(['service']);
  });

  it('provides a client where no module does', async () => {
    const module = await Test.createTestingModule({
      providers: [
        Talk,
        { provide: TalkServiceClient, useValue: createTalkServiceMock({ say: ({ text }) => ({ text }) }) },
        { provide: TalkServiceRxClient, useValue: createTalkServiceRxMock() },
      ],
    }).compile();
    expect(await track(module).get(Talk).talk.say({ text: 'hi' })).toMatchObject({ text: 'hi' });
  });
});

describe('generated JavaScript', () => {
  it('provides clients, a base and mocks as TypeScript does', async () => {
    @ConnectService(javascript.TalkServiceClient.service)
    class Service extends javascript.TalkServiceBase {
      @Rpc()
      override say({ text }: Sentence) {
        return { text };
      }
    }
    const module = await Test.createTestingModule({ controllers: [Service] }).compile();
    const { url } = track(await serveOnPort(module));
    const clients = ConnectClientsModule.register([
      { url: url as string, services: [javascript.TalkServiceClient, javascript.TalkServiceRxClient] },
    ]);
    const app = await start(clients);
    const talk = app.get(javascript.TalkServiceClient, { strict: false });
    const rx = app.get(javascript.TalkServiceRxClient, { strict: false });
    expect(await talk.say({ text: 'hi' })).toMatchObject({ text: 'hi' });
    expect(await errorOf(all(rx.introduce({})))).toMatchObject({ code: Code.Unimplemented });
    expect(await javascript.createTalkServiceMock({ say: () => ({ text: 'mock' }) }).say({})).toMatchObject({
      text: 'mock',
    });
    expect(await errorOf(javascript.createTalkServiceMock().say({}))).toMatchObject({
      code: Code.Unimplemented,
    });
  });
});
