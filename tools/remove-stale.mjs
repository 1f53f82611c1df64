/**
 * A step of `npm run build`: removes what the compiler wrote for files that were moved or deleted since, which it never does
 * itself. Left behind, it would be packed.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/** Folders with TypeScript of which the compiler makes the same path in dist. */
const COMPILED = /^(?:lib|generator|schematics|sample|test)\//;
const OUTPUT = /(?:\.d\.ts|\.js)$/;
/** It writes none any more. */
const SOURCE_MAP = /\.js\.map$/;

const written = existsSync(DIST) ? readdirSync(DIST, { recursive: true, encoding: 'utf8' }) : [];
for (const path of written) {
  const hasSource = existsSync(join(ROOT, path.replace(OUTPUT, '.ts')));
  if (COMPILED.test(path) && (SOURCE_MAP.test(path) || (OUTPUT.test(path) && !hasSource))) {
    rmSync(join(DIST, path));
  }
}
