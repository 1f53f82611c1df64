import { Conversation } from './conversation.js';
import { DEFAULT_REPLIES, SILENCE_REPLIES } from './script.js';

function replies(...sentences: string[]): string[] {
  const conversation = new Conversation();
  return sentences.map((sentence) => conversation.reply(sentence).sentence);
}

describe('Conversation', () => {
  it.each([
    ['Hello Eliza', 'Hello. What brings you to me today?'],
    ['I am unhappy', 'How long have you been unhappy?'],
    ["I'm a programmer", 'Is it because you are a programmer that you came to me?'],
    ['I need a long holiday', 'What would it mean to you if you got a long holiday?'],
    ['I want you to help me', 'What would it mean to you if you got me to help you?'],
    ['Do you remember my dog?', 'Did you think I would forget your dog?'],
    ['I remember our old house', 'Do you often think of our old house?'],
    ['I am worried about my mother', 'Tell me more about your mother.'],
    ['If I win I will leave', 'Is it likely, do you think, that you win you will leave?'],
    ['I cannot sleep', 'How do you know that you cannot sleep?'],
    ['You are not very aggressive', 'What makes you think I am not very aggressive?'],
    ['Are you alive?', 'Why does it interest you whether I am alive?'],
    ['Everybody hates me', 'Whom do you think of in particular?'],
    ["Why don't you like me?", "Do you believe I don't like you?"],
    ['Anna took my bicycle', 'Your bicycle?'],
    ['yes', 'You seem quite sure.'],
  ])('answers %j with %j', (sentence, expected) => {
    expect(replies(sentence)).toEqual([expected]);
  });

  it('prefers the keyword of the higher rank, wherever it stands', () => {
    expect(replies('I am here, yes, because of a dream')).toEqual(['What does that dream tell you?']);
  });

  it('goes on to the next keyword when the patterns of the first do not match', () => {
    expect(replies('My memory is bad; remember')).toEqual(['Your memory is bad?']);
  });

  it('rotates through the answers of a rule, and starts again', () => {
    expect(replies('yes', 'yes', 'yes', 'yes')).toEqual([
      'You seem quite sure.',
      'I see. And what follows from it?',
      'I understand. Go on.',
      'You seem quite sure.',
    ]);
  });

  it('comes back to what was said with "my" when nothing else helps, once each', () => {
    expect(replies('My cat ran away', 'And my car broke', 'Bananas', 'Bananas', 'Bananas').slice(2)).toEqual([
      'Earlier you said: your cat ran away. Let us go back to that.',
      'But what about this: your car broke?',
      DEFAULT_REPLIES[0],
    ]);
  });

  it('remembers the last 20 things only', () => {
    const conversation = new Conversation();
    for (let i = 0; i < 21; i++) {
      conversation.reply(`my secret number ${i}`);
    }
    expect(conversation.reply('Bananas').sentence).toBe(
      'Earlier you said: your secret number 1. Let us go back to that.',
    );
  });

  it('does not share its memory with another conversation', () => {
    replies('My cat ran away');
    expect(replies('Bananas')).toEqual([DEFAULT_REPLIES[0]]);
  });

  it.each(['', '   ', '...', '?!'])('notices silence: %j', (sentence) => {
    expect(replies(sentence)).toEqual([SILENCE_REPLIES[0]]);
  });

  it.each(['bye', 'Goodbye!', 'Good night, Eliza.', 'QUIT'])('takes its leave after %j', (sentence) => {
    expect(new Conversation().reply(sentence)).toEqual({
      sentence: 'Goodbye. It was good to talk to you.',
      isGoodbye: true,
    });
  });

  it.each(['I said goodbye to my father', 'bye bye love', 'hello'])('stays after %j', (sentence) => {
    expect(new Conversation().reply(sentence).isGoodbye).toBe(false);
  });

  it('says the same to the same sentences, always', () => {
    const sentences = ['Hello', 'I am sad', 'my boss shouts', 'Bananas', 'I am sad', 'bye'];
    expect(replies(...sentences)).toEqual(replies(...sentences));
  });
});
