/**
 * Channels as users make them, on sockets against our own server: where they lead, and what can be plugged in.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ConnectContext,
  type ConnectServerOptions,
  ConnectService,
  type PeerTls,
  Rpc,
} from 'nestjs-connect';
import {
  type Channel,
  type ChannelOptions,
  Code,
  type Codec,
  type Compression,
  type ConnectClient,
  createChannel,
  createClient,
  createJsonCodec,
  isNotModified,
} from 'nestjs-connect/client';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { createCertificates, type TestCertificates } from '../support/certificates.js';
import { type RunningServer, startService } from '../support/eliza-echo.js';
import { failOnUnhandled } from '../support/no-unhandled.js';

failOnUnhandled();

const ETAG = '"7"';
let seen: ConnectContext | undefined;

@ConnectService(ElizaService, { partial: true })
class Eliza {
  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext) {
    seen = context;
    context.responseHeaders.set('etag', ETAG);
    return { sentence };
  }
}

const WIRES = [
  { protocol: 'connect', httpVersion: '2' },
  { protocol: 'connect', httpVersion: '1.1' },
  { protocol: 'grpc', httpVersion: '2' },
  { protocol: 'grpc-web', httpVersion: '1.1' },
] as const;

let folder: string;
let certificates: TestCertificates;
let server: RunningServer | undefined;
let channel: Channel | undefined;

beforeAll(async () => {
  certificates = await createCertificates();
  folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-channels-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

afterEach(async () => {
  channel?.destroy();
  await server?.close();
  seen = server = channel = undefined;
});

async function serve(options: Omit<ConnectServerOptions, 'port'> = {}): Promise<number> {
  server = await startService(Eliza, options);
  return server.port;
}

function connect(options: ChannelOptions): ConnectClient<typeof ElizaService> {
  channel?.destroy();
  channel = createChannel(options);
  return createClient(ElizaService, channel);
}

/** Capitals on the wire, and nothing else than JSON otherwise. */
const shouting: Codec = {
  name: 'shout',
  decoder: (desc) => {
    const decode = createJsonCodec().decoder(desc);
    return (bytes) => decode(Buffer.from(Buffer.from(bytes).toString().toLowerCase()));
  },
  encoder: (desc) => {
    const encode = createJsonCodec().encoder(desc);
    return (message, headroomBytes) => {
      const bytes = encode(message, headroomBytes);
      const text = Buffer.from(bytes.subarray(headroomBytes)).toString().toUpperCase();
      return Buffer.concat([Buffer.alloc(headroomBytes), Buffer.from(text)]);
    };
  },
};

/** Every bit turned over: as long as before. */
class Inverted implements Compression {
  readonly name = 'inverted';
  readonly calls: string[] = [];

  compress(bytes: Uint8Array): Uint8Array {
    this.calls.push('compress');
    return bytes.map((byte) => ~byte);
  }

  decompress(bytes: Uint8Array): Uint8Array {
    this.calls.push('decompress');
    return bytes.map((byte) => ~byte);
  }
}

describe.each(WIRES)('A channel ($protocol, HTTP/$httpVersion)', (wire) => {
  it('shows its certificate to a server that wants one, and fails without', async () => {
    const { ca, client, server: ofServer } = certificates;
    const tls = { ...ofServer, ca, requestCert: true, rejectUnauthorized: true };
    const url = `https://localhost:${await serve({ tls })}`;
    expect(await connect({ url, ...wire, tls: { ca, ...client } }).say({ sentence: 'hi' })).toMatchObject({
      sentence: 'hi',
    });
    const peer = seen?.peer.tls as PeerTls;
    expect(peer).toMatchObject({ authorized: true, certificate: { subject: { CN: 'test-client' } } });
    await expect(connect({ url, ...wire, tls: { ca } }).say({})).rejects.toMatchObject({
      code: Code.Unavailable,
    });
  });

  it.each(['unix:', 'unix://'])('calls a socket by %s and its path', async (scheme) => {
    const path = join(folder, 'eliza.sock');
    await serve({ path });
    const eliza = connect({ url: `${scheme}${path}`, ...wire });
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
    expect(seen?.peer.address).toBe('unix');
    expect(seen?.httpVersion).toBe(wire.httpVersion);
  });

  it('speaks a codec of its own', async () => {
    const url = `http://127.0.0.1:${await serve({ codecs: [shouting] })}`;
    const eliza = connect({ url, ...wire, codec: shouting });
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
    expect(seen?.requestHeaders.get('content-type')).toMatch(/[/+]shout$/);
    await expect(connect({ url, ...wire }).say({})).rejects.toMatchObject({ code: Code.Unknown });
  });

  it('compresses requests by a compression of its own, and takes responses in it', async () => {
    const [there, here] = [new Inverted(), new Inverted()];
    const url = `http://127.0.0.1:${await serve({ compressions: [there], compressMinBytes: 0 })}`;
    const compressed = { compressions: [here], requestCompression: here.name, compressMinBytes: 0 };
    const eliza = connect({ url, ...wire, ...compressed });
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
    expect([here.calls, there.calls]).toEqual([
      ['compress', 'decompress'],
      ['decompress', 'compress'],
    ]);
  });
});

describe.each(['1.1', '2'] as const)('A channel with GET (HTTP/%s)', (httpVersion) => {
  it('tells that the answer, which the caller has, is not modified', async () => {
    const eliza = connect({ url: `http://127.0.0.1:${await serve()}`, httpVersion, useGet: true });
    let etag: string | undefined;
    await eliza.say({}, { onHeaders: (headers) => void (etag = headers.get('etag')) });
    expect(etag).toBe(ETAG);
    const again = await eliza
      .say({}, { headers: { 'if-none-match': ETAG } })
      .catch((error: unknown) => error);
    expect(isNotModified(again)).toBe(true);
    expect(again).toMatchObject({ code: Code.Unknown, rawMessage: 'HTTP status 304: not modified' });
    expect(await eliza.say({ sentence: 'hi' }, { headers: { 'if-none-match': '"8"' } })).toMatchObject({
      sentence: 'hi',
    });
    expect(seen?.httpMethod).toBe('GET');
  });
});
