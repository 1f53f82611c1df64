/**
 * Eliza's clients on an engine without a socket, over Connect: a spec reads what was requested, and answers by hand.
 */
import { type DescMessage, fromBinary, type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import {
  ElizaService,
  IntroduceResponseSchema,
  ReflectRequestSchema,
  ReflectResponseSchema,
  SayRequestSchema,
  SayResponseSchema,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type CallSettings, Channel, type ClientEngine } from '../../lib/client/channel.js';
import { type ClientOptions, createClient, createRxClient } from '../../lib/client/create-client.js';
import { encodeEnvelope } from '../../lib/wire/envelope.js';
import { EnvelopeReader } from '../../lib/wire/envelope-reader.js';
import { type MemoryClientExchange, MemoryHttpClient } from './memory-http-client.js';

export class MemoryEngine extends MemoryHttpClient implements ClientEngine {
  readonly ends: string[] = [];
  /** The server takes one write, and asks to wait. */
  isSlow = false;

  override open(...request: Parameters<MemoryHttpClient['open']>): MemoryClientExchange {
    const exchange = super.open(...request);
    exchange.takesMore = !this.isSlow;
    return exchange;
  }

  /** The request of the latest call, or attempt. */
  get latest(): MemoryClientExchange {
    const latest = this.requests.at(-1);
    if (latest === undefined) {
      throw new Error('nothing was requested');
    }
    return latest;
  }

  close(): Promise<void> {
    this.ends.push('close');
    return Promise.resolve();
  }

  destroy(): void {
    this.ends.push('destroy');
  }
}

export interface MemoryElizaSetup extends CallSettings {
  readonly prefix?: string;
  readonly client?: ClientOptions;
}

export function memoryEliza({ prefix = '', client, ...settings }: MemoryElizaSetup = {}) {
  const engine = new MemoryEngine();
  const channel = new Channel(engine, settings, { name: 'memory', prefix });
  return {
    engine,
    channel,
    eliza: createClient(ElizaService, channel, client),
    rx: createRxClient(ElizaService, channel, client),
  };
}

function bytesOf<D extends DescMessage>(type: D, init: MessageInitShape<D>): Uint8Array {
  return toBinary(type, create(type, init));
}

/** Answers `Say` with success. */
export function answerSay(
  exchange: MemoryClientExchange,
  sentence: string,
  headers: readonly string[] = [],
): void {
  exchange
    .headers(200, ['content-type', 'application/proto', ...headers])
    .data(bytesOf(SayResponseSchema, { sentence }))
    .finish();
}

/** Answers `Say` with an error. */
export function failSay(exchange: MemoryClientExchange, code: string, headers: readonly string[] = []): void {
  exchange
    .headers(503, ['content-type', 'application/json', ...headers])
    .data(Buffer.from(JSON.stringify({ code, message: `no. ${code}` })))
    .finish();
}

/** The request of a `Say`. */
export function saidTo(exchange: MemoryClientExchange): string {
  return fromBinary(SayRequestSchema, exchange.body).sentence;
}

/** The requests of a stream that were sent so far: all of Eliza's have one text in the same place. */
export function sentTo(exchange: MemoryClientExchange): string[] {
  const reader = new EnvelopeReader(Infinity);
  reader.push(exchange.body);
  const sentences: string[] = [];
  for (let payload = reader.read(); payload !== undefined; payload = reader.read()) {
    sentences.push(fromBinary(ReflectRequestSchema, payload).sentence);
  }
  return sentences;
}

export function answerReflect(exchange: MemoryClientExchange, sentence: string): void {
  beginStream(exchange)
    .data(encodeEnvelope(0, bytesOf(ReflectResponseSchema, { sentence })))
    .data(encodeEnvelope(2, Buffer.from('{}')))
    .finish();
}

/** The head of a stream's response. */
export function beginStream(
  exchange: MemoryClientExchange,
  headers: readonly string[] = [],
): MemoryClientExchange {
  return exchange.headers(200, ['content-type', 'application/connect+proto', ...headers]);
}

/** A message of `Introduce` or `Converse`, which look the same in bytes. */
export function streamed(sentence: string): Uint8Array {
  return encodeEnvelope(0, bytesOf(IntroduceResponseSchema, { sentence }));
}

/** Ends a stream that has begun; without a code, with success. */
export function endStream(
  exchange: MemoryClientExchange,
  code?: string,
  metadata: Readonly<Record<string, readonly string[]>> = {},
): void {
  const error = code === undefined ? {} : { error: { code, message: `no. ${code}` } };
  exchange.data(encodeEnvelope(2, Buffer.from(JSON.stringify({ ...error, metadata })))).finish();
}
