/**
 * A server for the official conformance suite: `node main.js STYLE`, started by the suite's runner.
 *
 * Written as a user would write an app: nothing here is known to the library.
 */
import { type AddressInfo } from 'node:net';
import { createRegistry } from '@bufbuild/protobuf';
import { ConsoleLogger, type INestApplicationContext, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectServer } from 'nestjs-connect';
import { encodeMessage, readMessage } from '../delimited.js';
import {
  type ServerCompatRequest,
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from '../gen/connectrpc/conformance/v1/server_compat_pb.js';
import { file_connectrpc_conformance_v1_service } from '../gen/connectrpc/conformance/v1/service_pb.js';
import { ConformanceModule } from './conformance.module.js';
import { GeneratorsRpc } from './generators.rpc.js';
import { ObservablesRpc } from './observables.rpc.js';

const HOST = '127.0.0.1';

/** stdout belongs to the runner. */
class StderrLogger extends ConsoleLogger {
  protected override printMessages(messages: unknown[], context?: string, logLevel?: LogLevel): void {
    super.printMessages(messages, context, logLevel, 'stderr');
  }
}

interface Served {
  readonly app: INestApplicationContext;
  readonly address: AddressInfo;
}

/** The ways to write the handlers, and to serve them. */
const STYLES: Readonly<Record<string, (request: ServerCompatRequest) => Promise<Served>>> = {
  observables: (request) => serve(ConformanceModule.serving(ObservablesRpc), request),
  generators: (request) => serve(ConformanceModule.serving(GeneratorsRpc), request),
  mounted: (request) => serveMounted(request),
};

async function serve(
  module: ReturnType<typeof ConformanceModule.serving>,
  request: ServerCompatRequest,
): Promise<Served> {
  const tls = tlsOptions(request);
  const strategy = new ConnectServer({
    host: HOST,
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    ...callOptions(request),
  });
  const app = await NestFactory.createMicroservice(module, { strategy, logger: logger() });
  const address: AddressInfo = await app.listen();
  return { app, address };
}

async function serveMounted(request: ServerCompatRequest): Promise<Served> {
  const httpsOptions = tlsOptions(request);
  const app = await NestFactory.create(ConformanceModule.mounted(ObservablesRpc, callOptions(request)), {
    logger: logger(),
    ...(httpsOptions === undefined ? {} : { httpsOptions }),
  });
  await app.listen(0, HOST);
  const address: AddressInfo = app.getHttpServer().address();
  return { app, address };
}

function callOptions({ messageReceiveLimit }: ServerCompatRequest) {
  return {
    receiveLimitBytes: messageReceiveLimit === 0 ? Infinity : messageReceiveLimit,
    http1Bidi: true,
    // Payloads carry the requests in `google.protobuf.Any`.
    jsonOptions: { registry: createRegistry(file_connectrpc_conformance_v1_service) },
  };
}

function tlsOptions({ useTls, serverCreds, clientTlsCert }: ServerCompatRequest) {
  if (!useTls || serverCreds === undefined) {
    return undefined;
  }
  const credentials = { key: Buffer.from(serverCreds.key), cert: Buffer.from(serverCreds.cert) };
  return clientTlsCert.length === 0
    ? credentials
    : { ...credentials, ca: Buffer.from(clientTlsCert), requestCert: true, rejectUnauthorized: true };
}

function logger(): StderrLogger {
  return new StderrLogger({ logLevels: ['fatal', 'error', 'warn'], colors: false });
}

const start = STYLES[process.argv[2] ?? 'observables'];
if (start === undefined) {
  throw new Error(`unknown style "${process.argv[2]}": use one of ${Object.keys(STYLES).join(', ')}`);
}
const request = await readMessage(ServerCompatRequestSchema, process.stdin);
const { app, address } = await start(request);
app.enableShutdownHooks();
process.stdout.write(
  encodeMessage(ServerCompatResponseSchema, {
    host: HOST,
    port: address.port,
    ...(request.useTls && request.serverCreds !== undefined ? { pemCert: request.serverCreds.cert } : {}),
  }),
);
