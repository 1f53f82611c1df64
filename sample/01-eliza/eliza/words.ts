/**
 * What was said, as words: split into clauses, contractions written out, each word beside its lower-case key.
 */

/** One word: as it was typed, and as the script knows it. */
export interface Word {
  readonly text: string;
  readonly key: string;
}

/** A run of words without a comma or a full stop in between. */
export type Clause = readonly Word[];

// Nobody says more in one breath; and whoever sends a book should not keep Eliza busy with it.
const MAX_CHARACTERS = 2_000;

const CLAUSE_END = /[.,;:!?()\n]+|\s[-–—]+\s|\bbut\b/i;
const WORD = /[\p{L}\p{N}]+(?:['-][\p{L}\p{N}]+)*/gu;

const CONTRACTIONS: ReadonlyMap<string, string> = new Map([
  ["i'm", 'I am'],
  ["i've", 'I have'],
  ["i'll", 'I will'],
  ["i'd", 'I would'],
  ["you're", 'you are'],
  ["you've", 'you have'],
  ["you'll", 'you will'],
  ["you'd", 'you would'],
  ["can't", 'cannot'],
  ["it's", 'it is'],
  ["that's", 'that is'],
  ["what's", 'what is'],
]);

/** @returns The clauses of a sentence, without the empty ones. */
export function clausesOf(sentence: string): Clause[] {
  return sentence
    .slice(0, MAX_CHARACTERS)
    .replaceAll('’', "'")
    .split(CLAUSE_END)
    .map(wordsOf)
    .filter((words) => words.length > 0);
}

/** @returns The words of a text, whatever stands between them. */
export function wordsOf(text: string): Word[] {
  return (text.match(WORD) ?? [])
    .flatMap((word) => CONTRACTIONS.get(word.toLowerCase())?.split(' ') ?? [word])
    .map((word) => ({ text: word, key: word.toLowerCase() }));
}

/** @returns `"a"`, `"a and b"`, or `"a, b and c"`. */
export function enumerate(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** @returns The words of a list written as text. */
export function listOf(text: string): string[] {
  return text.trim().split(/\s+/);
}
