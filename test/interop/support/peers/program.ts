/**
 * Servers that are programs of their own: those in Go and Python.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { locate, type Program } from '../programs.js';
import { type PeerInit, type RunningPeer } from './peer.js';

/** How a program is run: itself with arguments, and what it needs of the environment. */
export interface Command {
  readonly program: Program;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** @returns Starts the program, which prints `listening PORT`, and ends when its input does. */
export function programPeer(command: Command): (init: PeerInit) => Promise<RunningPeer> {
  return async ({ tls }) => {
    const files = tls === undefined ? undefined : await writeFiles(tls);
    const child = start(command, files === undefined ? [] : ['-cert', files.cert, '-key', files.key]);
    const ended = once(child, 'close');
    const port = await Promise.race([listeningPort(child), ended.then(() => undefined)]);
    if (port === undefined) {
      throw new Error(`${command.program.name} has ended without listening; its message is above`);
    }
    return {
      port,
      async close() {
        child.stdin?.end();
        await ended;
        await files?.remove();
      },
    };
  };
}

function start({ program, args = [], env = {} }: Command, files: readonly string[]): ChildProcess {
  return spawn(locate(program) ?? program.name, [...args, ...files], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

async function listeningPort({ stdout }: ChildProcess): Promise<number | undefined> {
  if (stdout === null) {
    return undefined;
  }
  const lines = createInterface({ input: stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return Number(/^listening (\d+)$/.exec(line)?.[1]);
}

async function writeFiles({ cert, key }: NonNullable<PeerInit['tls']>) {
  const folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-interop-'));
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
  return { ...files, remove: () => rm(folder, { recursive: true, force: true }) };
}
