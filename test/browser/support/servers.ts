/**
 * What the page calls: one service, in each way in which an application can serve it.
 */
import { type AddressInfo } from 'node:net';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ConnectModule,
  type ConnectModuleOptions,
  ConnectServer,
  type ConnectServerOptions,
} from 'nestjs-connect';
import { createCertificates } from '../../support/certificates.js';
import { BrowserRpc, type Cancellations } from './browser.rpc.js';

export interface RunningServer {
  readonly url: string;
  readonly cancellations: Cancellations;
  close(): Promise<void>;
}

export type Start = (options: ConnectModuleOptions) => Promise<RunningServer>;

export async function startAlone(options: ConnectServerOptions): Promise<RunningServer> {
  @Module({ controllers: [BrowserRpc] })
  class AloneModule {}
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0, ...options });
  const app = await NestFactory.createMicroservice(AloneModule, { strategy, logger: false });
  const { port }: AddressInfo = await app.listen();
  return running(app, `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`);
}

/** Browsers speak HTTP/2 over TLS alone. */
export async function startWithTls(options: ConnectServerOptions): Promise<RunningServer> {
  const { server } = await createCertificates();
  return startAlone({ ...options, tls: server });
}

export async function startMounted(options: ConnectModuleOptions): Promise<RunningServer> {
  @Module({ imports: [ConnectModule.forRoot(options)], controllers: [BrowserRpc] })
  class MountedModule {}
  const app = await NestFactory.create(MountedModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  return running(app, await app.getUrl());
}

function running(app: INestApplicationContext, url: string): RunningServer {
  return { url, cancellations: app.get(BrowserRpc).cancellations, close: () => app.close() };
}
