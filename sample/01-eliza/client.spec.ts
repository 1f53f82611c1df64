/**
 * `npm run eliza`: the compiled program in a process of its own, with a pipe for its input, and the sample's server.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { type CompiledTarget, compileTarget } from '../../test/support/compiled-target.js';
import { type RunningServer, startService } from '../../test/support/eliza-echo.js';
import { facts } from './eliza/facts.js';
import { summary } from './eliza/summary.js';
import { ElizaRpc } from './eliza.rpc.js';

const SENTENCES = ['I am sad', 'my boss shouts'];
const REPLIES = ['How long have you been sad?', 'Tell me more about your boss.'];

// Each process takes its time to start, and more on a busy machine.
jest.setTimeout(30_000);

let target: CompiledTarget;
let server: RunningServer;
let url: string;

beforeAll(async () => {
  target = await compileTarget();
  server = await startService(ElizaRpc, { http1Bidi: true });
  url = `http://127.0.0.1:${server.port}`;
});

afterAll(async () => {
  await server.close();
  await target.remove();
});

function start(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [target.program('sample/01-eliza/client.ts'), ...args]);
}

async function outcomeOf(child: ChildProcessWithoutNullStreams) {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code };
}

/** @param input All of the standard input. */
function run(args: readonly string[], input = '') {
  const child = start(...args);
  child.stdin.end(input);
  return outcomeOf(child);
}

/** What the program prints when all is well: one sentence on a line. */
function printed(sentences: readonly string[]) {
  return { stdout: sentences.map((sentence) => `${sentence}\n`).join(''), stderr: '', code: 0 };
}

it.each([
  { protocol: 'connect', http: '1' },
  { protocol: 'connect', http: '2' },
  { protocol: 'grpc', http: '2' },
  { protocol: 'grpc-web', http: '1' },
  { protocol: 'grpc-web', http: '2' },
])('makes calls of all four kinds over $protocol and HTTP/$http', async ({ protocol, http }) => {
  const wire = ['--protocol', protocol, '--http', http, '--url', url];
  const outcomes = await Promise.all([
    run([...wire, '--unary', 'I am sad']),
    run([...wire, '--server-streaming', 'Ada']),
    run([...wire, '--client-streaming', ...SENTENCES]),
    run([...wire, '--bidi', ...SENTENCES]),
  ]);
  expect(outcomes).toEqual([
    printed(REPLIES.slice(0, 1)),
    printed(facts('Ada')),
    printed([summary(SENTENCES)]),
    printed(REPLIES),
  ]);
});

it.each([
  ['--client-streaming', [summary(SENTENCES)]],
  ['--bidi', REPLIES],
])('reads its input, line by line, when no sentences are given: %s', async (kind, replies) => {
  expect(await run([kind, '--url', url], `${SENTENCES.join('\n')}\n`)).toEqual(printed(replies));
});

it('says something of its own when it is told nothing to say', async () => {
  expect(await run(['--unary', '--url', url])).toMatchObject({
    stdout: expect.stringMatching(/^Hello\./),
    code: 0,
  });
});

it('ends with the goodbye, although its input has not ended', async () => {
  const child = start('--url', url);
  child.stdin.write('I am sad\nbye\n');
  expect(await outcomeOf(child)).toMatchObject({
    stdout: expect.stringMatching(/\nGoodbye\..*\n$/),
    code: 0,
  });
});

it('ends in silence when nobody reads what it prints', async () => {
  const child = start('--url', url);
  child.stdout.destroy();
  child.stdin.write('I am sad\n');
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
});

it('says how to start a server that is not running', async () => {
  const { port } = await closedServer();
  const { stdout, stderr, code } = await run(['--unary', '--url', `http://127.0.0.1:${port}`]);
  expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
  expect(stderr).toContain(`127.0.0.1:${port}`);
  expect(stderr).toContain('npm start');
});

it.each([
  [['--loud'], "Unknown option '--loud'"],
  [['--protocol', 'grpc', '--http', '1'], 'grpc needs "2"'],
  [['--url', 'localhost:8080'], '"localhost:8080" is not the URL of a server'],
])('says what is wrong with %j', async (args, message) => {
  const { stdout, stderr, code } = await run(args);
  expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  expect(stderr).toContain(message);
  expect(stderr).toContain('--help');
});

it('tells its flags', async () => {
  expect(await run(['--help'])).toMatchObject({
    stdout: expect.stringContaining('--server-streaming'),
    code: 0,
  });
});

/** A port where nobody listens any more. */
async function closedServer(): Promise<RunningServer> {
  const closed = await startService(ElizaRpc);
  await closed.close();
  return closed;
}
