/**
 * `npm run lint`: oxlint and prettier over everything of ours.
 *
 * The conformance program cannot be linted before its protos are generated, which needs Go.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['lib', 'generator', 'schematics', 'sample', 'conformance', 'test', 'tools', 'bench'];

const isGenerated = existsSync(`${ROOT}conformance/gen`);
if (!isGenerated) {
  console.warn('oxlint leaves conformance out: run "node conformance/run.mjs generate" first (needs Go)');
}
const linted = FOLDERS.filter((folder) => isGenerated || folder !== 'conformance');

const results = [
  run('oxlint', ['--type-aware', '--deny-warnings', ...linted]),
  run('prettier', ['--check', ...FOLDERS]),
];
process.exitCode = results.every((status) => status === 0) ? 0 : 1;

function run(program, args) {
  return spawnSync(`node_modules/.bin/${program}`, args, { cwd: ROOT, stdio: 'inherit' }).status;
}
