/**
 * What remains of many sentences: how many there were, whom they were about, how the speaker feels, and
 * which word came back most often.
 */
import { GROUPS } from './script.js';
import { clausesOf, enumerate, listOf, type Word } from './words.js';

const PEOPLE: ReadonlySet<string> = new Set(GROUPS.people);
const FEELINGS: ReadonlySet<string> = new Set([
  ...GROUPS.sad,
  ...GROUPS.afraid,
  ...GROUPS.angry,
  ...GROUPS.happy,
]);

// Words that say nothing of what a sentence is about. Those of up to three letters are left out anyway.
const FILLERS: ReadonlySet<string> = new Set(
  listOf(`
    about after again also always anybody anyone back because been before being cannot could
    does doing don't even ever every everybody everyone feel feeling from going have having
    hello here into just know like made make makes many more most much must myself need needs
    never nobody often only other over really said says should some such tell than that their
    them then there these they thing things think this those today told very want wants were
    what when where which while will with would your yours
  `),
);

const MAX_PEOPLE = 5;
const MAX_FEELINGS = 5;
const MAX_TOPICS = 3;

/** @returns A few sentences, the last one a question. */
export function summary(sentences: readonly string[]): string {
  const clauses = sentences.flatMap(clausesOf);
  if (clauses.length === 0) {
    return 'You told me nothing. Silence can say a lot, too: what does yours say?';
  }
  const people = mostFrequent(clauses.flatMap(peopleIn)).slice(0, MAX_PEOPLE);
  const feelings = mostFrequent(clauses.flatMap(feelingsIn)).slice(0, MAX_FEELINGS);
  const topics = mostFrequent(clauses.flatMap(topicsIn)).slice(0, MAX_TOPICS);
  return [
    sentences.length === 1 ? 'You told me one thing.' : `You told me ${sentences.length} things.`,
    people.length > 0 ? `You spoke of your ${enumerate(people)}.` : '',
    feelings.length > 0 ? `You called yourself ${enumerate(feelings)}.` : '',
    topics.length > 0 ? `What stays with me is: ${enumerate(topics)}.` : '',
    question(people[0], feelings[0]),
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function question(person: string | undefined, feeling: string | undefined): string {
  if (person !== undefined && feeling !== undefined) {
    return `What does your ${person} have to do with your being ${feeling}?`;
  }
  if (person !== undefined) {
    return `How do you feel when you think of your ${person}?`;
  }
  return feeling === undefined ? 'How do you feel about that?' : `Since when have you been ${feeling}?`;
}

/** Only those that are the speaker's own: "my mother", and not "his boss". */
function peopleIn(clause: readonly Word[]): string[] {
  return clause
    .filter((word, i) => PEOPLE.has(word.key) && clause[i - 1]?.key === 'my')
    .map((word) => word.key);
}

/** "I am sad" and "I feel very sad", but not "I am not sad", and not "she is sad". */
function feelingsIn(clause: readonly Word[]): string[] {
  const subject = clause.findIndex((word) => word.key === 'i');
  const said = subject < 0 ? [] : clause.slice(subject + 1).map((word) => word.key);
  const isDenied = said.some((key) => key === 'not' || key === 'never' || key.endsWith("n't"));
  return isDenied ? [] : said.filter((key) => FEELINGS.has(key));
}

function topicsIn(clause: readonly Word[]): string[] {
  return clause
    .map((word) => word.key)
    .filter((key) => key.length > 3 && !FILLERS.has(key) && !PEOPLE.has(key) && !FEELINGS.has(key));
}

/** Each item once, the most frequent first; of equals, the one that was said first. */
function mostFrequent(items: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const item of items) {
    counts.set(item, (counts.get(item) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([item]) => item);
}
