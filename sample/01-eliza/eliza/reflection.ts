/**
 * Pronoun reflection: turns what the speaker says of himself into what Eliza says of the speaker.
 */
import { listOf, type Word } from './words.js';

/** Pairs come first: "are" alone may belong to anybody, "you are" belongs to Eliza. */
const PAIRS: ReadonlyMap<string, string> = new Map([
  ['i am', 'you are'],
  ['am i', 'are you'],
  ['i was', 'you were'],
  ['was i', 'were you'],
  ['you are', 'I am'],
  ['are you', 'am I'],
  ['you were', 'I was'],
  ['were you', 'was I'],
]);

const SINGLES: ReadonlyMap<string, string> = new Map([
  ['i', 'you'],
  ['me', 'you'],
  ['my', 'your'],
  ['mine', 'yours'],
  ['myself', 'yourself'],
  ['am', 'are'],
  ['you', 'I'],
  ['your', 'my'],
  ['yours', 'mine'],
  ['yourself', 'myself'],
]);

/** After "you" these show that it was the object: "tell you about it", "a call from you". */
const AFTER_OBJECT: ReadonlySet<string> = new Set(
  listOf('to for with in on at about and or so because when if'),
);

/** @returns The words as Eliza would say them: `my job scares me` becomes `your job scares you`. */
export function reflect(words: readonly Word[]): string {
  const reflected: string[] = [];
  let isDone = false;
  for (const [i, word] of words.entries()) {
    const pair: string | undefined = isDone ? undefined : PAIRS.get(`${word.key} ${words[i + 1]?.key}`);
    if (!isDone) {
      reflected.push(pair ?? (isObject(words, i) ? 'me' : reflectWord(word)));
    }
    // A pair took the word after it along.
    isDone = pair !== undefined;
  }
  return reflected.join(' ');
}

/** "you" as a subject has its verb behind it; as an object it has one of a few words, or nothing. */
function isObject(words: readonly Word[], index: number): boolean {
  const next = words[index + 1];
  return words[index]?.key === 'you' && (next === undefined ? index > 0 : AFTER_OBJECT.has(next.key));
}

function reflectWord({ key, text }: Word): string {
  return SINGLES.get(key) ?? text;
}
