import { summary } from './summary.js';

describe('summary', () => {
  it.each([
    ['nothing', [], 'You told me nothing. Silence can say a lot, too: what does yours say?'],
    ['silence', ['', '...'], 'You told me nothing. Silence can say a lot, too: what does yours say?'],
    [
      'one sentence without people, feelings or topics',
      ['It is so'],
      'You told me one thing. How do you feel about that?',
    ],
    [
      'people and feelings',
      ['I am sad and tired', 'my mother shouts', 'and my boss shouts', 'I feel tired'],
      'You told me 4 things. You spoke of your mother and boss. You called yourself tired and sad. ' +
        'What stays with me is: shouts. What does your mother have to do with your being tired?',
    ],
    [
      'people only',
      ['My sister moved to Paris'],
      'You told me one thing. You spoke of your sister. What stays with me is: moved and paris. ' +
        'How do you feel when you think of your sister?',
    ],
    [
      'feelings only',
      ['I am very proud'],
      'You told me one thing. You called yourself proud. Since when have you been proud?',
    ],
    [
      "feelings that are denied or somebody else's, and people who are somebody else's",
      ['I am not sad', 'she is angry', 'his boss called'],
      'You told me 3 things. What stays with me is: called. How do you feel about that?',
    ],
  ])('sums up %s', (_, sentences, expected) => {
    expect(summary(sentences)).toBe(expected);
  });

  it('names the three topics that came back most often', () => {
    const sentences = ['rain rain rain snow snow', 'wind wind wind wind', 'clouds'];
    expect(summary(sentences)).toContain('What stays with me is: wind, rain and snow.');
  });
});
