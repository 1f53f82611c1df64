/**
 * Compiles the sources of servers that run in processes of their own, so that they are never an old build and a process
 * holds nothing but its server: a loader in it would blur the memory figures.
 */
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Options, transformFile } from '@swc/core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['lib', 'sample', 'test/support', 'test/faults/support', 'test/backpressure/support'];

/** As in package.json, without a folder for the build. */
const EXPORTS = { '.': './lib/index.js', './*': './lib/*/index.js' };

/** As in jest.config.js. */
const OPTIONS: Options = {
  swcrc: false,
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
};

export interface CompiledTarget {
  /** @param source Its path in the repository. @returns Where the compiled program is. */
  program(source: string): string;
  remove(): Promise<void>;
}

export async function compileTarget(): Promise<CompiledTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-target-'));
  // The name makes `import 'nestjs-connect'` a reference to itself.
  const manifest = { name: 'nestjs-connect', type: 'module', exports: EXPORTS };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const sources = await Promise.all(FOLDERS.map(sourcesIn));
  await Promise.all(sources.flat().map((source) => compile(source, folder)));
  return {
    program: (source) => compiledPath(source, folder),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function sourcesIn(folder: string): Promise<string[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => join(folder, name));
}

async function compile(source: string, folder: string): Promise<void> {
  const { code } = await transformFile(join(ROOT, source), OPTIONS);
  const target = compiledPath(source, folder);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, code);
}

function compiledPath(source: string, folder: string): string {
  return join(folder, source.replace(/\.ts$/, '.js'));
}
