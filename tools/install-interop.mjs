/**
 * Installs the foreign programs of `npm run test:interop`, as far as npm did not, into `.tools`: grpcurl, a client; and the
 * servers on connect-go, grpc-go and grpcio; and the protoc of grpcio-tools, which runs our generator.
 *
 * buf comes with `npm install`; curl is the system's. What cannot be installed does not keep the rest from it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goInstall, InstallError } from './go-install.mjs';
import { GRPCURL } from './programs.mjs';

const INTEROP = fileURLToPath(new URL('../test/interop/', import.meta.url));
const TOOLS = fileURLToPath(new URL('../.tools/', import.meta.url));

/** A protoc that knows editions; Debian's does not. No part of what server.py needs. */
const PROTOC = 'grpcio-tools==1.85.1';

for (const install of [() => goInstall(GRPCURL), buildGoServers, installGrpcio]) {
  try {
    console.log(install());
  } catch (error) {
    console.error(error instanceof InstallError ? error.message : error);
    process.exitCode = 1;
  }
}

/** Always built: Go knows by itself what has not changed. */
function buildGoServers() {
  const folder = `${TOOLS}bin/interop`;
  run('go', ['build', '-o', `${folder}/`, './cmd/...'], {
    cwd: `${INTEROP}go`,
    remedy: 'install it (https://go.dev/doc/install)',
  });
  return folder;
}

/** A folder instead of a venv, which Debian's Python cannot make without one more package. */
function installGrpcio() {
  const folder = `${TOOLS}python`;
  const remedy = 'install it with the system';
  const requirements = `${INTEROP}python/requirements.txt`;
  // Its extension modules fit one version of Python only.
  const wanted = run('python3', ['--version'], { remedy }) + readFileSync(requirements, 'utf8') + PROTOC;
  const stamp = `${folder}/.installed`;
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    console.log('installing grpcio and grpcio-tools');
    rmSync(folder, { recursive: true, force: true });
    const pip = [
      '-m',
      'pip',
      '--disable-pip-version-check',
      'install',
      '--quiet',
      '--root-user-action',
      'ignore',
    ];
    run('python3', [...pip, '--target', folder, '--requirement', requirements, PROTOC], { remedy });
    writeFileSync(stamp, wanted);
  }
  return folder;
}

/** @returns What the program has printed. */
function run(program, args, { cwd, remedy }) {
  const { error, status, stdout } = spawnSync(program, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (error !== undefined) {
    throw new InstallError(`cannot run ${program} (${error.message}): ${remedy}`);
  }
  if (status !== 0) {
    throw new InstallError(`"${program} ${args.join(' ')}" failed: its message is above`);
  }
  return stdout;
}
