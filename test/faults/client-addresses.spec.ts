/**
 * A client of several addresses, some of which refuse, come or go: no call is lost while one of them works, and connections to
 * addresses that are gone end.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Channel, createChannel, createClient } from 'nestjs-connect/client';
import { createEngine, type EngineOptions } from '../../lib/client/balancing/balanced-client.js';
import { parseDestination } from '../../lib/client/balancing/destination.js';
import { Channel as EngineChannel } from '../../lib/client/channel.js';
import { Http2Client } from '../../lib/client/connection/http2-client.js';
import { TransparentRetryClient } from '../../lib/client/transparent-retry/transparent-retry.js';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { CARRIERS, type Eliza, endOf, type Protocol } from './support/client-cases.js';
import { RestartingServer } from './support/restarting-server.js';

const CALLS = 100;
const PARALLEL = 10;
/** All of 127.0.0.0/8 are addresses of the loopback interface on Linux. */
const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];

const OVER_HTTP2 = CARRIERS.filter(({ httpVersion }) => httpVersion === '2').map(({ protocol }) => protocol);
const BALANCINGS = ['pick_first', 'round_robin'] as const;
const ROWS = OVER_HTTP2.flatMap((protocol) => BALANCINGS.map((balancing) => ({ protocol, balancing })));
const TITLE = '$protocol, $balancing';

let servers: RestartingServer[];
let channels: Channel[];

beforeEach(() => {
  servers = [];
  channels = [];
});

afterEach(async () => {
  channels.forEach((channel) => channel.destroy());
  await Promise.all(servers.map((server) => server.stop()));
});

failOnUnhandled();

async function serverAt(host: string | undefined, port?: number): Promise<RestartingServer> {
  const server = new RestartingServer(host, port);
  servers.push(server);
  await server.start();
  return server;
}

function clientOf(channel: Channel): Eliza {
  channels.push(channel);
  return createClient(ElizaService, channel);
}

/** As `createChannel` makes it, but for the look-up of names. */
function resolvingClient(url: string, protocol: Protocol, options: EngineOptions): Eliza {
  const destination = parseDestination(url, { isSecure: false });
  const engine = createEngine(destination, (target) => new Http2Client(target), options);
  return clientOf(
    new EngineChannel(
      new TransparentRetryClient(engine, destination.name),
      { protocol },
      { name: destination.name, prefix: '' },
    ),
  );
}

/** @returns How many calls ended with each code. */
async function callInParallel(eliza: Eliza, calls: number): Promise<Record<string, number>> {
  const ends: Record<string, number> = {};
  let left = calls;
  const side = async (): Promise<void> => {
    while (left-- > 0) {
      const { code } = await endOf(eliza, 'unary', { timeoutMs: 20_000 });
      ends[code] = (ends[code] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, side));
  return ends;
}

describe('the first two of three addresses refuse connections: no call is lost', () => {
  it.each(ROWS)(`static: ${TITLE}`, async ({ protocol, balancing }) => {
    const { port } = await serverAt('127.0.0.3');
    const url = `static:///${HOSTS.map((host) => `${host}:${port}`).join()}`;
    expect(await callInParallel(clientOf(createChannel({ url, protocol, balancing })), CALLS)).toEqual({
      ok: CALLS,
    });
  });

  it.each(ROWS)(`dns: ${TITLE}`, async ({ protocol, balancing }) => {
    const { port } = await serverAt('127.0.0.3');
    const eliza = resolvingClient(`dns:///eliza.test:${port}`, protocol, {
      balancing,
      lookup: async () => HOSTS,
    });
    expect(await callInParallel(eliza, CALLS)).toEqual({ ok: CALLS });
  });

  it.each(BALANCINGS)('dns: a name of the system, of which one address may refuse: %s', async (balancing) => {
    const { port } = await serverAt('127.0.0.1');
    const eliza = clientOf(createChannel({ url: `dns:///localhost:${port}`, balancing }));
    expect(await callInParallel(eliza, CALLS)).toEqual({ ok: CALLS });
  });
});

describe('a name whose addresses change: no call is lost', () => {
  it.each(ROWS)(
    `while all servers work, and old connections end (${TITLE})`,
    async ({ protocol, balancing }) => {
      const first = await serverAt('127.0.0.1');
      const second = await serverAt('127.0.0.2', first.port);
      let addresses = ['127.0.0.1'];
      const lookup = async (): Promise<string[]> => addresses;
      const eliza = resolvingClient(`dns:///eliza.test:${first.port}`, protocol, {
        balancing,
        lookup,
        reresolveMs: 5,
      });
      for (const [host, other] of [
        [first, second],
        [second, first],
        [first, second],
      ] as const) {
        addresses = [host === first ? '127.0.0.1' : '127.0.0.2'];
        const calls = host.calls;
        expect(await callInParallel(eliza, CALLS)).toEqual({ ok: CALLS });
        await eventually(() => other.openConnections === 0);
        expect([host.calls > calls, host.openConnections]).toEqual([true, 1]);
      }
    },
  );

  // A name is looked up again at most once a second: a row for each protocol is enough.
  const MOVES = ROWS.filter((_, i) => i % 2 === (i >> 1) % 2);

  it.each(MOVES)(`when the server moves, under load (${TITLE})`, async ({ protocol, balancing }) => {
    const first = await serverAt('127.0.0.1');
    let addresses = ['127.0.0.1'];
    const lookup = async (): Promise<string[]> => addresses;
    const eliza = resolvingClient(`dns:///eliza.test:${first.port}`, protocol, { balancing, lookup });
    const calls = callInParallel(eliza, 5 * CALLS);
    await eventually(() => first.calls > CALLS);
    const second = await serverAt('127.0.0.2', first.port);
    addresses = ['127.0.0.2'];
    await first.stop();
    expect(await calls).toEqual({ ok: 5 * CALLS });
    expect([first.openConnections, second.openConnections]).toEqual([0, 1]);
  });
});
