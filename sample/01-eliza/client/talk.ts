/**
 * A talk with Eliza in each of the four kinds of RPC.
 */
import { type ConnectClient } from 'nestjs-connect/client';
import { type ElizaService } from '../gen/connectrpc/eliza/v1/eliza_pb.js';
import { type Kind } from './flags.js';
import { type Visitor } from './visitor.js';

type Eliza = ConnectClient<typeof ElizaService>;
type Talk = (eliza: Eliza, visitor: Visitor, sentences: readonly string[]) => Promise<void>;

export const TALKS: Readonly<Record<Kind, Talk>> = {
  async unary(eliza, visitor, sentences) {
    const { sentence } = await eliza.say({ sentence: sentences.join(' ') || 'Hello, Eliza.' });
    visitor.hear(sentence);
  },

  async 'server-streaming'(eliza, visitor, names) {
    for await (const { sentence } of eliza.introduce({ name: names.join(' ') })) {
      visitor.hear(sentence);
    }
  },

  async 'client-streaming'(eliza, visitor, sentences) {
    if (sentences.length === 0) {
      visitor.hint('Tell Eliza what is on your mind, line by line; Ctrl+D ends it.');
    }
    const { sentence } = await eliza.reflect(messages(visitor, sentences));
    visitor.hear(sentence);
  },

  async bidi(eliza, visitor, sentences) {
    if (sentences.length === 0) {
      visitor.hint('Eliza listens. Say goodbye, or press Ctrl+D, to leave.');
    }
    for await (const { sentence } of eliza.converse(messages(visitor, sentences))) {
      visitor.hear(sentence);
    }
  },
};

/** The sentences as messages; without any, the visitor's. The client takes the next one when the server wants it. */
async function* messages(
  visitor: Visitor,
  sentences: readonly string[],
): AsyncGenerator<{ sentence: string }> {
  for await (const sentence of sentences.length > 0 ? sentences : visitor.sentences()) {
    yield { sentence };
  }
}
