import { facts } from './facts.js';

describe('facts', () => {
  it('greets the visitor by name, and ends with a question', () => {
    const sentences = facts(' Ada ');
    expect(sentences[0]).toBe('Hello Ada, I am Eliza.');
    expect(sentences.at(-1)).toBe('How are you feeling today, Ada?');
    expect(sentences).toHaveLength(5);
  });

  it('asks for a name that was not given', () => {
    const sentences = facts('');
    expect(sentences[0]).toBe('Hello, I am Eliza.');
    expect(sentences.at(-1)).toContain('your name');
  });
});
