/**
 * A client that nobody closes must not hold its process, and a call under way must.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CompiledTarget, compileTarget } from '../support/compiled-target.js';
import { Peers } from './peers.js';

const ANSWER_AFTER_MS = 300;

/** Calls once, and then does nothing: neither `close` nor `exit`. */
const PROGRAM = `
  const [folder, module, name, url, isLeft] = process.argv.slice(1);
  const { [name]: Client } = await import(folder + 'connection/' + module);
  const { parseTarget } = await import(folder + 'balancing/target.js');
  const client = new Client(parseTarget(url));
  const listener = {
    onHeaders() {}, onDrain() {},
    onData(chunk) { console.log(String(chunk)); },
    onEnd() { console.log('end'); },
    onAbort(reason) { console.log(reason.message); },
  };
  const exchange = client.send({ method: 'POST', target: '/', headers: [] }, Buffer.from('x'), listener);
  if (isLeft) setTimeout(() => exchange.reset(), 50);
`;

describe('an idle client', () => {
  let compiled: CompiledTarget;
  let peers: Peers;
  let child: ChildProcess | undefined;

  beforeAll(async () => {
    compiled = await compileTarget();
  }, 60_000);

  afterAll(() => compiled.remove());

  beforeEach(() => {
    peers = new Peers();
  });

  afterEach(async () => {
    child?.kill('SIGKILL');
    await peers.close();
  });

  /** @returns What the program has written when it ended by itself. */
  async function run(module: string, name: string, url: string, ...more: string[]): Promise<string> {
    const folder = pathToFileURL(compiled.program('lib/client/x.ts')).href.replace(/x\.js$/, '');
    const args = ['--input-type=module', '-e', PROGRAM, folder, module, name, url, ...more];
    const own = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child = own;
    let text = '';
    own.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(own, 'close');
    expect(own.exitCode).toBe(0);
    return text;
  }

  it.each([
    ['has called', [], 'late\nend\n'],
    ['has given its call up', ['left'], ''],
  ])(
    'over HTTP/2 lets its process end after it %s',
    async (_, more, text) => {
      const url = await peers.http2((stream) => {
        setTimeout(() => {
          if (!stream.destroyed) {
            stream.respond({ ':status': 200 });
            stream.end('late');
          }
        }, ANSWER_AFTER_MS);
      });
      expect(await run('http2-client.js', 'Http2Client', url, ...more)).toBe(text);
    },
    20_000,
  );

  it.each([
    ['has called', [], 'late\nend\n'],
    ['has given its call up', ['left'], ''],
  ])(
    'over HTTP/1.1 lets its process end after it %s',
    async (_, more, text) => {
      // Longer than the test: the server must not end the wait.
      const url = await peers.http1(
        (__, response) => {
          setTimeout(() => response.end('late'), ANSWER_AFTER_MS);
        },
        { keepAliveTimeout: 60_000 },
      );
      expect(await run('http1-client.js', 'Http1Client', url, ...more)).toBe(text);
    },
    20_000,
  );
});
