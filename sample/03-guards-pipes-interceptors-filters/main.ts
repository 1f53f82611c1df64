/**
 * Serves the theater, and prints a token that it accepts: `npm run sample:03`.
 */
import { type AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectServer } from 'nestjs-connect';
import { Tokens } from './auth/tokens.js';
import { withRequestId } from './calls/request-id.js';
import { TheaterModule } from './theater.module.js';

const app = await NestFactory.createMicroservice(TheaterModule, {
  strategy: new ConnectServer({ port: Number(process.env['PORT'] ?? 8080), around: withRequestId }),
});
app.enableShutdownHooks();
const { port }: AddressInfo = await app.listen();

new Logger('Theater').log(`Listening on http://localhost:${port}. To be let in:
  export TOKEN=${app.get(Tokens).sign('ada')}`);
