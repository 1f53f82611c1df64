/**
 * `node generator/golden/generate.mjs`: the descriptors of the golden tests, and what is generated for them, in gen/. What it
 * changes is to be read before it is committed.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

// What lost its .proto file must not stay behind.
rmSync(`${FOLDER}gen`, { recursive: true, force: true });
run(process.execPath, '../../tools/bundle-generator.mjs');
run('../../node_modules/.bin/buf', 'build', '--as-file-descriptor-set', '--output', 'golden.binpb');
run('../../node_modules/.bin/buf', 'generate', '--output', 'gen');

function run(program, ...args) {
  execFileSync(program, args, { cwd: FOLDER, stdio: 'inherit' });
}
