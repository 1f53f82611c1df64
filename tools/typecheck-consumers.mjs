/**
 * Compiles `test/types` as a user's project would be, against the built declarations, under every supported
 * TypeScript. Needs `npm run build` before.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const COMPILERS = ['typescript5', 'typescript', 'typescript7'];

if (!existsSync('dist/lib/index.d.ts')) {
  console.error('dist/lib/index.d.ts is missing: run "npm run build" first');
  process.exit(1);
}

let failed = 0;
for (const name of COMPILERS) {
  const tsc = `node_modules/${name}/bin/tsc`;
  const version = spawnSync(process.execPath, [tsc, '--version'], { encoding: 'utf8' }).stdout.trim();
  const result = spawnSync(process.execPath, [tsc, '-p', 'test/types'], { encoding: 'utf8' });
  console.log(`${version}: ${result.status === 0 ? 'ok' : 'failed'}`);
  if (result.status !== 0) {
    failed++;
    console.error(result.stdout + result.stderr);
  }
}
process.exit(failed === 0 ? 0 : 1);
