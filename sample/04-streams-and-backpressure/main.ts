/**
 * A fast producer, a slow consumer, and the memory between them: `npm run sample:04`, which ends by itself.
 *
 * Takes the names of scenarios, all without any, and how long each goes on: `npm run sample:04 -- paced --seconds 10`.
 */
import { parseArgs } from 'node:util';
import { demonstrate } from './demonstration.js';
import { SCENARIOS } from './scenarios.js';

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '3' } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);

for (const name of names) {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) {
    throw new Error(`there is no "${name}": expected some of ${Object.keys(SCENARIOS).join(', ')}`);
  }
  await demonstrate(scenario, {
    seconds: Number(values.seconds),
    print: (line) => console.log(line),
  });
}
