/**
 * Foreign programs as clients: where they are, and how they are run.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';

/** What a program left behind. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

export interface Program {
  readonly name: string;
  /** Where it may be, the best place first. */
  readonly paths: readonly string[];
  /** How somebody who lacks it gets it. */
  readonly remedy: string;
}

export const CURL: Program = {
  name: 'curl',
  paths: onPath('curl'),
  remedy: 'install it with the system, built with HTTP/2',
};

export const BUF: Program = { name: 'buf', paths: ['node_modules/.bin/buf'], remedy: 'run "npm install"' };

export const GRPCURL: Program = {
  name: 'grpcurl',
  paths: ['.tools/bin/grpcurl', ...onPath('grpcurl')],
  remedy: 'run "node tools/install-interop.mjs" (needs Go)',
};

/** Of the servers in Go and Python: see support/peers. */
const SERVER_REMEDY = 'run "node tools/install-interop.mjs"';

export const CONNECT_GO: Program = {
  name: 'the connect-go server',
  paths: ['.tools/bin/interop/connect-go'],
  remedy: `${SERVER_REMEDY} (needs Go)`,
};

export const GRPC_GO: Program = {
  name: 'the grpc-go server',
  paths: ['.tools/bin/interop/grpc-go'],
  remedy: `${SERVER_REMEDY} (needs Go)`,
};

export const PYTHON: Program = {
  name: 'python3',
  paths: onPath('python3'),
  remedy: 'install it with the system',
};

/** A package of Python's and no program; its presence is what counts. */
export const GRPCIO: Program = {
  name: 'grpcio',
  paths: ['.tools/python/grpc'],
  remedy: `${SERVER_REMEDY} (needs Python's pip)`,
};

const TIME_LIMIT_MS = 20_000;

/** Runs a program to its end. A time limit ends it with a code other than 0. */
export function run(
  program: Program,
  args: readonly string[],
  input: string | Uint8Array = '',
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      locate(program) ?? program.name,
      args,
      { encoding: 'buffer', timeout: TIME_LIMIT_MS },
      (error, stdoutBytes, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout: stdoutBytes.toString(), stdoutBytes, stderr: stderr.toString() });
      },
    );
    child.once('error', reject);
    // A program that needs no input may be gone before it was written.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/**
 * `describe` for tests that need programs. Without them the tests are skipped with a printed reason; with
 * `INTEROP_REQUIRE_ALL=1` they fail instead.
 */
export function describeWith(programs: readonly Program[], name: string, body: () => void): void {
  const missing = programs.filter((program) => locate(program) === undefined);
  const reason = missing.map((program) => `${program.name} is missing: ${program.remedy}`).join('; ');
  if (missing.length === 0) {
    describe(name, body);
  } else if (process.env['INTEROP_REQUIRE_ALL'] === '1') {
    describe(name, () => {
      it('finds its programs', () => {
        throw new Error(reason);
      });
    });
  } else {
    console.warn(`skipped "${name}": ${reason}`);
    describe.skip(name, body);
  }
}

/** @returns Its path; `undefined` when it is missing. */
export function locate(program: Program): string | undefined {
  return program.paths.find((path) => existsSync(path));
}

function onPath(name: string): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).map((folder) => `${folder}/${name}`);
}
