/**
 * One call of any kind as a question and an answer: words go in, words come out.
 *
 * A stream carries one word in each message, a single message all of them: what a column asserts is the same for all kinds.
 */
import { type CallOptions, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { BadRequestSchema, type ConnectContext } from 'nestjs-connect';
import { type MethodKind } from '../../../lib/rpc/method-spec.js';
import { ElizaService } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type ElizaDesc } from '../../support/eliza-services.js';
import { type Mode } from './modes.js';

export interface Answer {
  /** The words that came, those before an error too. */
  readonly text: string;
  /** Code and text, for example `"NotFound: no such word"`. */
  readonly error: string | undefined;
  /** Which fields of the request the error says are wrong. */
  readonly fields: readonly string[];
  readonly hasReachedHandler: boolean;
}

export interface Question {
  /** Default: Eliza's own service. */
  readonly service?: ElizaDesc;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where a column is looked at, and the way to ask there. */
export interface Cell {
  readonly kind: MethodKind;
  readonly mode: Mode;
  readonly ask: (text: string, question?: Question) => Promise<Answer>;
}

const CALL_ID = 'x-call-id';

let calls = 0;
const reached = new Set<string | undefined>();

/** Handlers tell that they were called. */
export function reach({ requestHeaders }: ConnectContext): void {
  reached.add(requestHeaders.get(CALL_ID));
}

/** A whole answer. */
export function answered(text: string): Answer {
  return { text, error: undefined, fields: [], hasReachedHandler: true };
}

/** An error that a handler had no part in. */
export function refused(error: string): Answer {
  return { text: '', error, fields: [], hasReachedHandler: false };
}

export function hasManyAnswers(kind: MethodKind): boolean {
  return kind === 'server_streaming' || kind === 'bidi_streaming';
}

/** What the words come back as when every message of the answer is changed. */
export function eachAnswer(kind: MethodKind, text: string, change: (message: string) => string): string {
  const messages = hasManyAnswers(kind) ? text.split(' ') : [text];
  return messages.map(change).join(' ');
}

/** @param words Are asked. */
export async function ask(
  transport: Transport,
  kind: MethodKind,
  words: string,
  { service = ElizaService, headers = {} }: Question = {},
): Promise<Answer> {
  const id = String(++calls);
  const client = createClient(service, transport);
  const texts: string[] = [];
  const collect = CALLS[kind];
  try {
    await collect(client, words, { headers: { ...headers, [CALL_ID]: id } }, (text) => texts.push(text));
    return answerOf(texts, undefined, id);
  } catch (error) {
    return answerOf(texts, ConnectError.from(error), id);
  }
}

function answerOf(texts: readonly string[], error: ConnectError | undefined, id: string): Answer {
  const details = error?.findDetails(BadRequestSchema) ?? [];
  return {
    text: texts.join(' '),
    error: error && `${Code[error.code]}: ${error.rawMessage}`,
    fields: details.flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field)),
    hasReachedHandler: reached.has(id),
  };
}

type Client = ReturnType<typeof createClient<ElizaDesc>>;
type Collect = (
  client: Client,
  words: string,
  options: CallOptions,
  onText: (text: string) => void,
) => Promise<void>;

const CALLS: Readonly<Record<MethodKind, Collect>> = {
  async unary(client, sentence, options, onText) {
    onText((await client.say({ sentence }, options)).sentence);
  },
  async server_streaming(client, name, options, onText) {
    for await (const { sentence } of client.introduce({ name }, options)) {
      onText(sentence);
    }
  },
  async client_streaming(client, words, options, onText) {
    onText((await client.reflect(sentences(words), options)).sentence);
  },
  async bidi_streaming(client, words, options, onText) {
    for await (const { sentence } of client.converse(sentences(words), options)) {
      onText(sentence);
    }
  },
};

async function* sentences(words: string) {
  for (const sentence of words.split(' ')) {
    yield { sentence };
  }
}
