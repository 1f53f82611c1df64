/**
 * A server as it is deployed: a Nest application with shutdown hooks in a process of its own, without a channel to its
 * parent that could hold it or end it. What its handlers do takes as long as their callers say. It prints its port, and a
 * line for every handler that begins.
 */
import 'reflect-metadata';
import { type ConnectContext, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { setTimeout as delay } from 'node:timers/promises';
import { map, of } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type ServerInit, startServer } from './server-forms.js';

const TICK_MS = 20;

@ConnectService(ElizaService)
class Patient {
  /** Answers after so many milliseconds; `Infinity`: never. */
  @Rpc()
  async say({ sentence }: SayRequest) {
    started();
    await after(Number(sentence));
    return { sentence: 'said' };
  }

  /** Emits for so many milliseconds; of large messages when there is a second word. */
  @Rpc()
  async *introduce({ name }: IntroduceRequest, context: ConnectContext) {
    started();
    const [ms, isLarge] = name.split(' ');
    const sentence = 'x'.repeat(isLarge === undefined ? 1 : 65_536);
    const end = performance.now() + Number(ms);
    while (performance.now() < end) {
      yield { sentence };
      await delay(TICK_MS, undefined, { signal: context.signal });
    }
  }

  /** The number of messages. */
  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    started();
    let messages = 0;
    for await (const _ of requests) {
      messages++;
    }
    return { sentence: String(messages) };
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    started();
    return requests.mapEach(({ sentence }) => of(sentence)).pipe(map((sentence) => ({ sentence })));
  }
}

function started(): void {
  process.stdout.write('started\n');
}

function after(ms: number): Promise<void> {
  return ms === Infinity ? new Promise(() => {}) : delay(ms);
}

const { port } = await startServer(JSON.parse(process.argv[2] ?? '') as ServerInit, [Patient]);
process.stdout.write(`${port}\n`);
