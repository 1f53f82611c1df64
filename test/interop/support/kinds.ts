/**
 * The four kinds of calls of the test service, called alike, by both flavours of our client.
 */
import { type StringValue } from '@bufbuild/protobuf/wkt';
import {
  type CallOptions,
  type ConnectClient,
  createClient,
  createRxClient,
  type RxConnectClient,
} from 'nestjs-connect/client';
import { concat, from, lastValueFrom, map, NEVER, type ObservableInput, toArray } from 'rxjs';
import { type TestServiceDesc } from './test-service.js';

export type TestClient = ConnectClient<TestServiceDesc> | RxConnectClient<TestServiceDesc>;

/** Words as the messages of one call; unary and server streaming have them all in one. */
export type Words = readonly string[];

export interface Kind {
  readonly name: string;
  /** The call is full duplex: over HTTP/2 only. */
  readonly needsHttp2: boolean;
  /** How many answers words get: one together, or one each. */
  readonly answers: (words: Words) => Words;
  call(client: TestClient, requests: Requests, options?: CallOptions): ObservableInput<StringValue>;
}

export interface Requests {
  readonly words: Words;
  /** A stream of requests does not end behind the words. */
  readonly staysOpen?: boolean;
}

const together = (words: Words): Words => [words.join(' ')];
const each = (words: Words): Words => words;

export const KINDS: readonly Kind[] = [
  {
    name: 'unary',
    needsHttp2: false,
    answers: together,
    call: (client, { words }, options) => client.say({ value: words.join(' ') }, options),
  },
  {
    name: 'client streaming',
    needsHttp2: false,
    answers: together,
    call: (client, requests, options) => client.collect(messages(requests), options),
  },
  {
    name: 'server streaming',
    needsHttp2: false,
    answers: each,
    call: (client, { words }, options) => client.watch({ value: words.join(' ') }, options),
  },
  {
    name: 'bidi streaming',
    needsHttp2: true,
    answers: each,
    call: (client, requests, options) => client.talk(messages(requests), options),
  },
];

export const FLAVOURS = [
  { name: 'promises and streams', create: createClient },
  { name: 'Observables', create: createRxClient },
];

/** @returns The texts of all answers. */
export function textsOf(answers: ObservableInput<StringValue>): Promise<string[]> {
  return lastValueFrom(
    from(answers).pipe(
      map(({ value }) => value),
      toArray(),
    ),
  );
}

function messages({ words, staysOpen = false }: Requests) {
  const texts = words.map((value) => ({ value }));
  return staysOpen ? concat(texts, NEVER) : texts;
}
