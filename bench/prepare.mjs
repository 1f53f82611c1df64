/**
 * Makes what the benchmark runs: the generated code, and the servers in Go where Go is there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { goInstall, InstallError } from '../tools/go-install.mjs';
import { BENCH, GO_BIN, ROOT } from './paths.mjs';

const GO_PLUGINS = [
  { module: 'google.golang.org/protobuf', version: 'v1.36.12', command: 'cmd/protoc-gen-go' },
  { module: 'google.golang.org/grpc/cmd', version: 'v1.6.2', command: 'protoc-gen-go-grpc' },
  { module: 'connectrpc.com/connect', version: 'v1.21.1', command: 'cmd/protoc-gen-connect-go' },
];

/** Thrown when the benchmark cannot start; the message says what to do. */
export class PrepareError extends Error {
  name = 'PrepareError';
}

/** @returns Why a part of the benchmark cannot run, or should not be trusted; one sentence each. */
export function prepare() {
  generate('buf.gen.yaml');
  return [...checkBuild(), ...buildGo()];
}

function generate(template) {
  execFileSync(`${ROOT}node_modules/.bin/buf`, ['generate', '--template', template], {
    cwd: BENCH,
    stdio: 'inherit',
  });
}

/** The servers import the built library; an old build would be measured without a word. */
function checkBuild() {
  const built = `${ROOT}dist/lib/index.js`;
  if (!existsSync(built)) {
    throw new PrepareError('dist/lib is missing: run "npm run build" first');
  }
  const newest = Math.max(...sourceFiles().map((path) => statSync(path).mtimeMs));
  const buildTime = statSync(`${ROOT}dist/.tsbuildinfo`).mtimeMs;
  return newest > buildTime
    ? ['dist is older than lib: run "npm run build" to measure what lib says now.']
    : [];
}

function sourceFiles() {
  return readdirSync(`${ROOT}lib`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts'))
    .map((entry) => `${entry.parentPath}/${entry.name}`);
}

/** Builds into `.tools/bin`, where the Go programs of the other tools are. */
function buildGo() {
  // What cannot be built now must not be measured as it was.
  rmSync(GO_BIN, { recursive: true, force: true });
  if (spawnSync('go', ['version']).error !== undefined) {
    return [
      'connect-go and grpc-go are left out: there is no "go" on the PATH (https://go.dev/doc/install).',
    ];
  }
  try {
    GO_PLUGINS.forEach(goInstall);
    generate('go/buf.gen.yaml');
    execFileSync('go', ['build', '-o', GO_BIN, './cmd/...'], {
      cwd: `${BENCH}go`,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return [];
  } catch (error) {
    const reason = error instanceof InstallError ? error.message : String(error);
    return [`connect-go and grpc-go are left out: ${reason}`];
  }
}
