/**
 * Load from a process of its own: h2load, or the driver in Node where h2load is missing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as http1Request } from 'node:http';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BENCH } from './paths.mjs';

const LOAD_LIMIT_MS = 120_000;
// As Go's client has it: a server that writes faster than its client reads is told so.
const WINDOW_BITS = '22';

const found = spawnSync('h2load', ['--version'], { encoding: 'utf8' });
const hasH2load = found.error === undefined;

/** What makes the load, for the page. */
export const LOAD_PROGRAM = hasH2load
  ? found.stdout.trim()
  : 'bench/load/http-driver.mjs on Node, because there is no h2load (Debian: apt-get install nghttp2-client)';

const bodies = mkdtempSync(join(tmpdir(), 'nestjs-connect-bench-'));
process.once('exit', () => rmSync(bodies, { recursive: true, force: true }));
let bodyCount = 0;

/** @returns The name of a file with those bytes, for as long as the benchmark runs. */
export function bodyFile(bytes) {
  const path = join(bodies, `${++bodyCount}.bin`);
  writeFileSync(path, bytes);
  return path;
}

/**
 * Sends requests, and counts bytes.
 *
 * @param load `url`, `http` ('1' or '2'), `headers`, `bodyFile`, `connections`, `inFlight` on each of them, `requests`.
 * @returns `callsPerSecond` and `bodyBytes`, of all responses.
 * @throws Error When a response was not a success.
 */
export async function runLoad(load) {
  return hasH2load
    ? parseH2load(await runProgram('h2load', h2loadArguments(load)), load)
    : await runDriver(load);
}

function h2loadArguments({ url, http, headers, bodyFile: file, connections, inFlight, requests }) {
  return [
    ...(http === '1' ? ['--h1'] : ['-w', WINDOW_BITS]),
    ...['-t', 1, '-c', connections, '-m', inFlight, '-n', requests, '-d', file].map(String),
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    url,
  ];
}

function parseH2load(output, { url, requests }) {
  const { rate } = /finished in [^,]+, (?<rate>[\d.]+) req\/s/.exec(output)?.groups ?? {};
  const { succeeded } = /(?<succeeded>\d+) 2xx/.exec(output)?.groups ?? {};
  const { data } = /\((?<data>\d+)\) data/.exec(output)?.groups ?? {};
  if (Number(succeeded) !== requests) {
    throw new Error(`${succeeded} of ${requests} requests to ${url} succeeded:\n${output}`);
  }
  return { callsPerSecond: Number(rate), bodyBytes: Number(data) };
}

async function runDriver(load) {
  return JSON.parse(
    await runProgram(process.execPath, [`${BENCH}load/http-driver.mjs`, JSON.stringify(load)]),
  );
}

/** @returns What a program printed. @throws Error When it failed, or did not end in time. */
export async function runProgram(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  const kill = () => child.kill('SIGKILL');
  const timer = setTimeout(kill, LOAD_LIMIT_MS);
  process.once('exit', kill);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const code = await exited;
  clearTimeout(timer);
  process.off('exit', kill);
  if (code !== 0) {
    throw new Error(
      `${program} ended with ${code ?? `a signal, after at most ${LOAD_LIMIT_MS} ms`}: ${errors}`,
    );
  }
  return output;
}

/** @returns One call's `headers`, `trailers` and `body`, to look at. @throws Error Without a success. */
export async function callOnce(origin, http, request) {
  const answer = http === '1' ? await callHttp1(origin, request) : await callHttp2(origin, request);
  if (answer.status < 200 || answer.status > 299) {
    throw new Error(`status ${answer.status}: ${answer.body.toString().slice(0, 200)}`);
  }
  return answer;
}

function callHttp1(origin, { path, headers, body }) {
  return new Promise((resolve, reject) => {
    const all = { ...headers, 'content-length': body.length };
    const request = http1Request(origin + path, { method: 'POST', headers: all, agent: false });
    request.once('error', reject);
    request.once('response', (response) => {
      const { statusCode: status, headers: responseHeaders } = response;
      collect(response).then(
        (bytes) => resolve({ status, headers: responseHeaders, trailers: response.trailers, body: bytes }),
        reject,
      );
    });
    request.end(body);
  });
}

async function callHttp2(origin, { path, headers, body }) {
  const session = connect(origin);
  try {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    let responseHeaders = {};
    let trailers = {};
    stream.once('response', (received) => (responseHeaders = received));
    stream.once('trailers', (received) => (trailers = received));
    stream.end(body);
    const bytes = await collect(stream);
    return { status: responseHeaders[':status'], headers: responseHeaders, trailers, body: bytes };
  } finally {
    session.destroy();
  }
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
