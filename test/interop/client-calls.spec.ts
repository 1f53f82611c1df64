/**
 * Our client on foreign servers: every server, protocol, version of HTTP and kind of call, and what a call can meet.
 */
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type Channel,
  type ChannelOptions,
  Code,
  type Compression,
  type ConnectClient,
  ConnectError,
  createClient,
  createRxClient,
  gzip,
  type RpcHeaders,
} from 'nestjs-connect/client';
import { from, Subject, type Subscription } from 'rxjs';
import { elizaNamed } from '../support/eliza-services.js';
import { FLAVOURS, type Kind, KINDS, type TestClient, textsOf } from './support/kinds.js';
import { PEERS } from './support/peers/index.js';
import { type Peer, type RunningPeer } from './support/peers/peer.js';
import { FAILURE } from './support/peers/script.js';
import { describeWith } from './support/programs.js';
import { TestService, type TestServiceDesc } from './support/test-service.js';
import { channelTo, type Wire, wiresOf } from './support/wires.js';

const WORDS = ['I', 'am', 'sad'];
const MIB = 1024 * 1024;
/** A service that no server has. */
const NOWHERE = elizaNamed('Nowhere');

/** Of signals: what is raised stays raised. */
let lastKey = 0;
const nextKey = (): string => String(++lastKey);

for (const peer of PEERS) {
  describeWith(peer.needs, peer.name, () => {
    describe.each(wiresOf(peer))('$name', (wire) => {
      describeCalls(peer, wire);
    });
  });
}

