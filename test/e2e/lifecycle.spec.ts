/**
 * From `listen()` to the end, in every form of an app: what `status`, `on` and `unwrap` tell, who may close first, and what
 * a port that is taken does. The same on a signal, in a process of its own, is in `test/faults/sigterm.spec.ts`.
 */
import { Server } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type INestApplicationContext,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type Type,
} from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { firstValueFrom, type Observable, toArray } from 'rxjs';
import {
  ConnectModule,
  ConnectServer,
  type ConnectServerEvents,
  type ConnectServerStatus,
  ConnectService,
  Rpc,
} from 'nestjs-connect';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary } from '../support/connect-calls.js';
import { eventually } from '../support/eventually.js';

const SAY = '/connectrpc.eliza.v1.ElizaService/Say';
const HOST = '127.0.0.1';
const STATUSES = ['listening', 'draining', 'closed'] as const;

/** Its calls take until they are let go. */
@ConnectService(ElizaService, { partial: true })
class Held implements OnModuleDestroy, OnApplicationShutdown {
  static readonly held: (() => void)[] = [];

  static letGo(): void {
    Held.held.splice(0).forEach((resolve) => resolve());
  }

  onModuleDestroy(): void {}
  onApplicationShutdown(): void {}

  @Rpc()
  async say({ sentence }: SayRequest) {
    if (sentence === 'hold') {
      await new Promise<void>((resolve) => Held.held.push(resolve));
    }
    return { sentence };
  }
}

@Module({ controllers: [Held] })
class PlainModule {}

@Module({ imports: [ConnectModule.forRoot()], controllers: [Held] })
class MountedModule {}

/** What a strategy of Nest's has; `ConnectModule` has one of its own. */
interface Transport {
  readonly status: Observable<ConnectServerStatus>;
  on<E extends 'listening' | 'draining' | 'closed' | 'error'>(
    event: E,
    callback: ConnectServerEvents[E],
  ): void;
  close(): Promise<void>;
  unwrap<T>(): T;
}

/** An app that does not listen yet. */
interface Created {
  readonly app: INestApplicationContext;
  /** @returns What Nest's own method for it resolves with. */
  readonly listen: () => Promise<unknown>;
  /** Of what listens. */
  readonly server: () => Server;
}

type Create = (port?: number) => Promise<Created>;

const FORMS = {
  async 'stand-alone'(port = 0) {
    const strategy = new ConnectServer({ host: HOST, port });
    const app = await NestFactory.createMicroservice(PlainModule, { strategy, logger: false });
    await app.init();
    return { app, listen: () => app.listen(), server: () => strategy.unwrap<Server>() };
  },
  async hybrid(port = 0) {
    const app = await createApp(PlainModule);
    const strategy = new ConnectServer({ host: HOST, port });
    app.connectMicroservice({ strategy });
    return { app, listen: () => app.startAllMicroservices(), server: () => strategy.unwrap<Server>() };
  },
  async mounted(port = 0) {
    const app = await createApp(MountedModule);
    // This mounts.
    await app.init();
    return { app, listen: () => app.listen(port, HOST), server: () => app.getHttpServer() as Server };
  },
} as const satisfies Record<string, Create>;

const ALL_FORMS = Object.entries<Create>(FORMS);
const STRATEGY_FORMS = ALL_FORMS.filter(([name]) => name !== 'mounted');

const apps: INestApplicationContext[] = [];

