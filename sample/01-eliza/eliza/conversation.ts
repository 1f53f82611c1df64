/**
 * One conversation with Eliza: finds the keyword, takes the sentence apart, and puts an answer together.
 *
 * The same sentences always get the same answers: rules rotate through theirs, nothing is left to chance.
 */
import { type Captures } from './pattern.js';
import { reflect } from './reflection.js';
import {
  DEFAULT_REPLIES,
  GOODBYE_REPLIES,
  GOODBYES,
  type Keyword,
  KEYWORDS,
  MEMORY_PATTERN,
  MEMORY_REPLIES,
  SILENCE_REPLIES,
} from './script.js';
import { type Clause, clausesOf, type Word, wordsOf } from './words.js';

export interface Reply {
  readonly sentence: string;
  /** True when the other side took its leave, and Eliza did too. */
  readonly isGoodbye: boolean;
}

/** A keyword, and the clause that it was found in. */
interface Candidate {
  readonly keyword: Keyword;
  readonly clause: Clause;
}

// A conversation may last for days.
const MAX_MEMORIES = 20;

export class Conversation {
  /** Whose turn it is in each list of answers. */
  readonly #turns = new Map<readonly string[], number>();
  readonly #memories: string[] = [];

  /** Answers a sentence, and remembers what it said of "my …". */
  reply(sentence: string): Reply {
    if (isGoodbye(sentence)) {
      return { sentence: this.#next(GOODBYE_REPLIES), isGoodbye: true };
    }
    const clauses = clausesOf(sentence);
    const answer = this.#answer(clauses);
    // Remembered after the answer: nothing is brought back in the breath in which it was said.
    this.#remember(clauses);
    return { sentence: answer, isGoodbye: false };
  }

  #answer(clauses: readonly Clause[]): string {
    if (clauses.length === 0) {
      return this.#next(SILENCE_REPLIES);
    }
    return this.#answerKeyword(clauses) ?? this.#answerFromMemory() ?? this.#next(DEFAULT_REPLIES);
  }

  #answerKeyword(clauses: readonly Clause[]): string | undefined {
    for (const { keyword, clause } of candidatesIn(clauses)) {
      for (const rule of keyword.rules) {
        const captures = rule.pattern.match(clause);
        const reply = captures && this.#assemble(rule.replies, captures);
        if (reply !== undefined) {
          return reply;
        }
      }
    }
    return undefined;
  }

  /** `undefined` when the answer needs what was not said: "I am" has nothing after it. */
  #assemble(replies: readonly string[], captures: Captures): string | undefined {
    const isAnswerable = replies.every((reply) =>
      numbersIn(reply).every((number) => (captures[number - 1] ?? []).length > 0),
    );
    return isAnswerable ? fill(this.#next(replies), captures.map(reflect)) : undefined;
  }

  #answerFromMemory(): string | undefined {
    const memory = this.#memories.shift();
    return memory === undefined ? undefined : fill(this.#next(MEMORY_REPLIES), [memory]);
  }

  #remember(clauses: readonly Clause[]): void {
    for (const clause of clauses) {
      const said: readonly Word[] = MEMORY_PATTERN.match(clause)?.[1] ?? [];
      if (said.length > 0) {
        this.#memories.push(reflect(said));
      }
    }
    this.#memories.splice(0, this.#memories.length - MAX_MEMORIES);
  }

  #next(replies: readonly string[]): string {
    const turn = this.#turns.get(replies) ?? 0;
    this.#turns.set(replies, (turn + 1) % replies.length);
    return replies[turn] ?? '';
  }
}

/** Every keyword of every clause, the highest rank first; of equals, the one that was said first. */
function candidatesIn(clauses: readonly Clause[]): Candidate[] {
  return clauses
    .flatMap((clause) =>
      KEYWORDS.filter((keyword) => clause.some((word) => keyword.words.has(word.key))).map((keyword) => ({
        keyword,
        clause,
      })),
    )
    .toSorted((a, b) => b.keyword.rank - a.keyword.rank);
}

function isGoodbye(sentence: string): boolean {
  // Longer than any leave-taking: not worth looking at.
  const words = sentence.length > 80 ? [] : wordsOf(sentence);
  return GOODBYES.has(
    words
      .map((word) => word.key)
      .filter((key) => key !== 'eliza')
      .join(' '),
  );
}

function numbersIn(reply: string): number[] {
  return Array.from(reply.matchAll(/\$(\d)/g), ([, digit]) => Number(digit));
}

function fill(reply: string, values: readonly string[]): string {
  return reply.replaceAll(/\$(\d)/g, (_, digit: string) => values[Number(digit) - 1] ?? '');
}
