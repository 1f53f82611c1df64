/**
 * `npm run generate`: TypeScript from the .proto files, committed beside its users.
 *
 * Committed, so that a fresh clone builds without running a generator first. The conformance suite's
 * protos are not ours to commit: `conformance/run.mjs` generates those.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

const ROOT = new URL('..', import.meta.url);

/** Folders of .proto files (modules of buf.yaml), and where their TypeScript goes. */
const MODULES = [
  { protos: 'proto', out: 'lib/gen' },
  ...[
    '01-eliza',
    '02-hybrid-rest-and-rpc',
    '03-guards-pipes-interceptors-filters',
    '04-streams-and-backpressure',
  ].map((name) => ({ protos: `sample/${name}/proto`, out: `sample/${name}/gen` })),
];

for (const { protos, out } of MODULES) {
  // What lost its .proto file must not stay behind.
  rmSync(new URL(out, ROOT), { recursive: true, force: true });
  execFileSync('node_modules/.bin/buf', ['generate', protos, '--output', out], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  console.log(`${protos} -> ${out}`);
}
