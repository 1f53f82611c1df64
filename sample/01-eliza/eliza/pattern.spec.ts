import { compilePattern } from './pattern.js';
import { wordsOf } from './words.js';

const GROUPS = { need: ['need', 'want'], people: ['mother', 'boss'] };

function captures(pattern: string, said: string): string[] | undefined {
  return compilePattern(pattern, GROUPS)
    .match(wordsOf(said))
    ?.map((words) => words.map((word) => word.text).join(' '));
}

describe('compilePattern', () => {
  it.each([
    ['*', 'anything at all', ['anything at all']],
    ['*', '', ['']],
    ['* i remember *', 'Sometimes I remember the sea', ['Sometimes', 'the sea']],
    ['* i remember *', 'I remember', ['', '']],
    ['why *', 'Why me', ['me']],
    ['* you', 'I like you', ['I like']],
    ['* you * me *', 'do you really hate me so', ['do', 'really hate', 'so']],
    ['* i @need *', 'now I want a break', ['now', 'want', 'a break']],
    ['* my @people', 'I fear my boss', ['I fear', 'boss']],
    ['good night', 'Good night', []],
    ['* a * a', 'a b a a', ['', 'b a']],
  ])('%j finds in %j: %j', (pattern, said, expected) => {
    expect(captures(pattern, said)).toEqual(expected);
  });

  it.each([
    ['* i remember *', 'you remember the sea'],
    ['why *', 'tell me why'],
    ['* you', 'you are right'],
    ['* you * me *', 'me you'],
    ['* i @need *', 'I have a break'],
    ['good night', 'good night then'],
    ['good night', 'good'],
    ['* a * a', 'a'],
  ])('%j does not match %j', (pattern, said) => {
    expect(captures(pattern, said)).toBeUndefined();
  });

  it('refuses a group that does not exist, and names those that do', () => {
    expect(() => compilePattern('* @nobody *', GROUPS)).toThrow(
      'pattern "* @nobody *" names the group "@nobody": there are only need, people',
    );
  });
});
