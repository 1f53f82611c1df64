/**
 * The size of the package, committed as `tools/package-size.json`: a change that makes it grow shows that in its diff.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tarball.mjs';

const REPORT = 'tools/package-size.json';

/** Changes below that are everyday work: nobody needs to look at them. */
const TOLERANCE = 0.1;

/** @returns Files and bytes: of all, and of each folder below dist. */
export function measure({ packedBytes, unpackedBytes, files }) {
  const folders = {};
  for (const { path, size } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const folder = folderOf(path);
    folders[folder] ??= { files: 0, bytes: 0 };
    folders[folder].files++;
    folders[folder].bytes += size;
  }
  return { files: files.length, packedBytes, unpackedBytes, folders };
}

/** "dist/lib/wire"; "." for what has no folder of its own. */
function folderOf(path) {
  const parts = path.split('/');
  return parts.length === 1 ? '.' : parts.slice(0, Math.min(3, parts.length - 1)).join('/');
}

export function writeReport(size) {
  writeFileSync(join(ROOT, REPORT), `${JSON.stringify(size, null, 2)}\n`);
}

/** @returns What differs from the committed report by more than the tolerance, one line each. */
export function compareWithReport(size) {
  const reported = numbersIn(JSON.parse(readFileSync(join(ROOT, REPORT), 'utf8')));
  const measured = numbersIn(size);
  const names = new Set([...reported.keys(), ...measured.keys()]);
  return [...names]
    .map((name) => [name, reported.get(name) ?? 0, measured.get(name) ?? 0])
    .filter(([, was, is]) => Math.abs(is - was) > TOLERANCE * was)
    .map(([name, was, is]) => `${name}: ${was} in ${REPORT}, ${is} now (npm run check:package -- --update)`);
}

/** Numbers by their paths, such as "folders dist/lib/wire bytes". */
function numbersIn(value, path = []) {
  const entries = Object.entries(value).flatMap(([key, each]) =>
    typeof each === 'number' ? [[[...path, key].join(' '), each]] : [...numbersIn(each, [...path, key])],
  );
  return new Map(entries);
}
