/**
 * What Node itself costs: reads the request and answers fixed bytes. `node bare.mjs VERSION [ANSWER]`, VERSION `http1` or
 * `http2`.
 *
 * Paths are `/PAYLOAD/FORMAT`, because nothing here looks into a request. With ANSWER, `PAYLOAD/FORMAT`, all paths are
 * answered with that: for clients, whose paths are those of the service.
 */
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { PAYLOADS } from '../payloads.mjs';
import { encodeUnary, FORMATS } from '../wire.mjs';
import { announce, listen } from './control.mjs';

const ANSWERS = new Map(
  Object.keys(PAYLOADS).flatMap((payload) =>
    Object.entries(FORMATS).map(([name, format]) => [`/${payload}/${name}`, answerIn(format, payload)]),
  ),
);

function answerIn(format, payload) {
  const body = encodeUnary(format, payload);
  const { contentType, hasTrailers } = format;
  return {
    body,
    hasTrailers,
    http1: { 'content-type': contentType, 'content-length': body.length },
    http2: { ':status': 200, 'content-type': contentType },
  };
}

const [version, only] = process.argv.slice(2);

function answerTo(path) {
  return ANSWERS.get(only === undefined ? path : `/${only}`);
}

function serveHttp1(request, response) {
  const { http1, body } = answerTo(request.url);
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(200, http1);
    response.end(body);
  });
}

function serveHttp2(stream, headers) {
  const { http2, body, hasTrailers } = answerTo(headers[':path']);
  stream.on('data', () => {});
  stream.on('end', () => {
    stream.respond(http2, { waitForTrailers: hasTrailers });
    stream.end(body);
  });
  if (hasTrailers) {
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  }
}

// Connections are kept while it is another client's turn.
const server =
  version === 'http1'
    ? createServer({ keepAliveTimeout: 0 }, serveHttp1)
    : createHttp2Server().on('stream', serveHttp2);
announce({ port: await listen(server) });
