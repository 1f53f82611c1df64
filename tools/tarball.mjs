/**
 * The package as npm would publish it. Needs a build.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from './child-process.mjs';

export const ROOT = resolve(import.meta.dirname, '..');

/**
 * @param folder Where the tarball goes.
 * @returns Its path, the sizes in bytes of it and of what is in it, and the files.
 * @throws Error When nothing was built.
 */
export async function pack(folder) {
  if (!existsSync(join(ROOT, 'dist/lib/index.js'))) {
    throw new Error('dist/lib/index.js is missing: run "npm run build" first');
  }
  // Its scripts would build once more.
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [packed] = JSON.parse(await run('npm', args, { cwd: ROOT }));
  return {
    path: join(folder, packed.filename),
    packedBytes: packed.size,
    unpackedBytes: packed.unpackedSize,
    files: packed.files,
  };
}
