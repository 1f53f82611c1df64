/**
 * `npm run fuzz -- [--seconds 60] [--seed N]`: the properties of `test/fuzz`, as long as the time lasts.
 *
 * A failure is printed by fast-check with the seed and the smallest counterexample that it found; the same seed
 * tries the same values again.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** fast-check takes 32 bits with a sign. */
const MAX_SEED = 2 ** 31 - 1;

/** Beside the time of the properties: start, shrinking of what failed. */
const SLACK_MS = 180_000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(randomInt(MAX_SEED)) },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed) || Math.abs(seed) > MAX_SEED) {
  console.error('usage: npm run fuzz -- [--seconds 60] [--seed N], N of 32 bits with a sign');
  process.exit(2);
}

console.log(`fuzzing for ${seconds} s; again with: npm run fuzz -- --seconds ${seconds} --seed ${seed}`);
// One after the other: the shares of the properties make up the time.
const jest = ['node_modules/jest/bin/jest.js', '--runInBand', '--verbose', 'test/fuzz'];
const { status } = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', ...jest],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, FUZZ_SECONDS: String(seconds), FUZZ_SEED: String(seed) },
    timeout: seconds * 1_000 + SLACK_MS,
  },
);
if (status !== 0) {
  console.error(`failed with seed ${seed}`);
}
process.exitCode = status ?? 1;
