/**
 * `@grpc/grpc-js` with a retry policy: it does what our handlers say about retries, and they see what it tells of them.
 */
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { type RunningServer } from '../support/eliza-echo.js';
import { pushback, startPushbackEliza } from '../support/pushback-eliza.js';

/** No test would live to see this backoff. */
const RETRY_POLICY = {
  maxAttempts: 4,
  initialBackoff: '3600s',
  maxBackoff: '3600s',
  backoffMultiplier: 1,
  retryableStatusCodes: ['UNAVAILABLE'],
};

const asIs = (bytes: Buffer) => bytes;

/** @returns The code of the error; `undefined` for a success. */
function say(client: Client): Promise<number | undefined> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/connectrpc.eliza.v1.ElizaService/Say',
      asIs,
      asIs,
      Buffer.alloc(0),
      new Metadata(),
      {},
      (error: ServiceError | null) => resolve(error?.code),
    );
  });
}

describe('grpc-js with a retry policy', () => {
  let server: RunningServer;
  let client: Client;

  beforeAll(async () => {
    server = await startPushbackEliza();
    client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      'grpc.service_config': JSON.stringify({ methodConfig: [{ name: [{}], retryPolicy: RETRY_POLICY }] }),
    });
  });

  afterAll(async () => {
    client.close();
    await server.close();
  });

  it.each([
    ['tries again when the handler says', '0', undefined, [undefined, '1', '2']],
    ['does not try again when the handler says so', '-1', status.UNAVAILABLE, [undefined]],
  ])('%s', async (_, value, code, attempts) => {
    Object.assign(pushback, { value, place: 'error', attempts: [] });
    expect(await say(client)).toBe(code);
    expect(pushback.attempts).toEqual(attempts);
  });
});
