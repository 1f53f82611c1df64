/**
 * A client in a process of its own: its memory is its own, and a crash or an unhandled rejection is an exit that somebody
 * sees. Sockets and sessions are noted where they are made, since those that do not hold the process are in no list of Node's.
 */
import { type EventEmitter } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http2, { type ClientHttp2Session } from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import net, { type Socket } from 'node:net';
import { type Channel, createChannel, createClient } from 'nestjs-connect/client';
import { timerWheel } from '../../../lib/rpc/timer-wheel.js';
import { ElizaService } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { answerQuestions, collectGarbage, heapBytes } from '../../support/answering-program.js';
import { type Eliza } from './client-cases.js';
import {
  type ClientAnswer,
  type ClientQuestion,
  type ClientSigns,
  type Load,
  type LoadKind,
} from './client-program-messages.js';
import { codeOf, countOutcomes } from './outcomes.js';

const sockets = new Set<Socket>();
const sessions = new Set<ClientHttp2Session>();

/** Replaces a function of a module of Node's by one that notes what it returns, until that is closed. */
function note<T extends EventEmitter>(module: object, name: string, made: Set<T>): void {
  const functions = module as Record<string, (...args: unknown[]) => T>;
  const make = functions[name] as (...args: unknown[]) => T; // It is there.
  functions[name] = (...args) => {
    const result = make(...args);
    made.add(result);
    result.once('close', () => made.delete(result));
    return result;
  };
}

note(net, 'connect', sockets);
note(http2, 'connect', sessions);
syncBuiltinESMExports();

const channels = new Map<string, Channel>();

function channelOf({ url, protocol, httpVersion }: Load): Channel {
  const key = `${url} ${protocol} ${httpVersion}`;
  const channel = channels.get(key) ?? createChannel({ url, protocol, httpVersion });
  channels.set(key, channel);
  return channel;
}

const REQUESTS = [{ sentence: 'one' }, { sentence: 'two' }, { sentence: 'three' }];

type Options = { readonly timeoutMs?: number };

const CALLS: Readonly<Record<LoadKind, (eliza: Eliza, options: Options) => Promise<unknown>>> = {
  unary: (eliza, options) => eliza.say({ sentence: 'hi' }, options),
  'server stream': (eliza, options) => readAll(eliza.introduce({ name: 'count:3' }, options)),
  'client stream': (eliza, options) => eliza.reflect(REQUESTS, options),
  'bidi stream': (eliza, options) => readAll(eliza.converse(REQUESTS, options)),
  async 'canceled stream'(eliza, options) {
    for await (const _ of eliza.introduce({ name: 'generator' }, options)) {
      break;
    }
  },
};

async function readAll(replies: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of replies);
}

async function run(load: Load): Promise<Record<string, number>> {
  const eliza = createClient(ElizaService, channelOf(load));
  const options = load.timeoutMs === undefined ? {} : { timeoutMs: load.timeoutMs };
  return countOutcomes(() => codeOf(CALLS[load.kind](eliza, options)), load);
}

function countListeners(emitter: EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

/** Of the kernel: no sample of our own is taken while zlib works. */
function peakRssBytes(): number {
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

async function takeSigns(): Promise<ClientSigns> {
  const peak = peakRssBytes();
  await collectGarbage();
  writeFileSync('/proc/self/clear_refs', '5'); // The peak begins anew.
  return {
    heapBytes: heapBytes(),
    rssBytes: process.memoryUsage.rss(),
    peakRssBytes: peak,
    sockets: sockets.size,
    sessions: sessions.size,
    listeners: [process, ...sockets, ...sessions].reduce((sum, emitter) => sum + countListeners(emitter), 0),
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    wheelTimers: timerWheel.size,
  };
}

answerQuestions<ClientQuestion, ClientAnswer>(0, async (question) =>
  question.kind === 'load'
    ? { kind: 'ends', ends: await run(question.load) }
    : { kind: 'signs', signs: await takeSigns() },
);
