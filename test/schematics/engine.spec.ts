/**
 * The schematics in the engine that `nest g` runs them in, which loads them as ES modules by `require`, in a process of its
 * own; and this repository's own nest-cli.json. Whole apps are the matter of `npm run test:e2e-cli`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { buildSync } from 'esbuild';
import { type AppRule } from '../../schematics/app/app-tree.js';
import { connectClient } from '../../schematics/connect-client/factory.js';
import { connectInterceptor } from '../../schematics/connect-interceptor/factory.js';
import { connectService } from '../../schematics/connect-service/factory.js';
import { nestAdd } from '../../schematics/nest-add/factory.js';
import { MemoryApp, NEW_APP } from './memory-app.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COLLECTION = 'dist/schematics/collection.json';
const CONFIGURATION = JSON.parse(readFileSync(join(ROOT, 'nest-cli.json'), 'utf8')) as { collection: string };

// Processes take their time on a busy machine.
jest.setTimeout(60_000);

interface Run {
  readonly schematic: string;
  readonly options: object;
  readonly files: Readonly<Record<string, string>>;
}

interface Outcome {
  readonly files?: Readonly<Record<string, string>>;
  readonly tasks: readonly { readonly name: string; readonly options: object }[];
  readonly messages: readonly string[];
  readonly error?: string;
}

/** A checkout of this repository, as far as the Nest CLI sees it, with a build of its own: never an old one. */
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-schematics-'));
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: ['schematics/**/*.ts'],
    outdir: join(folder, 'dist/schematics'),
    format: 'esm',
    target: 'node20',
  });
  runNode(['tools/copy-assets.mjs', join(folder, 'dist')]);
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  const configuration = { ...CONFIGURATION, collection: join(folder, COLLECTION) };
  writeFileSync(join(folder, 'nest-cli.json'), JSON.stringify(configuration));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runNode(args: readonly string[], input = ''): string {
  return execFileSync(process.execPath, args, { cwd: ROOT, input, encoding: 'utf8' });
}

function inEngine(...runs: readonly Run[]): Outcome[] {
  const printed = runNode(['tools/run-schematic.mjs', join(folder, COLLECTION)], JSON.stringify(runs));
  // What the program prints.
  return JSON.parse(printed) as Outcome[];
}

function nest(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/nest'), args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200' },
  });
  return stripVTControlCharacters(`${stdout}${stderr}`);
}

/** What `nest g` sends, whatever the schematic knows of it. */
const SENT = {
  name: 'billing/invoice-line',
  collection: 'nestjs-connect',
  sourceRoot: 'src',
  language: 'ts',
  spec: true,
  flat: false,
  specFileSuffix: 'spec',
  skipImport: false,
  format: false,
};

const RUNS: readonly (readonly [schematic: string, rule: AppRule, options: object])[] = [
  ['connect-service', connectService(SENT), SENT],
  ['cs', connectService(SENT), SENT],
  ['connect-client', connectClient(SENT), SENT],
  ['cc', connectClient(SENT), SENT],
  ['connect-interceptor', connectInterceptor(SENT), SENT],
  ['ci', connectInterceptor(SENT), SENT],
  ['nest-add', nestAdd({}), { sourceRoot: 'src' }],
];

it('do in the engine what they do in memory', async () => {
  const outcomes = inEngine(
    ...RUNS.map(([schematic, , options]) => ({ schematic, options, files: NEW_APP })),
  );
  for (const [index, [, rule]] of RUNS.entries()) {
    const app = new MemoryApp();
    await app.run(rule);
    expect(outcomes[index]).toEqual({ files: app.files, tasks: app.tasks, messages: [] });
  }
});

it('stop in the engine with their messages, and a log for what they leave to the user', () => {
  const [refused, logged] = inEngine(
    { schematic: 'cs', options: { name: '1st' }, files: NEW_APP },
    { schematic: 'cs', options: { name: 'eliza' }, files: { 'package.json': '{}' } },
  );
  expect(refused?.error).toContain('"1st" cannot be the name of a class');
  expect(refused?.files).toBeUndefined();
  expect(logged?.messages).toEqual([expect.stringContaining('By hand: list ElizaRpc under controllers')]);
});

it('write protos that buf accepts, under the rules that they write for it', async () => {
  const app = new MemoryApp();
  await app.run(nestAdd({}));
  for (const name of ['eliza', 'billing/invoice-line', 'message', 'v2/stream.option']) {
    await app.run(connectService({ name }));
  }
  const protos = Object.keys(app.files).filter((path) => path.endsWith('.proto'));
  expect(protos).toHaveLength(4);
  for (const path of ['buf.yaml', ...protos]) {
    const target = join(folder, 'buf', path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, app.readText(path));
  }
  const { stdout, stderr, status } = spawnSync(join(ROOT, 'node_modules/.bin/buf'), ['lint'], {
    cwd: join(folder, 'buf'),
    encoding: 'utf8',
  });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});

it.each(['schematics/tools', 'schematics-cli/bin'])(
  'are where the nest-cli.json of this repository says, as seen by @angular-devkit/%s',
  (program) => {
    const found = resolve(ROOT, 'node_modules/@angular-devkit', program, CONFIGURATION.collection);
    expect(found).toBe(join(ROOT, COLLECTION));
  },
);

it('are at hand in this repository, beside those of Nest', () => {
  const help = nest('g', '--help').replaceAll(/[│\s]+/g, ' ');
  expect(help).toContain('connect-service cs Create a Connect and gRPC service.');
  expect(help).toContain('controller co Create a Nest controller.');

  const printed = nest('g', 'cs', 'eliza', '--dry-run');
  expect(printed).toContain('CREATE proto/eliza/v1/eliza.proto');
  expect(printed).toContain('CREATE sample/eliza/eliza.rpc.ts');
  expect(printed).toContain('CREATE sample/eliza/eliza.rpc.spec.ts');
  expect(printed).toContain('By hand: list ElizaRpc under controllers.');
  expect(existsSync(join(folder, 'sample'))).toBe(false);
});
