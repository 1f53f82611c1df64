/**
 * `npm run test:package` and `npm run test:nest11`: the package as npm packs it, in applications of its own, ES module and
 * CommonJS, with the newest Nest of a major version. Needs `npm run build` before, and a package registry.
 *
 * `node tools/test-package.mjs NEST_MAJOR`
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const TIME_LIMIT_MS = 120_000;
/** The application does its checks, and must not be held by anything of ours afterwards. */
const RUN_LIMIT_MS = 30_000;

const ROOT = resolve(import.meta.dirname, '..');
const TSC = join(ROOT, 'node_modules/typescript5/bin/tsc');
const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** As users set their compiler up; the last one is how Nest 10 and 11 projects began. */
const APPS = [
  { name: 'ES module', type: 'module', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'CommonJS', type: 'commonjs', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'CommonJS, node10', type: 'commonjs', module: 'commonjs', moduleResolution: 'node10' },
];

const major = Number(process.argv[2]);
if (!Number.isInteger(major) || !existsSync(join(ROOT, 'dist/lib/index.js'))) {
  console.error('usage: node tools/test-package.mjs NEST_MAJOR, after "npm run build"');
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-package-'));
let passed = 0;
let failed = 0;
try {
  install();
  for (const app of APPS) {
    console.log(`\n# Nest ${versionOf('@nestjs/core')}, ${app.name}, Node ${process.version}`);
    test(app);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

/** The tarball, and what an application has beside it. */
function install() {
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], ROOT);
  const [{ filename }] = JSON.parse(packed);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true }));
  const nest = ['common', 'core', 'microservices', 'platform-express', 'platform-fastify', 'testing'];
  const packages = [
    `./${filename}`,
    ...nest.map((name) => `@nestjs/${name}@${major}`),
    ...['rxjs', 'reflect-metadata', '@bufbuild/protobuf', '@types/node'].map(
      (name) => `${name}@${devDependencies[name]}`,
    ),
  ];
  run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', ...packages], folder);
}

function test({ name, type, module, moduleResolution }) {
  const directory = join(folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(join(directory, 'src/gen'), { recursive: true });
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, type }));
  copyFileSync(join(ROOT, 'test/package/app.ts'), join(directory, 'src/app.ts'));
  copyFileSync(
    join(ROOT, 'sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.ts'),
    join(directory, 'src/gen/eliza_pb.ts'),
  );
  const compilerOptions = {
    module,
    moduleResolution,
    target: 'es2022',
    strict: true,
    skipLibCheck: true,
    esModuleInterop: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    rootDir: 'src',
    outDir: 'dist',
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  try {
    run(process.execPath, [TSC, '-p', '.'], directory);
    count(run(process.execPath, ['--unhandled-rejections=strict', 'dist/app.js'], directory, RUN_LIMIT_MS));
  } catch (error) {
    failed++;
    console.log(`not ok ${error.message}`);
  }
}

function count(output) {
  console.log(output.trim());
  passed += output.match(/^ok /gm)?.length ?? 0;
  failed += output.match(/^not ok /gm)?.length ?? 0;
}

/** @returns What it printed. @throws Error When it fails, or does not end in time. */
function run(program, args, cwd, timeout = TIME_LIMIT_MS) {
  const { status, signal, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout });
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')} ended with ${status ?? signal}:\n${stdout}\n${stderr}`);
  }
  return stdout;
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}
