/**
 * `npm run h2spec`: the HTTP/2 conformance test against Eliza's port, beside a bare `node:http2` server.
 *
 * Some of h2spec's tests fail on every server of node:http2, whose frames are nghttp2's; which ones differs from
 * Node to Node. So both servers are asked, and what the bare one passes Eliza's must pass too. Needs a build.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goInstall, InstallError } from './go-install.mjs';
import { H2SPEC } from './programs.mjs';

// h2spec sends GET: this is a call, and answered 200. Another answer makes it skip tests.
const PATH = '/connectrpc.eliza.v1.ElizaService/Say?connect=v1&encoding=json&message=%7B%7D';

/** How long h2spec waits for what does not come, in seconds. */
const SILENCE_S = 3;
/** One run of h2spec; a whole one takes 20 s. */
const TIME_LIMIT_MS = 60_000;

/** How often a test is asked again that only Eliza's server failed. */
const RETRIES = 3;

const children = new Set();

async function startBare() {
  const server = createServer();
  server.on('sessionError', ignore);
  server.on('stream', (stream) => {
    stream.on('error', ignore);
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end('{}');
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server.address().port;
}

async function startEliza() {
  const { ConnectServer } = await import('../dist/lib/index.js');
  const { ElizaModule } = await import('../dist/sample/01-eliza/eliza.module.js');
  const { NestFactory } = await import('@nestjs/core');
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0 });
  const app = await NestFactory.createMicroservice(ElizaModule, { strategy, logger: false });
  return (await app.listen()).port;
}

/**
 * @param sections Such as `http2/5.1`. Default: all.
 * @returns The outcome of every test by its name: `passed`, `skipped`, or what went wrong.
 */
async function run(program, port, sections = []) {
  const folder = mkdtempSync(join(tmpdir(), 'h2spec-'));
  const report = join(folder, 'report.xml');
  const options = ['-h', '127.0.0.1', '-p', port, '--timeout', SILENCE_S, '-P', PATH, '-j', report];
  try {
    await runChild(program, [...sections, ...options.map(String)]);
    return outcomesIn(readFileSync(report, 'latin1'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runChild(program, args) {
  const child = spawn(program, args, { stdio: 'ignore' });
  children.add(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT_MS);
  try {
    // Its exit code only says that tests failed, which the report says better.
    const [, signal] = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (...end) => resolve(end));
    });
    if (signal !== null) {
      throw new InstallError(`h2spec was ended by ${signal}; its time limit is ${TIME_LIMIT_MS} ms`);
    }
  } finally {
    clearTimeout(timer);
    children.delete(child);
  }
}

/** Reads the JUnit report; it is not always XML, because frames are quoted in it byte by byte. */
function outcomesIn(report) {
  const cases = report.matchAll(
    /<testcase package="(?<section>[^"]*)" classname="(?<title>[^"]*)"[^>]*>(?<body>[^]*?)<\/testcase>/g,
  );
  return new Map(
    [...cases].map(({ groups }) => [`${groups.section}: ${groups.title}`, outcomeOf(groups.body)]),
  );
}

function outcomeOf(body) {
  if (body.trim() === '') {
    return 'passed';
  }
  // The last line is what came; those above are what would have been right.
  return body.includes('<skipped>')
    ? 'skipped'
    : body
        .replaceAll(/<[^>]*>/g, '')
        .trim()
        .split('\n')
        .at(-1);
}

function isFailure(outcome) {
  return outcome !== 'passed' && outcome !== 'skipped';
}

/** Prints counts and failures. @returns How many passed. */
function printOutcomes(name, outcomes) {
  const all = [...outcomes.values()];
  const passed = all.filter((outcome) => outcome === 'passed').length;
  const skipped = all.filter((outcome) => outcome === 'skipped').length;
  console.log(
    `${name}: ${passed} of ${all.length} passed, ${skipped} skipped, ${all.length - passed - skipped} failed`,
  );
  for (const [test, outcome] of outcomes) {
    if (isFailure(outcome)) {
      console.log(`  ${test}\n    ${outcome}`);
    }
  }
  return passed;
}

/**
 * Asks again for tests that only Eliza's server failed. Where the answer and h2spec's next frame cross on the wire, it
 * is chance what either server has seen first.
 *
 * @returns Those that Eliza's server failed every time.
 */
async function confirm(program, port, suspects) {
  let failed = suspects;
  for (let i = 0; i < RETRIES && failed.length > 0; i++) {
    const sections = [...new Set(failed.map((test) => test.slice(0, test.indexOf(':'))))];
    const outcomes = await run(program, port, sections);
    failed = failed.filter((test) => isFailure(outcomes.get(test) ?? 'did not run'));
  }
  return failed;
}

async function main() {
  const program = goInstall(H2SPEC);
  const bare = await startBare();
  const eliza = await startEliza();
  const [bareOutcomes, outcomes] = await Promise.all([run(program, bare), run(program, eliza)]);
  printOutcomes(`bare node:http2 of Node ${process.version}`, bareOutcomes);
  const passed = printOutcomes('Eliza', outcomes);
  if (outcomes.size === 0 || outcomes.size !== bareOutcomes.size) {
    throw new InstallError(
      `h2spec ran ${bareOutcomes.size} and ${outcomes.size} tests: its report cannot be read`,
    );
  }

  const suspects = [...outcomes.keys()].filter(
    (test) => isFailure(outcomes.get(test)) && !isFailure(bareOutcomes.get(test)),
  );
  const failed = await confirm(program, eliza, suspects);
  for (const test of suspects) {
    console.log(failed.includes(test) ? `only Eliza fails: ${test}` : `passed when asked again: ${test}`);
  }
  console.log(`${passed + suspects.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0;
}

function ignore() {}

function endChildren() {
  children.forEach((child) => child.kill('SIGKILL'));
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    endChildren();
    process.exit(1);
  });
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof InstallError ? error.message : error);
  process.exitCode = 1;
}
endChildren();
// The servers have connections that h2spec left half open on purpose.
process.exit();
