/**
 * What Eliza says to the sentences that the tests send: the sample's own words, asked for in place.
 */
import { Conversation } from '../../../sample/01-eliza/eliza/conversation.js';
import { facts } from '../../../sample/01-eliza/eliza/facts.js';
import { summary } from '../../../sample/01-eliza/eliza/summary.js';

export const SERVICE = 'connectrpc.eliza.v1.ElizaService';
export const PROTO_FOLDER = 'sample/01-eliza/proto';
export const PROTO_FILE = 'connectrpc/eliza/v1/eliza.proto';

export const SAID = 'I am sad';
export const NAME = 'Ada';
/** The last one is answered from memory: it shows that the conversation is one. */
export const TALK = ['I am sad', 'my cat ran away', 'Bananas'] as const;

export const SAY_REPLY = new Conversation().reply(SAID).sentence;
export const FACTS = facts(NAME);
export const SUMMARY = summary(TALK);
export const TALK_REPLIES = ((conversation) => TALK.map((sentence) => conversation.reply(sentence).sentence))(
  new Conversation(),
);

/** What {@link SAID}, {@link NAME} and {@link TALK} get as replies, kind by kind. */
export const ELIZA = { say: SAY_REPLY, introduce: FACTS, reflect: SUMMARY, converse: TALK_REPLIES };
