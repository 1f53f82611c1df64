/**
 * Where a server's time goes while it answers unary calls: `node profile.mjs SERVER/FORMAT PAYLOAD`, for example
 * `nestjs-connect/grpc small`. Of the main thread, by Node's own profiler; servers in Node only.
 *
 * HTTP/2 with 4 connections × 16 in flight; HTTP/1.1, for the formats that have no need of HTTP/2 (`connect-json`, `rest`),
 * with 32 connections when `--http1` is given.
 *
 * With `--client` a client's time, while it makes small calls as in the suite `client`: `--client nestjs-connect/grpc`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startClient } from './client-process.mjs';
import { bodyFile, runLoad } from './load.mjs';
import { startServer } from './server-process.mjs';
import { unaryRequest } from './wire.mjs';

const WARM_UP_CALLS = 30_000;
const CALLS = 100_000;
const INTERVAL_US = 200;

/** The first that fits; a frame without a URL is native, or generated when it belongs to a script. */
const PARTS = [
  ['garbage collector', ({ functionName }) => functionName === '(garbage collector)'],
  ['generated codec', ({ url, scriptId }) => url === '' && scriptId !== '0'],
  ['native: nghttp2, sockets, system calls, V8', ({ url }) => url === ''],
  ['protobuf-es, protobufjs', ({ url }) => /@bufbuild|protobufjs|proto-loader/.test(url)],
  ["our codec's run-time parts", ({ url }) => url.includes('/dist/lib/codec/')],
  ['our code', ({ url }) => url.includes('/dist/lib/')],
  ['Nest, RxJS', ({ url }) => /@nestjs|rxjs/.test(url)],
  ['other libraries', ({ url }) => url.includes('node_modules')],
  ['node:http2', ({ url }) => url.startsWith('node:internal/http2')],
  ['node:http', ({ url }) => url.startsWith('node:_http') || url === 'node:http'],
  ['streams, events, ticks, buffers of Node', ({ url }) => url.startsWith('node:')],
  ['the service', () => true],
];

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      http1: { type: 'boolean', default: false },
      client: { type: 'boolean', default: false },
    },
  });
  const [point = 'nestjs-connect/grpc', payload = 'small'] = positionals;
  const [name, format] = point.split('/');
  const directory = mkdtempSync(join(tmpdir(), 'nestjs-connect-profile-'));
  const nodeArguments = ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-interval=${INTERVAL_US}`];
  const run = values.client ? runClient : runServer;
  try {
    const from = await run(name, { format, payload, http: values.http1 ? '1' : '2' }, nodeArguments);
    print(point, payload, readProfile(directory, from));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** @returns When the server was warm, in microseconds on the profiler's clock. */
async function runServer(name, { format, payload, http }, nodeArguments) {
  const server = await startServer(name, { nodeArguments });
  try {
    const { path, headers, body } = unaryRequest(format, payload);
    const shape = http === '1' ? { connections: 32, inFlight: 1 } : { connections: 4, inFlight: 16 };
    const load = { ...shape, http, url: server.origin(http) + path, headers, bodyFile: bodyFile(body) };
    return await inTwoParts((requests) => runLoad({ ...load, requests }));
  } finally {
    await server.stop();
  }
}

/** @returns The same for a client. */
async function runClient(name, { format, http }, nodeArguments) {
  const server = await startServer(`bare-http${http}`, { args: [`small/${format}`] });
  const route = { origin: server.origin(http), http, format, inFlight: 32 };
  const client = await startClient(name, route, nodeArguments);
  try {
    return await inTwoParts(client.makeCalls);
  } finally {
    await client.stop();
    await server.stop();
  }
}

/** @returns When the second part began: the process was warm. */
async function inTwoParts(makeCalls) {
  await makeCalls(WARM_UP_CALLS);
  const from = Number(process.hrtime.bigint() / 1000n);
  await makeCalls(CALLS);
  return from;
}

/** @returns Microseconds by part, from a time on. */
function readProfile(directory, from) {
  const [file] = readdirSync(directory);
  const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(join(directory, file), 'utf8'));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map();
  let now = startTime;
  for (const [index, id] of samples.entries()) {
    const elapsed = timeDeltas[index];
    now += elapsed;
    const frame = frames.get(id);
    if (now >= from && frame.functionName !== '(idle)') {
      const [part] = PARTS.find(([, fits]) => fits({ ...frame, scriptId: String(frame.scriptId) }));
      spent.set(part, (spent.get(part) ?? 0) + elapsed);
    }
  }
  return spent;
}

function print(point, payload, spent) {
  const total = [...spent.values()].reduce((sum, part) => sum + part, 0);
  console.log(`${point}, ${payload}: ${(total / CALLS).toFixed(1)} µs of the main thread per call\n`);
  for (const [part, us] of [...spent].toSorted((a, b) => b[1] - a[1])) {
    console.log(`${((100 * us) / total).toFixed(0).padStart(4)} %  ${part}`);
  }
}

await main();
process.exit(0);
