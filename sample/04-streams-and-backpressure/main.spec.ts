/**
 * `npm run sample:04`, from its start to its end.
 */
import { expect, it } from '@jest/globals';
import { useSample } from '../../test/support/sample-process.js';
import { SCENARIOS } from './scenarios.js';

const LIMIT_MS = 30_000;

const start = useSample('04-streams-and-backpressure');

it(
  'shows all scenarios, with the memory, and ends by itself',
  async () => {
    const sample = start('--seconds', '1.2');
    expect({ ending: await sample.end(), output: sample.output }).toMatchObject({ ending: 0 });
    for (const { title } of Object.values(SCENARIOS)) {
      expect(sample.output).toContain(title);
    }
    const lines = sample.output.match(/produced +\d+ +taken +\d+ +rss +\d+ MiB +heap +\d+ MiB/g);
    // A second has passed in three of them; each has one more line at its end.
    expect(lines?.length).toBeGreaterThanOrEqual(7);
    expect(sample.output).toContain('ended: resource_exhausted: ');
    expect(sample.output).toMatch(/ended: the server has kept all \d+ frames/);
  },
  LIMIT_MS,
);

it(
  'names the scenarios that it has when it is asked for another',
  async () => {
    const sample = start('fast');
    expect(await sample.end()).toBe(1);
    expect(sample.output).toContain('there is no "fast": expected some of generator, paced, pushed, inbound');
  },
  LIMIT_MS,
);
