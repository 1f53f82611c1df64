/**
 * `ConnectModule` on an Express app: one port for REST routes and all three protocols.
 */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Body, Controller, Get, type INestApplication, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ConnectModuleOptions, ConnectModule, ConnectServer } from 'nestjs-connect';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callStream, callUnary } from '../support/connect-calls.js';
import { ElizaEcho } from '../support/eliza-echo.js';

@Controller('rest')
class RestController {
  @Get('health')
  health() {
    return { status: 'up' };
  }

  @Post('echo')
  echo(@Body() body: unknown) {
    return body;
  }
}

const apps: INestApplication[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function mount(
  options: ConnectModuleOptions = {},
  prepare: (app: INestApplication) => Promise<unknown> = () => Promise.resolve(),
): Promise<string> {
  @Module({
    imports: [
      ConnectModule.forRootAsync({
        imports: [],
        inject: [],
        useFactory: () => Promise.resolve(options),
      }),
    ],
    controllers: [RestController, ElizaEcho],
  })
  class AppModule {}
  const app: INestApplication = await NestFactory.create(AppModule, { logger: false });
  apps.push(app);
  await prepare(app);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

const SAY = '/connectrpc.eliza.v1.ElizaService/Say';

describe('ConnectModule on Express', () => {
  it('leaves REST routes, body parsers and 404s as they were', async () => {
    const url = await mount();
    expect(await (await fetch(`${url}/rest/health`)).json()).toEqual({ status: 'up' });
    const echo = await fetch(`${url}/rest/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":1}',
    });
    expect(await echo.json()).toEqual({ a: 1 });
    const missing = await fetch(`${url}/nowhere`, { method: 'POST', body: '{}' });
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ message: 'Cannot POST /nowhere' });
  });

  it('serves Connect over HTTP/1.1, unary and stream', async () => {
    const url = await mount();
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toEqual({ status: 200, body: { sentence: 'hi' } });
    expect(
      await callStream(`${url}/connectrpc.eliza.v1.ElizaService/Introduce`, [{ name: 'A' }]),
    ).toHaveLength(4);
  });

  it('serves gRPC over HTTP/2 on the same port', async () => {
    const url = await mount();
    const client = createClient(ElizaService, createGrpcTransport({ baseUrl: url }));
    expect(await client.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
    const sentences: string[] = [];
    for await (const { sentence } of client.converse(twice('ho'))) {
      sentences.push(sentence);
    }
    expect(sentences).toEqual(['ho', 'ho']);
  });

  it('serves under a prefix, and nowhere else', async () => {
    const url = await mount({ prefix: 'rpc/' });
    expect(await callUnary(`${url}/rpc${SAY}`, { sentence: 'hi' })).toMatchObject({ status: 200 });
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({
      status: 404,
      body: { statusCode: 404 },
    });
  });

  it('takes its options', async () => {
    const url = await mount({ receiveLimitBytes: 10 });
    expect(await callUnary(url + SAY, { sentence: 'longer than that' })).toMatchObject({
      status: 429,
      body: { code: 'resource_exhausted' },
    });
  });

  it('goes together with a microservice: the same handlers on two ports', async () => {
    const strategy = new ConnectServer({ host: '127.0.0.1', port: 0 });
    const url = await mount({}, async (app) => {
      app.connectMicroservice({ strategy });
      await app.startAllMicroservices();
    });
    const { port } = strategy.unwrap<{ address(): { port: number } }>().address();
    expect(await callUnary(url + SAY, { sentence: 'one' })).toMatchObject({ body: { sentence: 'one' } });
    expect(await callUnary(`http://127.0.0.1:${port}${SAY}`, { sentence: 'two' })).toMatchObject({
      body: { sentence: 'two' },
    });
  });

  it('ends HTTP/2 connections when the app closes', async () => {
    const url = await mount();
    const session = connect(url);
    await once(session, 'remoteSettings');
    const closed = once(session, 'close');
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await closed;
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('does nothing under createMicroservice', async () => {
    @Module({ imports: [ConnectModule.forRoot()], controllers: [ElizaEcho] })
    class MicroserviceModule {}
    const strategy = new ConnectServer({ host: '127.0.0.1', port: 0 });
    const app = await NestFactory.createMicroservice(MicroserviceModule, { strategy, logger: false });
    const { port } = (await app.listen()) as unknown as { port: number };
    expect(await callUnary(`http://127.0.0.1:${port}${SAY}`, { sentence: 'hi' })).toMatchObject({
      status: 200,
    });
    await app.close();
  });
});

async function* twice(sentence: string) {
  yield { sentence };
  yield { sentence };
}
