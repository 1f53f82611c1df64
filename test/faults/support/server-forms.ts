/**
 * The forms in which a server runs under attack: by itself, with TLS, or on the HTTP server of a Nest application
 * beside its REST routes.
 */
import { Controller, Get, type INestApplicationContext, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectModule, ConnectServer, type ConnectServerOptions } from 'nestjs-connect';
import { type Server as HttpServer } from 'node:http';
import { type AddressInfo, type Server } from 'node:net';
import { HttpEngine } from '../../../lib/server/engine.js';
import { REST } from './vital-signs.js';

export type ServerForm = 'stand-alone' | 'TLS' | 'mounted';

/** What a program is started with, as JSON in its first argument. */
export interface ServerInit {
  readonly form: ServerForm;
  /** For TLS with key and certificate; for a mounted server without where to listen. */
  readonly options: Omit<ConnectServerOptions, 'port'>;
}

/** A server that listens on a free port of the loopback interface. */
export interface StartedServer {
  readonly app: INestApplicationContext;
  readonly server: Server;
  readonly engine: HttpEngine;
  readonly port: number;
}

@Controller(REST)
class RestController {
  @Get()
  get(): string {
    return 'rest';
  }
}

export function startServer(init: ServerInit, controllers: Type[]): Promise<StartedServer> {
  return init.form === 'mounted'
    ? startMounted(init.options, controllers)
    : startStandAlone(init.options, controllers);
}

/** Shows the engine, which is nobody's business but a test's. */
class ObservedServer extends ConnectServer {
  get observedEngine(): HttpEngine {
    return this.engine;
  }
}

async function startStandAlone(options: ServerInit['options'], controllers: Type[]): Promise<StartedServer> {
  @Module({ controllers })
  class AppModule {}
  const strategy = new ObservedServer({ host: '127.0.0.1', port: 0, ...options });
  const app = await NestFactory.createMicroservice(AppModule, { strategy, logger: false });
  app.enableShutdownHooks();
  // ConnectServer hands its address to Nest, which types the result as nothing.
  const { port } = (await app.listen()) as unknown as { port: number };
  return { app, server: strategy.unwrap<Server>(), engine: strategy.observedEngine, port };
}

const CHECK_MS = 50;

async function startMounted(options: ServerInit['options'], controllers: Type[]): Promise<StartedServer> {
  @Module({ imports: [ConnectModule.forRoot(options)], controllers: [...controllers, RestController] })
  class AppModule {}
  const attached = observeAttach();
  const app = await NestFactory.create(AppModule, { logger: false });
  app.enableShutdownHooks();
  const server = app.getHttpServer() as HttpServer & { connectionsCheckingInterval: number };
  // With ConnectModule these are settings of the application's server. (docs/limits.md)
  server.headersTimeout = options.timeouts?.headersMs ?? server.headersTimeout;
  server.keepAliveTimeout = options.timeouts?.http1KeepAliveMs ?? server.keepAliveTimeout;
  server.connectionsCheckingInterval = CHECK_MS;
  await app.listen(0, '127.0.0.1');
  return { app, server, engine: attached(), port: (server.address() as AddressInfo).port };
}

/** The module keeps its engine to itself. */
function observeAttach(): () => HttpEngine {
  const engines: HttpEngine[] = [];
  // oxlint-disable-next-line unbound-method -- called with the engine it belongs to
  const { attach } = HttpEngine.prototype;
  HttpEngine.prototype.attach = function (this: HttpEngine, ...args) {
    engines.push(this);
    attach.apply(this, args);
  };
  return () => {
    const [engine] = engines;
    if (engine === undefined) {
      throw new Error('ConnectModule did not mount its engine');
    }
    return engine;
  };
}
