/**
 * What Eliza knows: keywords by rank, the patterns that each looks for, and the answers that it rotates
 * through. `$1` is the first thing that a pattern captured, with its pronouns turned round.
 *
 * The idea is Joseph Weizenbaum's (1966); the words are our own.
 */
import { compilePattern, type Groups, type Pattern } from './pattern.js';
import { listOf } from './words.js';

/** A pattern and the answers to what it finds. */
export interface Rule {
  readonly pattern: Pattern;
  readonly replies: readonly string[];
}

/** The words that wake a set of rules. Of several in one sentence the highest rank is tried first. */
export interface Keyword {
  readonly words: ReadonlySet<string>;
  readonly rank: number;
  readonly rules: readonly Rule[];
}

export const GROUPS = {
  people: listOf(`
    mother mom mum father dad parents sister brother daughter son wife husband partner
    girlfriend boyfriend family children child friend friends boss colleague colleagues
    teacher neighbour neighbor
  `),
  sad: listOf(`
    sad unhappy depressed miserable lonely hopeless tired empty lost hurt ashamed guilty
    jealous
  `),
  afraid: listOf('afraid scared anxious worried nervous stressed frightened'),
  angry: listOf('angry furious annoyed upset mad bitter'),
  happy: listOf('happy glad better proud calm relieved excited content grateful'),
  need: listOf('need want desire crave'),
  believe: listOf('believe think suppose guess'),
  everyone: listOf('everyone everybody nobody always never all'),
  machine: listOf('computer computers machine machines robot robots program software ai'),
} as const satisfies Groups;

