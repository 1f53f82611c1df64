/**
 * How a server process and the benchmark that started it talk: lines of JSON.
 *
 * Out: where the server listens, once. In: `gc`, answered when the garbage is gone. When the benchmark is gone, the
 * pipe ends, and the server with it.
 */
import { createInterface } from 'node:readline';

/** @param ports `port`, and `http1Port` where a server needs a port of its own for HTTP/1.1. */
export function announce(ports) {
  reply(ports);
  createInterface({ input: process.stdin })
    .on('line', collectGarbage)
    .on('close', () => process.exit(0));
}

/** @returns The port of a server of Node's that now listens on the loopback interface. */
export function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

/** Twice, with a turn of the event loop between: finalizers free more. */
function collectGarbage() {
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    reply({ done: true });
  });
}

function reply(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