function describeCalls(peer: Peer, wire: Wire): void {
  const kinds = KINDS.filter(({ needsHttp2 }) => !needsHttp2 || wire.httpVersion === '2');
  const channels: Channel[] = [];
  let running: RunningPeer;
  let client: ConnectClient<TestServiceDesc>;

  const open = (options: Partial<ChannelOptions> = {}): Channel => {
    const channel = channelTo(running, wire, options);
    channels.push(channel);
    return channel;
  };
  /** Waits until the server has raised it. */
  const until = (signal: string) => client.say({ value: `until:${signal}` }, { timeoutMs: 10_000 });

  beforeAll(async () => {
    running = await peer.start({ httpVersion: wire.httpVersion, tls: undefined });
  });

  beforeEach(() => {
    client = createClient(TestService, open());
  });

  // Settles only when nothing is under way: no call may be left behind.
  afterEach(() => Promise.all(channels.splice(0).map((channel) => channel.close())));

  afterAll(() => running.close());

  describe.each(FLAVOURS)('with a client of $name', ({ create }) => {
    it.each(kinds.flatMap((kind) => peer.codecs.map((codec) => ({ kind, codec }))))(
      'makes a $kind.name call in $codec',
      async ({ kind, codec }) => {
        const answers = kind.call(create(TestService, open({ codec })), { words: WORDS });
        await expect(textsOf(answers)).resolves.toEqual(kind.answers(WORDS));
      },
    );

    it.each(kinds)('gets code, message, details and metadata of an error: $name', async (kind) => {
      const answers = kind.call(create(TestService, open()), { words: ['fail'] });
      const error = await errorOf(textsOf(answers));
      expect(error.code).toBe(Code.FailedPrecondition);
      expect(error.rawMessage).toBe(FAILURE.message);
      expect(error.findDetails(StringValueSchema)).toEqual([FAILURE.detail]);
      expect(error.metadata.getAll('x-reason')).toEqual([FAILURE.reason]);
      expect(error.metadata.getAllBinary('x-reason-bin')).toEqual([FAILURE.reasonBytes]);
      expect(error.fromWire).toBe(true);
    });
  });

  it.each(kinds)('sends and gets an empty message: $name', async (kind) => {
    await expect(textsOf(kind.call(client, { words: [''] }))).resolves.toEqual(['']);
  });

  it('sends an empty stream', async () => {
    await expect(client.collect([])).resolves.toMatchObject({ value: '' });
  });

  it('gets an error behind the messages of a stream', async () => {
    const received: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const { value } of client.watch({ value: 'first second fail' })) {
          received.push(value);
        }
      })(),
    );
    expect(received).toEqual(['first', 'second']);
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.findDetails(StringValueSchema)).toEqual([FAILURE.detail]);
  });

  it.each(kinds.filter(({ name }) => name === 'unary' || name === 'server streaming'))(
    'exchanges metadata, binary and repeated values included: $name',
    async (kind) => {
      const received: { headers?: RpcHeaders; trailers?: RpcHeaders } = {};
      const answers = kind.call(
        client,
        { words: ['hello'] },
        {
          headers: {
            'x-echo': ['one', 'two'],
            'x-echo-bin': [new Uint8Array([0, 1, 255]), new Uint8Array([2])],
          },
          onHeaders: (headers) => (received.headers = headers),
          onTrailers: (trailers) => (received.trailers = trailers),
        },
      );
      await expect(textsOf(answers)).resolves.toEqual(['hello']);
      expect(received.headers?.get('x-echo')).toBe('one, two');
      expect(received.headers?.getAllBinary('x-echo-bin')).toEqual([
        new Uint8Array([0, 1, 255]),
        new Uint8Array([2]),
      ]);
      expect(received.trailers?.get('x-echo-trailer')).toBe(peer.sendsTrailers ? 'one, two' : undefined);
      expect(received.trailers?.getAllBinary('x-echo-trailer-bin')).toEqual(
        peer.sendsTrailers ? [new Uint8Array([0, 1, 255]), new Uint8Array([2])] : [],
      );
    },
  );

  it('tells the server its deadline', async () => {
    const { value } = await client.say({ value: 'deadline' }, { timeoutMs: 60_000 });
    expect(Number(value)).toBeGreaterThan(0);
    expect(Number(value)).toBeLessThanOrEqual(60_000);
  });

  // At the same time: each waits for its deadline.
  it('keeps its deadline, and so does the server, whatever the kind of call', async () => {
    const keys = kinds.map(nextKey);
    const errors = await Promise.all(
      kinds.map((kind, i) => {
        const requests = { words: [`wait:${keys[i]}`], staysOpen: true };
        return errorOf(textsOf(kind.call(client, requests, { timeoutMs: 1_000 })));
      }),
    );
    expect(errors.map(({ code }) => code)).toEqual(kinds.map(() => Code.DeadlineExceeded));
    await expect(Promise.all(keys.map((key) => until(`canceled:${key}`)))).resolves.toHaveLength(
      kinds.length,
    );
  });

  it.each(kinds.flatMap((kind) => [true, false].map((staysOpen) => ({ kind, staysOpen }))))(
    'cancels a call by its signal, and the server sees it: $kind.name, requests not ended: $staysOpen',
    async ({ kind, staysOpen }) => {
      const key = nextKey();
      const abort = new AbortController();
      const answers = textsOf(
        kind.call(client, { words: [`wait:${key}`], staysOpen }, { signal: abort.signal }),
      );
      const canceled = errorOf(answers);
      await until(`begun:${key}`);
      abort.abort();
      expect((await canceled).code).toBe(Code.Canceled);
      await expect(until(`canceled:${key}`)).resolves.toBeDefined();
    },
  );

  it('cancels a stream that is left in the middle', async () => {
    const key = nextKey();
    const received: string[] = [];
    for await (const { value } of client.watch({ value: `first second wait:${key}` })) {
      if (received.push(value) === 2) {
        break;
      }
    }
    expect(received).toEqual(['first', 'second']);
    await expect(until(`canceled:${key}`)).resolves.toBeDefined();
  });

  it.each(kinds)('cancels a call that is unsubscribed: $name', async (kind) => {
    const key = nextKey();
    const rx = createRxClient(TestService, open());
    const subscription = subscribe(kind, rx, key);
    await until(`begun:${key}`);
    subscription.unsubscribe();
    await expect(until(`canceled:${key}`)).resolves.toBeDefined();
  });

  it.each(kinds)('compresses requests, and takes compressed answers: $name', async (kind) => {
    const counted = countingGzip();
    const channel = open({ compressions: [counted], requestCompression: 'gzip', compressMinBytes: 0 });
    const words = ['a'.repeat(10_000)];
    await expect(textsOf(kind.call(createClient(TestService, channel), { words }))).resolves.toEqual(words);
    expect(counted.compressed).toBe(1);
    // More than once by servers that compress the end of a stream, too.
    expect(counted.decompressed > 0).toBe(peer.compresses);
  });

  it.each(kinds)('carries 3 MiB there and back: $name', async (kind) => {
    const [answer] = await textsOf(kind.call(client, { words: ['a'.repeat(3 * MIB)] }));
    expect(answer).toHaveLength(3 * MIB);
  });

  it.each(kinds)('refuses an answer above its limit, and goes on: $name', async (kind) => {
    const limited = createClient(TestService, open({ receiveLimitBytes: 1_000 }));
    const error = await errorOf(textsOf(kind.call(limited, { words: ['size:2000'] })));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.message).toContain('1000');
    await expect(textsOf(kind.call(limited, { words: ['small'] }))).resolves.toEqual(['small']);
  });

  it('is told what is not implemented', async () => {
    const unknown = createClient(NOWHERE, open());
    expect((await errorOf(unknown.say({ sentence: 'hello' }))).code).toBe(Code.Unimplemented);
  });

  if (wire.httpVersion === '2') {
    it('talks in full duplex: each answer before the next request', async () => {
      const requests = new Subject<{ value: string }>();
      const words = ['second', 'third'];
      const received: string[] = [];
      const answers = client.talk(requests);
      const talking = (async () => {
        for await (const { value } of answers) {
          received.push(value);
          const next = words.shift();
          if (next === undefined) {
            requests.complete();
          } else {
            requests.next({ value: next });
          }
        }
      })();
      requests.next({ value: 'first' });
      await talking;
      expect(received).toEqual(['first', 'second', 'third']);
    });
  } else {
    it('is told that a bidi stream needs HTTP/2', async () => {
      const error = await errorOf(textsOf(client.talk([{ value: 'hello' }])));
      expect(error.code).toBe(Code.Unknown);
      expect(error.message).toContain('HTTP status 505');
    });
  }

  if (wire.protocol === 'connect') {
    it.each(peer.codecs)('gets what has no side effects: %s', async (codec) => {
      const getting = createClient(TestService, open({ useGet: true, codec }));
      await expect(getting.look({ value: 'hello' })).resolves.toMatchObject({ value: 'GET hello' });
    });
  }
}

function subscribe(kind: Kind, client: TestClient, key: string): Subscription {
  return from(kind.call(client, { words: [`wait:${key}`], staysOpen: true })).subscribe({ error: () => {} });
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(ConnectError);
      return error as ConnectError;
    },
  );
}

interface CountingCompression extends Compression {
  readonly compressed: number;
  readonly decompressed: number;
}

/** Counts what really went through it: a server may send an answer as it is. */
function countingGzip(): CountingCompression {
  let compressed = 0;
  let decompressed = 0;
  return {
    name: gzip.name,
    compress(bytes) {
      compressed++;
      return gzip.compress(bytes);
    },
    decompress(bytes, limitBytes) {
      decompressed++;
      return gzip.decompress(bytes, limitBytes);
    },
    get compressed() {
      return compressed;
    },
    get decompressed() {
      return decompressed;
    },
  };
}
