/**
 * `npm run test:package` and `npm run test:nest11`: the package as npm packs it, in applications of its own, ES module and
 * CommonJS, with the newest Nest of a major version. Needs `npm run build` before, and a package registry.
 *
 * `node tools/test-package.mjs NEST_MAJOR`
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './child-process.mjs';
import { Tally } from './tally.mjs';
import { pack, ROOT } from './tarball.mjs';

/** The application does its checks, and must not be held by anything of ours afterwards. */
const RUN_LIMIT_MS = 30_000;

const TSC = join(ROOT, 'node_modules/typescript5/bin/tsc');
const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** As users set their compiler up; the last one is how Nest 10 and 11 projects began. */
const APPS = [
  { name: 'ES module', type: 'module', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'CommonJS', type: 'commonjs', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'CommonJS, node10', type: 'commonjs', module: 'commonjs', moduleResolution: 'node10' },
];

const major = Number(process.argv[2]);
if (!Number.isInteger(major)) {
  console.error('usage: node tools/test-package.mjs NEST_MAJOR');
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-package-'));
const tally = new Tally();
try {
  await install();
  for (const app of APPS) {
    console.log(`\n# Nest ${versionOf('@nestjs/core')}, ${app.name}, Node ${process.version}`);
    await test(app);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = tally.close();

/** The tarball, and what an application has beside it. */
async function install() {
  const { path } = await pack(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true }));
  const nest = ['common', 'core', 'microservices', 'platform-express', 'platform-fastify', 'testing'];
  const packages = [
    path,
    ...nest.map((name) => `@nestjs/${name}@${major}`),
    ...['rxjs', 'reflect-metadata', '@bufbuild/protobuf', '@types/node'].map(
      (name) => `${name}@${devDependencies[name]}`,
    ),
  ];
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', ...packages], { cwd: folder });
}

async function test({ name, type, module, moduleResolution }) {
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
  const compiled = await tally.check('compiles with TypeScript 5.9', () =>
    run(process.execPath, [TSC, '-p', '.'], { cwd: directory }),
  );
  if (compiled) {
    await tally.addFrom('dist/app.js', () =>
      run(process.execPath, ['--unhandled-rejections=strict', 'dist/app.js'], {
        cwd: directory,
        timeoutMs: RUN_LIMIT_MS,
      }),
    );
  }
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}
