/**
 * Servers for the peers: the Eliza sample as it is, and a service that makes trouble.
 */
import { type AddressInfo } from 'node:net';
import { type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectServer, type ConnectServerOptions } from 'nestjs-connect';
import { ElizaModule } from '../../../sample/01-eliza/eliza.module.js';
import { type Certificates } from './certificates.js';
import { TroubleModule } from './trouble.module.js';

export interface RunningServer {
  readonly app: INestMicroservice;
  /** `host:port`. */
  readonly authority: string;
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

export function startEliza(options: ConnectServerOptions = {}): Promise<RunningServer> {
  return start(ElizaModule, options);
}

export function startTrouble(): Promise<RunningServer> {
  return start(TroubleModule, {});
}

/** What a server needs to speak TLS. */
export function tlsOf({ key, cert }: Certificates): ConnectServerOptions {
  return { tls: { key, cert } };
}

async function start(module: Type, options: ConnectServerOptions): Promise<RunningServer> {
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0, http1Bidi: true, ...options });
  const app = await NestFactory.createMicroservice(module, { strategy, logger: false });
  const { port }: AddressInfo = await app.listen();
  const authority = `127.0.0.1:${port}`;
  const scheme = options.tls === undefined ? 'http' : 'https';
  return { app, authority, url: `${scheme}://${authority}`, close: () => app.close() };
}
