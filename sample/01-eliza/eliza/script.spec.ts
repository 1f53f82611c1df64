import { Conversation } from './conversation.js';
import { KEYWORDS } from './script.js';

describe('KEYWORDS', () => {
  it('gives every rule at least two answers, so that Eliza does not repeat herself at once', () => {
    const replies = KEYWORDS.flatMap((keyword) => keyword.rules.map((rule) => rule.replies));
    expect(replies.filter((list) => new Set(list).size < 2)).toEqual([]);
  });

  it('answers every keyword without leaving a number behind', () => {
    const words = KEYWORDS.flatMap((keyword) => [...keyword.words]);
    const sentences = words.flatMap((word) => [word, `i am ${word} you`, `my ${word} my ${word}`]);
    const replies = sentences.map((sentence) => new Conversation().reply(sentence).sentence);
    expect(replies.filter((reply) => reply === '' || reply.includes('$') || reply.includes('  '))).toEqual(
      [],
    );
  });
});
