/**
 * What servers and clients tell each other about retries: when to try again, and how often it was tried before.
 *
 * Spec: gRPC A6, "Pushback" and "Exposed Retry Metadata".
 */
import { constants, createServer, type ServerHttp2Stream } from 'node:http2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type Channel } from '../../lib/client/channel.js';
import { type ChannelOptions, createChannel } from '../../lib/client/create-channel.js';
import { createClient } from '../../lib/client/create-client.js';
import { Code } from '../../lib/rpc/code.js';
import { type RunningServer } from '../support/eliza-echo.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { pushback, startPushbackEliza } from '../support/pushback-eliza.js';
import { Peers } from './peers.js';

failOnUnhandled();

/** No test would live to see this backoff. */
const POLICY = { maxAttempts: 4, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 };

let channel: Channel | undefined;

function connect(options: ChannelOptions) {
  channel = createChannel({ retry: { policies: [POLICY] }, ...options });
  return createClient(ElizaService, channel);
}

afterEach(() => channel?.destroy());

describe.each([
  ['grpc', ['1', '2']],
  ['grpc-web', ['1', '2']],
  // Connect has no name for it.
  ['connect', [undefined, undefined]],
] as const)('Over %s', (protocol, attemptsOfRetries) => {
  let server: RunningServer;

  beforeAll(async () => {
    server = await startPushbackEliza();
  });

  afterAll(() => server.close());

  beforeEach(() => {
    Object.assign(pushback, { value: '0', place: 'error', attempts: [] });
  });

  const eliza = () => connect({ url: `http://127.0.0.1:${server.port}`, protocol });

  it.each(['error', 'trailers', 'headers'] as const)(
    'a client tries again when the handler says, in its %s, and tells how often it has tried',
    async (place) => {
      pushback.place = place;
      expect(await eliza().say({})).toMatchObject({ sentence: 'at last' });
      expect(pushback.attempts).toEqual([undefined, ...attemptsOfRetries]);
    },
  );

  it.each(['-1', 'never'])('a client does not try again when the handler says %s', async (value) => {
    pushback.value = value;
    await expect(eliza().say({})).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: 'busy' });
    expect(pushback.attempts).toEqual([undefined]);
  });

  it('a caller cannot say how often it has tried', async () => {
    await eliza().say({}, { headers: { 'grpc-previous-rpc-attempts': '7' } });
    expect(pushback.attempts).toEqual([undefined, ...attemptsOfRetries]);
  });
});

describe('The headers of gRPC requests', () => {
  const peers = new Peers();
  const seen: string[][] = [];

  afterAll(() => peers.close());

  /** Refuses the first stream, and answers the others with `unavailable`. */
  function answer(stream: ServerHttp2Stream): void {
    if (seen.length === 1) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    } else {
      const [status, pushbackMs] = [{ 'grpc-status': '14' }, { 'grpc-retry-pushback-ms': '0' }];
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', ...status, ...pushbackMs },
        { endStream: true },
      );
    }
  }

  it('begin with the timeout, have the metadata last, and do not count attempts that no server has seen', async () => {
    const server = createServer();
    server.on(
      'stream',
      (stream: ServerHttp2Stream, _headers: object, _flags: number, rawHeaders: string[]) => {
        seen.push(rawHeaders);
        stream.on('error', () => {});
        answer(stream);
      },
    );
    const url = `http://127.0.0.1:${await peers.listen(server)}`;
    const eliza = connect({ url, protocol: 'grpc', retry: { policies: [{ ...POLICY, maxAttempts: 3 }] } });
    const said = eliza.say({}, { timeoutMs: 600_000, headers: { 'x-a': '1' } });
    await expect(said).rejects.toMatchObject({ code: Code.Unavailable });

    const names = [
      'grpc-timeout',
      'te',
      'content-type',
      'grpc-accept-encoding',
      'accept-encoding',
      'user-agent',
      'x-a',
    ];
    const withAttempts = [...names, 'grpc-previous-rpc-attempts'];
    expect(seen.map(namesIn)).toEqual([names, names, withAttempts, withAttempts]);
    expect(seen.map(attemptsIn)).toEqual([undefined, undefined, '1', '2']);
  });
});

/** Without pseudo-headers and the length, which HTTP/2 itself and the engine add. */
function namesIn(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((name, i) => i % 2 === 0 && !name.startsWith(':') && name !== 'content-length');
}

function attemptsIn(rawHeaders: readonly string[]): string | undefined {
  const at = rawHeaders.indexOf('grpc-previous-rpc-attempts');
  return at === -1 ? undefined : rawHeaders[at + 1];
}
