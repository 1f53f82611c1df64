/**
 * A step of `npm run build`: what the compiler leaves behind, the JSON files of the schematics, beside what it has written.
 *
 * `node tools/copy-assets.mjs [FOLDER]`; without one: `dist`.
 */
import { cpSync } from 'node:fs';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const [target = resolve(ROOT, 'dist')] = process.argv.slice(2);

cpSync(resolve(ROOT, 'schematics'), resolve(target, 'schematics'), {
  recursive: true,
  filter: (path) => !/\.[^/\\]+$/.test(path) || path.endsWith('.json'),
});
