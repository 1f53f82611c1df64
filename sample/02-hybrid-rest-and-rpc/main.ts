/**
 * An ordinary Nest app on Express. Its one port answers REST, Connect, gRPC and gRPC-Web: `npm run sample:02`.
 */
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(Number(process.env['PORT'] ?? 3000));

const url = (await app.getUrl()).replace('[::1]', 'localhost');
new Logger('Orders').log(`Listening on ${url}. Try: curl ${url}/orders/1001`);
