/**
 * What `ConnectServer` does by itself: refuses, logs, answers, calls Nest's hooks. lifecycle.spec.ts has its start and end.
 */
import { describe, expect, it, jest } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EMPTY } from 'rxjs';
import { type ConnectContext, ConnectServer, ConnectService, Rpc } from 'nestjs-connect';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callStream, callUnary } from '../support/connect-calls.js';
import { ElizaEcho } from '../support/eliza-echo.js';
import { failOnUnhandled } from '../support/no-unhandled.js';

@ConnectService(ElizaService, { partial: true })
class PartialEliza {
  @Rpc()
  say() {
    return EMPTY;
  }
}

@Module({ controllers: [ElizaEcho] })
class ElizaModule {}

@Module({ controllers: [PartialEliza] })
class PartialModule {}

@Module({ controllers: [ElizaEcho, PartialEliza] })
class DuplicateModule {}

function server(): ConnectServer {
  return new ConnectServer({ host: '127.0.0.1', port: 0 });
}

function urlOf(address: unknown): string {
  return `http://127.0.0.1:${(address as { port: number }).port}/connectrpc.eliza.v1.ElizaService`;
}

failOnUnhandled();

describe('ConnectServer', () => {
  it('answers internal at once for an Observable without a value', async () => {
    const app = await NestFactory.createMicroservice(PartialModule, { strategy: server(), logger: false });
    const baseUrl = urlOf(await app.listen());
    expect(await callUnary(`${baseUrl}/Say`, {})).toMatchObject({ status: 500, body: { code: 'internal' } });
    await app.close();
  });

  it('answers unimplemented for a method that a partial service leaves out', async () => {
    const app = await NestFactory.createMicroservice(PartialModule, { strategy: server(), logger: false });
    const baseUrl = urlOf(await app.listen());
    expect(await callStream(`${baseUrl}/Introduce`, [{ name: 'Ada' }])).toEqual([
      {
        error: {
          code: 'unimplemented',
          message: '/connectrpc.eliza.v1.ElizaService/Introduce is not implemented',
        },
      },
    ]);
    await app.close();
  });

  it('logs where every method goes at start-up', async () => {
    const log = jest.fn();
    const app = await NestFactory.createMicroservice(PartialModule, {
      strategy: server(),
      logger: { log, error: () => {}, warn: () => {} },
    });
    await app.listen();
    await app.close();
    const lines = log.mock.calls.filter(([, context]) => context === 'ConnectServer').map(([line]) => line);
    expect(lines).toEqual([
      'Mapped {/connectrpc.eliza.v1.ElizaService/Say, unary} to PartialEliza.say',
      ...['Introduce, server streaming', 'Reflect, client streaming', 'Converse, bidi streaming'].map(
        (method) =>
          `Mapped {/connectrpc.eliza.v1.ElizaService/${method}} to nobody: it answers unimplemented`,
      ),
    ]);
  });

  it('refuses two classes for one method at start-up, and names both', async () => {
    const strategy = server();
    const app = await NestFactory.createMicroservice(DuplicateModule, {
      strategy,
      logger: false,
      abortOnError: false,
    });
    await expect(app.listen()).rejects.toThrow(
      /PartialEliza\.say and ElizaEcho\.say both handle \/connectrpc\.eliza\.v1\.ElizaService\/Say\. List only one/,
    );
    await strategy.close();
  });

  it('refuses to serve one class twice, as one server for two microservices would', async () => {
    const app = await NestFactory.create(PartialModule, { logger: false, abortOnError: false });
    const strategy = server();
    app.connectMicroservice({ strategy });
    expect(() => app.connectMicroservice({ strategy })).toThrow('PartialEliza.say was registered twice for');
    await app.close();
  });

  it('names class, method and option when a setting of @Rpc() is wrong', async () => {
    @ConnectService(ElizaService, { partial: true })
    class Misconfigured {
      @Rpc({ bufferBytes: -1 })
      say() {
        return {};
      }
    }
    @Module({ controllers: [Misconfigured] })
    class MisconfiguredModule {}
    const app = await NestFactory.createMicroservice(MisconfiguredModule, {
      strategy: server(),
      logger: false,
      abortOnError: false,
    });
    await expect(app.listen()).rejects.toThrow(
      '@Rpc() of Misconfigured.say: bufferBytes is -1: expected a number from 0',
    );
  });

  it('runs the processing hooks around a call, once each', async () => {
    const strategy = server();
    const events: string[] = [];
    strategy.setOnProcessingStartHook((_id, context, done) => {
      events.push(`start ${(context as ConnectContext).method.name}`);
      void done();
    });
    let ended: () => void;
    const isOver = new Promise<void>((resolve) => (ended = resolve));
    strategy.setOnProcessingEndHook((_id, context) => {
      events.push(`end ${(context as ConnectContext).method.name}`);
      ended();
    });
    const app = await NestFactory.createMicroservice(ElizaModule, { strategy, logger: false });
    const baseUrl = urlOf(await app.listen());
    await callStream(`${baseUrl}/Introduce`, [{ name: 'Ada' }]);
    await isOver;
    await app.close();
    expect(events).toEqual(['start Introduce', 'end Introduce']);
  });
});
