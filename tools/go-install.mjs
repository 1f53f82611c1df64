/**
 * Installs command line programs written in Go into `.tools/bin`, each with its version beside it, so that
 * the pinned version is what runs, and an installed one is not installed again.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../.tools/bin', import.meta.url));

/** Thrown when a program cannot be installed; the message says what to do. */
export class InstallError extends Error {
  name = 'InstallError';
}

/**
 * @param program `module` path, `version` (such as `v1.2.3`) and the `command` package inside the module.
 * @returns The path of the installed program.
 * @throws InstallError When Go is missing or refuses.
 */
export function goInstall({ module, version, command }) {
  const path = `${BIN}/${command.split('/').at(-1)}`;
  const stamp = `${path}.version`;
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== version) {
    const target = `${module}/${command}@${version}`;
    console.log(`installing ${target}`);
    go(['install', target], { GOBIN: BIN });
    writeFileSync(stamp, version);
  }
  return path;
}

/** @returns The folder of a Go module's sources. */
export function goModuleFolder({ module, version }) {
  return JSON.parse(go(['mod', 'download', '-json', `${module}@${version}`])).Dir;
}

function go(args, environment = {}) {
  const { error, status, stdout } = spawnSync('go', args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (error !== undefined) {
    throw new InstallError(
      `cannot run Go (${error.message}): install it (https://go.dev/doc/install) and have "go" on the PATH`,
    );
  }
  if (status !== 0) {
    throw new InstallError(`"go ${args.join(' ')}" failed: its message is above`);
  }
  return stdout;
}
