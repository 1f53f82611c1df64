/**
 * `npm run generate`: TypeScript from the .proto files, committed beside its users. `npm run generate:check` writes nothing,
 * and fails when what is there is not what would be generated.
 *
 * Committed, so that a fresh clone builds without running a generator first. The conformance suite's
 * protos are not ours to commit: `conformance/run.mjs` generates those.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

/** What the generator's tests read and compare. Its changes are to be read before they are committed. */
const GOLDEN = 'generator/golden';

/** Folders of .proto files (modules of a buf.yaml, which is in `workspace`), and where their TypeScript goes. */
const MODULES = [
  { protos: 'proto', out: 'lib/gen' },
  { protos: '.', out: `${GOLDEN}/gen`, workspace: GOLDEN },
  ...readdirSync(join(ROOT, 'sample'))
    .filter((name) => existsSync(join(ROOT, 'sample', name, 'proto')))
    .toSorted()
    .map((name) => ({ protos: `sample/${name}/proto`, out: `sample/${name}/gen` })),
];

// Built here and now: what generates is part of what is checked.
execFileSync(process.execPath, ['tools/bundle-generator.mjs'], { cwd: ROOT, stdio: 'inherit' });

const isCheck = process.argv.includes('--check');
const problems = isCheck ? MODULES.flatMap(check) : MODULES.flatMap(generate);
for (const problem of problems) {
  console.error(`${problem}: run "npm run generate", and commit what it writes`);
}
if (!isCheck) {
  runBuf(GOLDEN, 'build', '--as-file-descriptor-set', '--output', 'golden.binpb');
}
process.exitCode = problems.length === 0 ? 0 : 1;

function generate(module) {
  const { out } = module;
  // What lost its .proto file must not stay behind.
  rmSync(join(ROOT, out), { recursive: true, force: true });
  runGenerators(module, join(ROOT, out));
  console.log(`${out}: written`);
  return [];
}

/** @returns What is wrong with the committed files, one line each. */
function check(module) {
  const { out } = module;
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-generate-'));
  try {
    runGenerators(module, folder);
    const found = compare(readTree(folder), readTree(join(ROOT, out)));
    console.log(`${out}: ${found.length === 0 ? 'current' : `${found.length} files are not`}`);
    return found.map(([name, problem]) => `${join(out, name)} ${problem}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runGenerators({ protos, workspace = '.' }, folder) {
  runBuf(workspace, 'generate', protos, '--output', folder);
}

function runBuf(workspace, ...args) {
  const buf = join(ROOT, 'node_modules/.bin/buf');
  execFileSync(buf, args, { cwd: join(ROOT, workspace), stdio: 'inherit' });
}

/** @returns Texts by their paths in the folder. */
function readTree(folder) {
  const entries = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [];
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]));
}

function compare(generated, committed) {
  const names = new Set([...generated.keys(), ...committed.keys()]);
  return [...names].flatMap((name) => {
    const problem = problemOf(generated.get(name), committed.get(name));
    return problem === undefined ? [] : [[name, problem]];
  });
}

function problemOf(generated, committed) {
  if (generated === committed) {
    return undefined;
  }
  if (committed === undefined) {
    return 'is missing';
  }
  return generated === undefined ? 'has no .proto file' : 'is not what its .proto file says';
}
