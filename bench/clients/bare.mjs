/**
 * What Node itself costs: sends fixed bytes and reads the answer, of which it looks at the size. `node bare.mjs ROUTE`.
 */
import { Agent, request as http1Request } from 'node:http';
import { connect } from 'node:http2';
import { unaryRequest } from '../wire.mjs';
import { REQUEST, route, serveCalls } from './control.mjs';

const { path, headers: formatHeaders, body } = unaryRequest(route.format, 'small');
const headers = { ...formatHeaders, 'content-length': body.length };

function openHttp1() {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(route.origin);
  const options = { hostname, port, path, method: 'POST', headers, agent };
  return () =>
    new Promise((resolve, reject) => {
      const request = http1Request(options);
      request.on('error', reject);
      request.on('response', (response) => finish(response, resolve));
      request.end(body);
    });
}

function openHttp2() {
  const session = connect(route.origin);
  const requestHeaders = { ':method': 'POST', ':path': path, ...headers };
  return () =>
    new Promise((resolve, reject) => {
      const stream = session.request(requestHeaders);
      stream.on('error', reject);
      finish(stream, resolve);
      stream.end(body);
    });
}

function finish(readable, resolve) {
  let bytes = 0;
  readable.on('data', (chunk) => (bytes += chunk.length));
  readable.on('end', () => resolve(bytes === body.length ? REQUEST : { text: `${bytes} bytes` }));
}

await serveCalls(route.http === '1' ? openHttp1() : openHttp2());
