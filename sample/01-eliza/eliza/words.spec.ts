import { clausesOf, enumerate } from './words.js';

describe('clausesOf', () => {
  it.each([
    ['one clause', 'I need a break', [['I', 'need', 'a', 'break']]],
    ['a comma and a full stop', 'Well, I am sad. Very sad!', [['Well'], ['I', 'am', 'sad'], ['Very', 'sad']]],
    [
      'a "but"',
      'I try but I fail',
      [
        ['I', 'try'],
        ['I', 'fail'],
      ],
    ],
    [
      'contractions, with both apostrophes',
      "I'm ill. You’re not",
      [
        ['I', 'am', 'ill'],
        ['you', 'are', 'not'],
      ],
    ],
    [
      'words of other languages',
      'Große Sorgen, 小さな 悩み',
      [
        ['Große', 'Sorgen'],
        ['小さな', '悩み'],
      ],
    ],
    ['nothing', ' …?! ', []],
  ])('splits %s', (_, sentence, expected) => {
    expect(clausesOf(sentence).map((clause) => clause.map((word) => word.text))).toEqual(expected);
  });

  it('looks at the beginning of a very long text only', () => {
    expect(clausesOf('word '.repeat(1_000_000))[0]).toHaveLength(400);
  });
});

describe('enumerate', () => {
  it.each([
    [[], ''],
    [['a'], 'a'],
    [['a', 'b'], 'a and b'],
    [['a', 'b', 'c'], 'a, b and c'],
  ])('writes %j as %j', (items, expected) => {
    expect(enumerate(items)).toBe(expected);
  });
});
