import { reflect } from './reflection.js';
import { wordsOf } from './words.js';

describe('reflect', () => {
  it.each([
    ['I am sad', 'you are sad'],
    ["I'm my own enemy", 'you are your own enemy'],
    ['you are like my father', 'I am like your father'],
    ['they are like me', 'they are like you'],
    ['are you sure', 'am I sure'],
    ['I was with you', 'you were with me'],
    ['you like your work', 'I like my work'],
    ['tell you about myself', 'tell me about yourself'],
    ['the fault is mine and not yours', 'the fault is yours and not mine'],
    ['Anna from Berlin', 'Anna from Berlin'],
    ['you', 'I'],
  ])('turns %j into %j', (said, expected) => {
    expect(reflect(wordsOf(said))).toBe(expected);
  });
});
