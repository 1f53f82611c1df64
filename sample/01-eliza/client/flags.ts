/**
 * The command line of Eliza's client.
 */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { type ChannelOptions } from 'nestjs-connect/client';

const KINDS = ['unary', 'server-streaming', 'client-streaming', 'bidi'] as const;
const PROTOCOLS = ['connect', 'grpc', 'grpc-web'];
const HTTP_VERSIONS = { '1': '1.1', '2': '2' } as const;

export type Kind = (typeof KINDS)[number];

export interface Flags {
  readonly kind: Kind;
  /** What is said; empty when it is to be read from the input. */
  readonly sentences: readonly string[];
  readonly channel: ChannelOptions;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `Usage: npm run eliza -- [KIND] [OPTIONS] [SENTENCE ...]

Without a kind and sentences: a conversation in your terminal.

  --unary              one sentence, one answer
  --server-streaming   tells who she is; the sentence is your name
  --client-streaming   listens to all sentences, and sums them up
  --bidi               answers each sentence as it comes (default)

  --protocol NAME      connect (default), grpc or grpc-web
  --http VERSION       2 (default) or 1
  --url URL            default: http://localhost:8080
  --help               this text

Streams take their sentences from the standard input, one on each line, when none are given.`;

const OPTIONS = {
  unary: { type: 'boolean' },
  'server-streaming': { type: 'boolean' },
  'client-streaming': { type: 'boolean' },
  bidi: { type: 'boolean' },
  protocol: { type: 'string', default: 'connect' },
  http: { type: 'string', default: '2' },
  url: { type: 'string', default: 'http://localhost:8080' },
  help: { type: 'boolean' },
} as const satisfies ParseArgsConfig['options'];

/**
 * @returns `undefined` when only help is wanted.
 * @throws UsageError
 */
export function parseFlags(args: readonly string[]): Flags | undefined {
  const { values, positionals } = parse(args);
  if (values.help === true) {
    return undefined;
  }
  const kinds = KINDS.filter((kind) => values[kind]);
  if (kinds.length > 1) {
    throw new UsageError(`choose one of ${kinds.map((kind) => `--${kind}`).join(' and ')}`);
  }
  return {
    kind: kinds[0] ?? 'bidi',
    sentences: positionals,
    channel: {
      url: values.url,
      protocol: oneOf('protocol', values.protocol, PROTOCOLS),
      httpVersion: HTTP_VERSIONS[oneOf('http', values.http, ['1', '2'])],
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

function oneOf<T extends string>(flag: string, value: string, accepted: readonly T[]): T {
  const match = accepted.find((candidate) => candidate === value);
  if (match === undefined) {
    throw new UsageError(`--${flag} is "${value}": expected one of ${accepted.join(', ')}`);
  }
  return match;
}
