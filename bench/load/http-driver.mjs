/**
 * What h2load does, slower: `node http-driver.mjs LOAD`, LOAD as `runLoad` in ../load.mjs has it, in JSON.
 *
 * Prints what `runLoad` returns.
 */
import { readFileSync } from 'node:fs';
import { Agent, request as http1Request } from 'node:http';
import { connect } from 'node:http2';

const load = JSON.parse(process.argv[2]);
const { url, http, connections, inFlight, requests } = load;
const { origin, pathname } = new URL(url);
const body = readFileSync(load.bodyFile);
const headers = { ...load.headers, 'content-length': body.length };

let startedCount = 0;
let bodyBytes = 0;

/** @returns A function that makes one call and resolves when it is over. */
function openConnection() {
  return http === '1' ? openHttp1() : openHttp2();
}

function openHttp1() {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const call = () =>
    new Promise((resolve, reject) => {
      const request = http1Request(url, { method: 'POST', headers, agent });
      request.once('error', reject);
      request.once('response', (response) => {
        finish(response, response.statusCode, resolve, reject);
      });
      request.end(body);
    });
  return { call, close: () => agent.destroy() };
}

function openHttp2() {
  const session = connect(origin);
  const call = () =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': pathname, ...headers });
      stream.once('error', reject);
      stream.once('response', (received) => finish(stream, received[':status'], resolve, reject));
      stream.end(body);
    });
  return { call, close: () => session.close() };
}

function finish(readable, status, resolve, reject) {
  readable.on('data', (chunk) => (bodyBytes += chunk.length));
  readable.once('end', () => {
    if (status >= 200 && status <= 299) {
      resolve();
    } else {
      reject(new Error(`status ${status} from ${url}`));
    }
  });
}

async function callInTurn(call) {
  while (startedCount < requests) {
    startedCount++;
    await call();
  }
}

const opened = Array.from({ length: connections }, openConnection);
const start = performance.now();
await Promise.all(opened.flatMap(({ call }) => Array.from({ length: inFlight }, () => callInTurn(call))));
const seconds = (performance.now() - start) / 1000;
for (const { close } of opened) {
  close();
}
console.log(JSON.stringify({ callsPerSecond: requests / seconds, bodyBytes }));
