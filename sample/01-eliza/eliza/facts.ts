/**
 * Who Eliza is, told to somebody.
 */

/** @returns The sentences of the introduction, in order. An empty name is asked for. */
export function facts(name: string): string[] {
  const visitor = name.trim();
  return [
    visitor === '' ? 'Hello, I am Eliza.' : `Hello ${visitor}, I am Eliza.`,
    'Joseph Weizenbaum wrote the first of my kind at MIT in 1966.',
    'I look for words that matter, turn your sentences round, and give them back to you as questions.',
    'I understand nothing, and still many have told me a lot.',
    visitor === ''
      ? 'May I ask for your name, and how you are feeling today?'
      : `How are you feeling today, ${visitor}?`,
  ];
}
