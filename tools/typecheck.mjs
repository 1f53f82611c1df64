/**
 * `npm run typecheck`: all programs of the repository under one compiler, named by its package.
 *
 * The conformance program cannot be checked before its protos are generated, which needs Go.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [compiler] = process.argv.slice(2);

const projects = ['.'];
if (existsSync(`${ROOT}conformance/gen`)) {
  projects.push('conformance');
} else {
  console.warn('conformance is left out: run "node conformance/run.mjs generate" first (needs Go)');
}
const statuses = projects.map(check);
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;

function check(project) {
  const tsc = `node_modules/${compiler}/bin/tsc`;
  // Without --incremental false a check would overwrite what the build knows.
  const args = [tsc, '-p', project, '--noEmit', '--incremental', 'false', '--tsBuildInfoFile', 'null'];
  return spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status;
}
