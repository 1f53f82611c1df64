/**
 * Eliza's client: `npm run eliza`, a conversation, or one call of the kind that is asked for.
 */
import { Code, ConnectError, createChannel, createClient } from 'nestjs-connect/client';
import { type Flags, parseFlags, USAGE, UsageError } from './client/flags.js';
import { TALKS } from './client/talk.js';
import { Visitor } from './client/visitor.js';
import { ElizaService } from './gen/connectrpc/eliza/v1/eliza_pb.js';

const SERVER_HINT =
  'Is the server running? Start it in the root of the repository: npm start. If it is elsewhere: --url URL.';

// Whoever read, such as "head -1", has seen enough.
process.stdout.once('error', () => process.exit());

try {
  const flags = parseFlags(process.argv.slice(2));
  await (flags === undefined ? console.log(USAGE) : talk(flags));
} catch (error) {
  const { text, exitCode } = explain(error);
  console.error(text);
  process.exitCode = exitCode;
}

async function talk({ kind, sentences, channel: options }: Flags): Promise<void> {
  const channel = openChannel(options);
  const visitor = new Visitor({ input: process.stdin, output: process.stdout });
  try {
    await TALKS[kind](createClient(ElizaService, channel), visitor, sentences);
  } finally {
    visitor.leave();
    await channel.close();
  }
}

/** What the library does not take, such as gRPC over HTTP/1.1, was wrong on the command line. */
function openChannel(options: Flags['channel']): ReturnType<typeof createChannel> {
  try {
    return createChannel(options);
  } catch (cause) {
    throw cause instanceof TypeError ? new UsageError(cause.message, { cause }) : cause;
  }
}

function explain(error: unknown): { text: string; exitCode: number } {
  if (error instanceof UsageError) {
    return { text: `${error.message}\nFor help: npm run eliza -- --help`, exitCode: 2 };
  }
  if (ConnectError.is(error)) {
    const hint = error.code === Code.Unavailable ? `\n${SERVER_HINT}` : '';
    return { text: `${error.message}${hint}`, exitCode: 1 };
  }
  throw error;
}
