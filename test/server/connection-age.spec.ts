import { once } from 'node:events';
import { Code } from '../../lib/rpc/code.js';
import { type EngineOptionsInit } from '../../lib/server/options.js';
import { eventually } from '../support/eventually.js';
import {
  EngineHarness,
  http1Request,
  openHttp2,
  recordHttp2,
  RecordingListener,
  type Serve,
} from './engine-harness.js';

describe('the age of connections', () => {
  let harness: EngineHarness;
  const listeners: RecordingListener[] = [];

  async function serve(options: EngineOptionsInit): Promise<void> {
    listeners.length = 0;
    const record: Serve = (exchange) => {
      const listener = new RecordingListener(exchange);
      listeners.push(listener);
      exchange.start(listener);
    };
    harness = await new EngineHarness(record, options).listen();
  }

  afterEach(() => harness.close());

  it('ends an idle HTTP/1.1 connection', async () => {
    await serve({ maxConnectionAgeMs: 40 });
    const client = harness.raw().write('POST');
    await client.ended;
    expect(client.error).toBeUndefined();
  });

  it('lets a running HTTP/1.1 call finish, then closes', async () => {
    await serve({ maxConnectionAgeMs: 40 });
    const client = harness.raw().write(http1Request('a'));
    // Two lives of an idle connection: with the least jitter still more than one with the most.
    await harness.raw().write('POST').ended;
    await harness.raw().write('POST').ended;
    expect(harness.engine.activeCalls).toBe(1);
    listeners[0]?.exchange.respondAndEnd(200, [], Buffer.from('done'));
    expect(await client.until('done')).toContain('connection: close');
    await client.ended;
  });

  it('tells an HTTP/2 client by GOAWAY, and lets its streams finish', async () => {
    await serve({ maxConnectionAgeMs: 40 });
    const session = harness.http2();
    const answer = recordHttp2(openHttp2(session));
    const [code] = (await once(session, 'goaway')) as [number];
    expect(code).toBe(0);
    expect(harness.engine.activeCalls).toBe(1);
    const closed = once(session, 'close');
    listeners[0]?.exchange.respondAndEnd(200, [], Buffer.from('done'));
    expect((await answer).body).toBe('done');
    await closed;
  });

  it.each(['HTTP/1.1', 'HTTP/2'])(
    'ends calls over %s that outlive the grace time, as unavailable',
    async (version) => {
      await serve({ maxConnectionAgeMs: 30, maxConnectionAgeGraceMs: 30 });
      if (version === 'HTTP/2') {
        openHttp2(harness.http2()).resume();
      } else {
        harness.raw().write(http1Request('a'));
      }
      await eventually(() => listeners[0]?.terminateReason !== undefined);
      expect(listeners[0]?.terminateReason).toMatchObject({
        code: Code.Unavailable,
        rawMessage: 'the connection has reached its maximum age',
      });
      await listeners[0]?.closed;
    },
  );

  it('is no limit by default', async () => {
    await serve({ timeouts: { prefaceMs: 40 } });
    const session = harness.http2();
    const stream = openHttp2(session);
    stream.resume();
    await eventually(() => listeners.length === 1);
    const other = harness.raw();
    await other.ended; // By then the sweep has looked several times.
    listeners[0]?.exchange.respondAndEnd(200, []);
    expect(session.closed).toBe(false);
    await once(stream, 'close');
  });
});
