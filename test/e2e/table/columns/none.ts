/**
 * Nothing around the handlers.
 */
import { elizaNamed } from '../../../support/eliza-services.js';
import { answered } from '../call.js';
import { type Column } from '../column.js';
import { asyncEcho, rxEcho } from '../echo.js';

const RX = elizaNamed('Rx');
const WORDS = 'one two three';

export const none: Column = {
  name: 'none',
  module: { controllers: [asyncEcho(), rxEcho({ service: RX })] },
  cells: {
    async 'answers from promises, generators, for await and mapEach'({ ask }) {
      return { seen: await ask(WORDS), expected: answered(WORDS) };
    },
    async 'answers from Observables'({ ask }) {
      return { seen: await ask(WORDS, { service: RX }), expected: answered(WORDS) };
    },
  },
};
