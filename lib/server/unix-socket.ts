/**
 * The file of a unix socket that a dead server left behind: `listen` would fail with EADDRINUSE for ever.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/**
 * Removes the file when it is a socket that nobody listens on.
 *
 * @throws Error When a server answers there. Any other file is left alone: `listen` tells what is wrong.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!isSocket(path)) {
    return;
  }
  if (await isAlive(path)) {
    throw new Error(`cannot listen on ${path}: another server is listening there`);
  }
  unlinkSync(path);
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Only a refusal proves that nobody is there: without the right to connect, one cannot know.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') {
        resolve(false);
      } else {
        reject(error);
      }
    });
  });
}
