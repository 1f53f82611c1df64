/**
 * A terminal to type documented shell lines into: each runs in bash as it stands, in the folder where the one before has left.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, start } from './child-process.mjs';

/** An installation takes half a minute on two quiet cores. */
const LINE_LIMIT_MS = 240_000;
/** What `start:dev` compiles first, on two cores that are not quiet. */
const LISTEN_LIMIT_MS = 120_000;
const POLL_MS = 100;

export class Terminal {
  #folder;
  #env;
  #pwdFile;

  /** @param folder Where the first line runs; nothing but what the lines leave may be in it. */
  constructor(folder, env) {
    this.#folder = folder;
    this.#env = env;
    this.#pwdFile = `${folder}.pwd`;
  }

  get folder() {
    return this.#folder;
  }

  /** @returns What the line printed on its standard output. @throws Error When it fails. */
  async type(line, env = {}) {
    // Not a command after the line: it may end with a comment.
    const script = `trap 'pwd > "$PWD_FILE"' EXIT\n${line}`;
    const printed = await run('bash', ['-c', script], {
      ...this.#options({ ...env, PWD_FILE: this.#pwdFile }),
      timeoutMs: LINE_LIMIT_MS,
    });
    this.#folder = readFileSync(this.#pwdFile, 'utf8').trim();
    return printed;
  }

  /** @returns The server that the line has started, when it listens. @throws Error When it ends instead. */
  async startServer(line, port, env = {}) {
    const server = start('bash', ['-c', line], this.#options(env));
    const deadline = Date.now() + LISTEN_LIMIT_MS;
    while (!(await isListening(port))) {
      const end = server.end();
      if (end !== undefined || Date.now() > deadline) {
        await server.stop();
        const what = end === undefined ? `does not listen after ${LISTEN_LIMIT_MS} ms` : `ended with ${end}`;
        throw new Error(`"${line}" ${what}:\n${server.log()}`);
      }
      await sleep(POLL_MS);
    }
    return server;
  }

  #options(env) {
    return { cwd: this.#folder, env: { ...this.#env, ...env } };
  }
}

/** @returns Whether somebody takes connections at this port. */
export async function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
