/**
 * Opens bidi streams, has one message answered on each, and keeps them open until its standard input ends:
 * `node idle-streams.mjs REQUEST`, in JSON.
 *
 * REQUEST: `origin`, `path`, `headers`, `connections`, `streamsPerConnection`, and in base64 `body` (the message) and
 * `answer` (what must come back).
 */
import { connect } from 'node:http2';

const request = JSON.parse(process.argv[2]);
const { origin, path, headers, connections, streamsPerConnection } = request;
const body = Buffer.from(request.body, 'base64');
const answer = Buffer.from(request.answer, 'base64');

/** @returns A promise for the answer's last byte. */
function openStream(session) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    let received = Buffer.alloc(0);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('a stream ended by itself')));
    stream.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= answer.length) {
        compare(received);
        resolve();
      }
    });
    stream.write(body);
  });
}

function compare(received) {
  if (!received.equals(answer)) {
    throw new Error(`answered ${received.toString('hex')} instead of ${answer.toString('hex')}`);
  }
}

// One connection after the other: a burst would be measured, too.
for (let index = 0; index < connections; index++) {
  const session = connect(origin);
  await Promise.all(Array.from({ length: streamsPerConnection }, () => openStream(session)));
}
console.log(JSON.stringify({ open: connections * streamsPerConnection }));
process.stdin.resume().once('end', () => process.exit(0));
