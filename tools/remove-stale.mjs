/**
 * A step of `npm run build`: removes what the compiler wrote, and what was copied, for files that were moved or deleted since,
 * which nobody else does. Left behind, it would be packed.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/** Folders of which the build makes the same paths in dist. */
const BUILT = /^(?:lib|generator|schematics|sample|test)\//;

const written = existsSync(DIST) ? readdirSync(DIST, { recursive: true, encoding: 'utf8' }) : [];
for (const path of written) {
  const source = sourceOf(path);
  if (BUILT.test(path) && source !== undefined && !existsSync(join(ROOT, source))) {
    rmSync(join(DIST, path));
  }
}

/** @returns `undefined` for what the build does not write. Assets have the path of their source; source maps have none. */
function sourceOf(path) {
  return /\.(?:json|js\.map)$/.test(path) ? path : path.match(/^(.*)(?:\.d\.ts|\.js)$/)?.[1].concat('.ts');
}
