/**
 * `npm run sample:04`, from its start to its end.
 */
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { type CompiledTarget, compileTarget } from '../../test/support/compiled-target.js';
import { SampleProcess } from '../../test/support/sample-process.js';
import { SCENARIOS } from './scenarios.js';

const LIMIT_MS = 30_000;

let target: CompiledTarget;
let sample: SampleProcess;

beforeAll(async () => {
  target = await compileTarget();
});

afterAll(() => target.remove());

afterEach(() => sample.stop());

it(
  'shows all scenarios, with the memory, and ends by itself',
  async () => {
    sample = new SampleProcess(target.program('sample/04-streams-and-backpressure/main.ts'), [
      '--seconds',
      '1.2',
    ]);
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
    sample = new SampleProcess(target.program('sample/04-streams-and-backpressure/main.ts'), ['fast']);
    expect(await sample.end()).toBe(1);
    expect(sample.output).toContain('there is no "fast": expected some of generator, paced, pushed, inbound');
  },
  LIMIT_MS,
);
