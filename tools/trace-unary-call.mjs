/**
 * Counts what one unary call goes through: files, functions and function calls of this library, from the
 * listener to the last byte. Nest's own code is not counted. Needs `npm run build` before.
 *
 * `node tools/trace-unary-call.mjs [--list]`
 */
import { spawn } from 'node:child_process';
import { Session } from 'node:inspector/promises';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ConnectServer } from 'nestjs-connect';
import { ElizaModule } from '../dist/sample/01-eliza/eliza.module.js';

const WARM_UP_CALLS = 30;
const LIBRARY = new URL('../dist/lib/', import.meta.url).href;
const PATH = '/connectrpc.eliza.v1.ElizaService/Say';

// A process of its own, so that nothing of the client is counted; one connection, because calls share it.
const CLIENT = `
const session = require('node:http2').connect(process.argv[1]);
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [contentType, body] = line.split(' ');
  const stream = session.request({ ':method': 'POST', ':path': '${PATH}', 'content-type': contentType, te: 'trailers' });
  stream.end(Buffer.from(body, 'base64'));
  stream.resume().on('close', () => console.log(stream.rstCode));
});
`;

const REQUESTS = {
  'gRPC, proto': { contentType: 'application/grpc', body: Buffer.from([0, 0, 0, 0, 4, 0x0a, 2, 0x68, 0x69]) },
  'Connect, JSON': { contentType: 'application/json', body: Buffer.from('{"sentence":"hi"}') },
};

const app = await NestFactory.createMicroservice(ElizaModule, {
  strategy: new ConnectServer({ host: '127.0.0.1', port: 0 }),
  logger: ['error'],
});
const { port } = await app.listen();

const client = spawn(process.execPath, ['-e', CLIENT, `http://127.0.0.1:${port}`], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: client.stdout })[Symbol.asyncIterator]();

async function call({ contentType, body }) {
  client.stdin.write(`${contentType} ${body.toString('base64')}\n`);
  await answers.next();
  // What the server does behind the last byte belongs to the call.
  await setImmediate();
}

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

for (const [name, request] of Object.entries(REQUESTS)) {
  for (let i = 0; i < WARM_UP_CALLS; i++) {
    await call(request);
  }
  await session.post('Profiler.takePreciseCoverage');
  await call(request);
  const { result } = await session.post('Profiler.takePreciseCoverage');
  print(name, result);
}
client.kill();
await app.close();
process.exit(0);

function print(name, result) {
  const functions = result
    .filter(({ url }) => url.startsWith(LIBRARY))
    .flatMap(({ url, functions: all }) =>
      all.map(({ functionName, ranges: [range] }) => ({
        file: url.slice(LIBRARY.length),
        name: functionName,
        count: range.count,
      })),
    )
    .filter(({ count }) => count > 0);
  const files = new Set(functions.map(({ file }) => file));
  const calls = functions.reduce((sum, { count }) => sum + count, 0);
  console.log(`${name}: ${files.size} files, ${functions.length} functions, ${calls} calls`);
  if (process.argv.includes('--list')) {
    for (const { file, name: functionName, count } of functions) {
      console.log(`  ${file} ${functionName} ${count}`);
    }
  }
}