export const KEYWORDS: readonly Keyword[] = [
  keyword(60, GROUPS.machine, {
    '*': [
      'Do machines worry you?',
      'Why do you bring up machines?',
      'What do you think machines have to do with your problem?',
      'What is it about machines that holds you?',
    ],
  }),
  keyword(50, ['name', 'names'], {
    '*': ['Names do not matter to me, please go on.', 'I would rather hear about you than about names.'],
  }),
  keyword(50, ['alike', 'same', 'similar'], {
    '*': [
      'In what way?',
      'What resemblance do you see?',
      'What does that similarity suggest to you?',
      'What other connections come to your mind?',
    ],
  }),
  keyword(45, ['remember'], {
    '* i remember *': [
      'Do you often think of $2?',
      'What else comes to mind when you think of $2?',
      'Why do you remember $2 just now?',
      'What in this moment reminds you of $2?',
    ],
    '* you remember *': ['Did you think I would forget $2?', 'Why should I recall $2 now?'],
  }),
  keyword(40, ['dream', 'dreams', 'dreamed', 'dreamt'], {
    '* i dreamed *': [
      'Really, $2?',
      'Have you ever imagined $2 while you were awake?',
      'Have you dreamed $2 before?',
    ],
    '*': [
      'What does that dream tell you?',
      'Do you dream often?',
      'Who appears in your dreams?',
      'Could it be that dreams have something to do with what troubles you?',
    ],
  }),
  keyword(35, ['if'], {
    '* if *': [
      'Is it likely, do you think, that $2?',
      'Do you wish that $2?',
      'What do you really think about whether $2?',
    ],
  }),
  keyword(30, GROUPS.people, {
    '* my @people *': [
      'Tell me more about your $2.',
      'How do you get along with your $2?',
      'What comes to your mind when you think of your $2?',
      'Who else in your life comes to mind beside your $2?',
    ],
    '*': ['What does that person mean to you?', 'Tell me more about the people around you.'],
  }),
  keyword(25, GROUPS.everyone, {
    '* always *': ['Can you think of a particular time?', 'When, for instance?', 'Really, always?'],
    '* never *': ['Not even once?', 'What would happen if it did?'],
    '*': ['Whom do you think of in particular?', 'Surely not without exception?', 'Can you give an example?'],
  }),
  keyword(20, [...GROUPS.sad, ...GROUPS.afraid, ...GROUPS.angry], {
    '* i am *': [
      'How long have you been $2?',
      'I am sorry to hear that you are $2.',
      'Do you think coming here will help you not to be $2?',
      'What do you think makes you $2?',
    ],
    '* i feel *': [
      'When do you usually feel $2?',
      'What does feeling $2 remind you of?',
      'What would have to happen for you not to feel $2?',
    ],
    '* @sad *': ['What makes you speak of being $2?', 'Who else knows that you are $2?'],
    '* @afraid *': ['What is the worst that could come of it?', 'What are you most $2 of?'],
    '* @angry *': ['At whom are you $2, if you are honest?', 'What do you do when you are $2?'],
  }),
  keyword(20, GROUPS.happy, {
    '* @happy *': [
      'What makes you $2 just now?',
      'Can you explain why you are suddenly $2?',
      'How have I helped you to be $2?',
    ],
  }),
  keyword(15, [...GROUPS.need], {
    '* i @need *': [
      'What would it mean to you if you got $3?',
      'Why do you $2 $3?',
      'Suppose you got $3 soon: what then?',
      'What if you never got $3?',
    ],
  }),
  keyword(15, ['because'], {
    '*': [
      'Is that the real reason?',
      'Do other reasons come to mind?',
      'Does that reason explain anything else?',
    ],
  }),
  keyword(12, ['cannot', 'can'], {
    '* i cannot *': [
      'How do you know that you cannot $2?',
      'Have you tried to $2?',
      'Perhaps you could $2 now.',
      'Do you really want to be able to $2?',
    ],
    '* can i *': ['Whether or not you can $2 depends on you.', 'Do you want to be able to $2?'],
    '* can you *': ['You believe I can $2, do you not?', 'Perhaps you would like to $2 yourself.'],
  }),
  keyword(10, ['am'], {
    '* i am *': [
      'Is it because you are $2 that you came to me?',
      'How long have you been $2?',
      'How do you feel about being $2?',
      'Do you enjoy being $2?',
    ],
    '* am i *': [
      'Do you believe you are $2?',
      'Would you want to be $2?',
      'What would it mean if you were $2?',
    ],
  }),
  keyword(10, GROUPS.believe, {
    '* i @believe *': ['Do you really $2 so?', 'What makes you $2 that $3?', 'And if it were not so?'],
  }),
  keyword(8, ['feel'], {
    '* i feel *': [
      'Tell me more about such feelings.',
      'Do you often feel $2?',
      'Of what does feeling $2 remind you?',
    ],
  }),
  keyword(7, ["don't"], {
    "* why don't you *": ["Do you believe I don't $2?", 'Perhaps I will $2 in good time.'],
    "* i don't *": ["Don't you really $2?", 'Do you wish you could $2?', 'What keeps you from it?'],
  }),
  keyword(6, ['are'], {
    '* are you *': [
      'Why does it interest you whether I am $2?',
      'Would you prefer it if I were not $2?',
      'Perhaps in your imagination I am $2.',
    ],
    '* you are *': [
      'What makes you think I am $2?',
      'Does it please you to believe that I am $2?',
      'Perhaps you would like to be $2.',
    ],
    '* they are *': ['What if they were not $2?', 'Would you like it if they were not $2?'],
  }),
  keyword(5, ['you'], {
    '* you * me *': [
      'Why do you think I $2 you?',
      'You like to think I $2 you, do you not?',
      'What makes you think I $2 you?',
    ],
    '* i * you *': ['Perhaps in your fantasy we $2 each other.', 'Do you wish to $2 me?'],
  }),
  keyword(4, ['my'], {
    '* my *': ['Your $2?', 'Why do you say your $2?', 'Is it important to you that your $2?'],
  }),
  keyword(3, ['what', 'how', 'who', 'when', 'where', 'why'], {
    '*': [
      'Why do you ask?',
      'Does that question interest you?',
      'What answer would please you most?',
      'What comes to your mind when you ask that?',
    ],
  }),
  keyword(2, ['sorry', 'apologise', 'apologize'], {
    '*': ['Please do not apologise.', 'Apologies are not necessary.', 'What feelings come with an apology?'],
  }),
  keyword(2, ['hello', 'hi', 'hey', 'greetings'], {
    '*': ['Hello. What brings you to me today?', 'Hello again. What would you like to talk about?'],
  }),
  keyword(1, ['yes', 'yeah', 'certainly', 'sure'], {
    '*': ['You seem quite sure.', 'I see. And what follows from it?', 'I understand. Go on.'],
  }),
  keyword(1, ['no', 'nope'], {
    '*': ['Why not?', 'You are being a bit negative.', 'Do you say no just to be negative?'],
  }),
  keyword(0, ['i'], {
    '* i *': ['You say you $2. Can you tell me why?', 'Do you often $2?', 'Tell me more about that.'],
  }),
];

/** When no keyword helps, and nothing was said before that Eliza could come back to. */
export const DEFAULT_REPLIES = [
  'Please tell me more.',
  'I am not sure I understand you fully.',
  'What does that suggest to you?',
  'Go on, I am listening.',
  'How does talking about this make you feel?',
] as const;

/** `$1` is what followed "my" some time ago. */
export const MEMORY_REPLIES = [
  'Earlier you said: your $1. Let us go back to that.',
  'But what about this: your $1?',
  'Could it come from what you told me: your $1?',
] as const;

export const SILENCE_REPLIES = [
  'You are silent. What keeps you from speaking?',
  'Take your time.',
  'I am still here.',
] as const;

export const GOODBYES: ReadonlySet<string> = new Set(
  'bye,goodbye,bye bye,good bye,farewell,good night,see you,see you later,quit,exit,ciao,so long'.split(','),
);

export const GOODBYE_REPLIES = [
  'Goodbye. It was good to talk to you.',
  'Goodbye. Come back whenever you like.',
] as const;

/** What `my …` is looked for with, to be remembered. */
export const MEMORY_PATTERN = compilePattern('* my *', GROUPS);

function keyword(
  rank: number,
  words: readonly string[],
  rules: Readonly<Record<string, readonly string[]>>,
): Keyword {
  return {
    rank,
    words: new Set(words),
    rules: Object.entries(rules).map(([pattern, replies]) => ({
      pattern: compilePattern(pattern, GROUPS),
      replies,
    })),
  };
}