afterEach(async () => {
  Held.letGo();
  jest.restoreAllMocks();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

function createApp(module: Type<unknown>) {
  return NestFactory.create(module, { logger: false });
}

async function make(create: Create, port?: number): Promise<Created & { readonly transport: Transport }> {
  const created = await create(port);
  apps.push(created.app);
  // Nest's list of what serves an application, as far as it has come.
  const targets = created.app.get(ModulesContainer).getRpcTargetRegistry<Transport>();
  return { ...created, transport: await firstValueFrom(targets) };
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

interface Recorded {
  /** What `on` told. */
  readonly events: string[];
  /** All that `status` emits, when it is complete. */
  readonly statuses: Promise<ConnectServerStatus[]>;
}

function record(transport: Transport): Recorded {
  const events: string[] = [];
  for (const event of ['listening', 'draining', 'closed'] as const) {
    transport.on(event, () => void events.push(event));
  }
  transport.on('error', (error) => void events.push((error as NodeJS.ErrnoException).code ?? error.message));
  return { events, statuses: firstValueFrom(transport.status.pipe(toArray())) };
}

type Close = (app: INestApplicationContext, transport: Transport) => Promise<unknown>;

const ORDERS: [string, Close][] = [
  ['app.close()', (app) => app.close()],
  ['app.close() twice at once', (app) => Promise.all([app.close(), app.close()])],
  ['app.close() and again when it is done', (app) => app.close().then(() => app.close())],
  ['the transport before the app', (app, transport) => transport.close().then(() => app.close())],
  ['the transport and the app at once', (app, transport) => Promise.all([transport.close(), app.close()])],
  ['the app before the transport', (app, transport) => app.close().then(() => transport.close())],
];

describe.each(ALL_FORMS)('the life of a server: %s', (name, create) => {
  it.each(ORDERS)('ends once, and lets running calls finish: %s', async (_order, close) => {
    const { app, transport, listen, server } = await make(create);
    // A mounted server is there from init() on.
    const { events, statuses } = record(transport);
    await listen();
    const url = `http://${HOST}:${portOf(server())}${SAY}`;
    const answer = callUnary(url, { sentence: 'hold' }, { connection: 'close' });
    await eventually(() => Held.held.length === 1);
    const closed = close(app, transport);
    await eventually(() => events.includes('draining'));
    Held.letGo();
    expect(await answer).toEqual({ status: 200, body: { sentence: 'hold' } });
    await closed;
    expect(events).toEqual(name === 'mounted' ? STATUSES.slice(1) : STATUSES);
    expect(await statuses).toEqual(STATUSES);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('lets calls finish before onApplicationShutdown, where providers release what handlers need', async () => {
    const order: string[] = [];
    const { app, listen, server } = await make(create);
    app.get(Held).onModuleDestroy = () => void order.push('onModuleDestroy');
    app.get(Held).onApplicationShutdown = () => void order.push('onApplicationShutdown');
    await listen();
    const url = `http://${HOST}:${portOf(server())}${SAY}`;
    const answer = callUnary(url, { sentence: 'hold' }, { connection: 'close' });
    await eventually(() => Held.held.length === 1);
    const closed = app.close();
    await eventually(() => name === 'stand-alone' || order.length === 1);
    order.push('handler');
    Held.letGo();
    expect(await answer).toMatchObject({ status: 200 });
    await closed;
    expect(order).toEqual(
      name === 'stand-alone'
        ? ['handler', 'onModuleDestroy', 'onApplicationShutdown']
        : ['onModuleDestroy', 'handler', 'onApplicationShutdown'],
    );
  });

  it('goes on when a listener throws, and says so', async () => {
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const { app, transport, listen } = await make(create);
    const { events } = record(transport);
    for (const event of STATUSES) {
      transport.on(event, () => {
        throw new Error(`no ${event}`);
      });
    }
    await listen();
    await app.close();
    const told = name === 'mounted' ? STATUSES.slice(1) : STATUSES;
    expect(events).toEqual(told);
    expect(logged.mock.calls.map(([text]) => text as unknown)).toEqual(
      told.map((event) => `a listener of "${event}" threw: Error: no ${event}`),
    );
  });

  it('tells whoever asks later where it is, and that it is over', async () => {
    const { app, transport, listen } = await make(create);
    await listen();
    expect(await firstValueFrom(transport.status)).toBe('listening');
    await app.close();
    expect(await firstValueFrom(transport.status.pipe(toArray()))).toEqual(['closed']);
  });

  it('can be closed before it listens', async () => {
    const { app, transport } = await make(create);
    const { statuses } = record(transport);
    await app.close();
    expect(await statuses).toEqual(name === 'mounted' ? STATUSES : STATUSES.slice(1));
  });

  it('listens, with port 0, where unwrap() says', async () => {
    const { transport, listen, server } = await make(create);
    await listen();
    expect(transport.unwrap()).toBe(server());
    const answer = await callUnary(`http://${HOST}:${portOf(transport.unwrap<Server>())}${SAY}`, {
      sentence: 'hi',
    });
    expect(answer).toEqual({ status: 200, body: { sentence: 'hi' } });
  });
});

describe.each(STRATEGY_FORMS)('a server that is closed while it begins to listen: %s', (_name, create) => {
  it('rejects listen(), and leaves no port open', async () => {
    const { transport, listen } = await make(create);
    const { contexts } = jest.spyOn(Server.prototype, 'listen').mock;
    const listening = listen().catch(String);
    expect(contexts).toHaveLength(1);
    await transport.close();
    expect(await listening).toContain('has been stopped');
    expect((contexts[0] as Server).listening).toBe(false);
  });
});

describe('listen() of a microservice', () => {
  it('resolves with the address', async () => {
    const { listen, server } = await make(FORMS['stand-alone']);
    const address = await listen();
    expect(address).toEqual({ host: HOST, port: portOf(server()) });
    expect(address).not.toMatchObject({ port: 0 });
  });
});

describe.each(STRATEGY_FORMS)('a port that is taken: %s', (_name, create) => {
  it('rejects, is told, and leaves an app that closes', async () => {
    const first = await make(FORMS['stand-alone']);
    await first.listen();
    const second = await make(create, portOf(first.server()));
    const { events, statuses } = record(second.transport);
    await expect(second.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(events).toEqual(['EADDRINUSE']);
    await second.app.close();
    expect(await statuses).toEqual(['error', 'draining', 'closed']);
  });

  it('does not keep another app of the process from listening elsewhere', async () => {
    const first = await make(FORMS['stand-alone']);
    await first.listen();
    const second = await make(create, portOf(first.server()));
    await expect(second.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const third = await make(create);
    await third.listen();
    for (const { server } of [first, third]) {
      const url = `http://${HOST}:${portOf(server())}${SAY}`;
      expect(await callUnary(url, { sentence: 'hi' })).toMatchObject({ status: 200 });
    }
  });
});
