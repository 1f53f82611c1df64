/**
 * Serves Eliza over Connect, gRPC and gRPC-Web, HTTP/1.1 and HTTP/2, on one port: `npm start`.
 */
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectServer } from 'nestjs-connect';
import { ElizaModule } from './eliza.module.js';

const port = Number(process.env['PORT'] ?? 8080);

const app = await NestFactory.createMicroservice(ElizaModule, {
  // Half-duplex Converse for clients that only have HTTP/1.1, such as curl.
  strategy: new ConnectServer({ port, http1Bidi: true }),
});
app.enableShutdownHooks();
await app.listen();

const url = `http://localhost:${port}`;
new Logger('Eliza').log(`Listening on ${url}. Try:
  curl -d '{"sentence":"I am sad"}' -H 'Content-Type: application/json' ${url}/connectrpc.eliza.v1.ElizaService/Say`);
