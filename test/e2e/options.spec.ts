/**
 * Every option in both of its settings, where a caller sees the difference.
 */
import { connect } from 'node:http2';
import { request } from 'node:http';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  Code,
  type Compression,
  ConnectConfigError,
  type ConnectContext,
  ConnectModule,
  type ConnectModuleOptions,
  ConnectServer,
  type ConnectServerOptions,
  ConnectService,
  type Peer,
  protoCodec,
  Rpc,
} from 'nestjs-connect';
import { type ConnectClient, serveInMemory } from 'nestjs-connect/testing';
import { lastValueFrom, map, range, toArray } from 'rxjs';
import {
  ElizaService,
  type IntroduceRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary } from '../support/connect-calls.js';
import { startService } from '../support/eliza-echo.js';

const MESSAGES = 64;

@ConnectService(ElizaService, { partial: true })
class Probe {
  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext) {
    if (sentence === 'peer') {
      return { sentence: `${context.peer.address}:${context.peer.port === undefined ? 'unknown' : 'known'}` };
    }
    return { sentence: sentence === 'timeout' ? String(context.requestTimeoutMs) : sentence };
  }

  /** Many messages in one turn: more than a client takes in that turn. */
  @Rpc({ bufferBytes: 1_000 })
  introduce({ name }: IntroduceRequest) {
    return range(0, MESSAGES).pipe(map((number) => ({ sentence: `${name.repeat(10_000)} ${number}` })));
  }
}

const servers: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serveInMemoryWith(
  options: ConnectModuleOptions,
  peer?: Peer,
): Promise<ConnectClient<typeof ElizaService>> {
  const module = await Test.createTestingModule({ controllers: [Probe] }).compile();
  const server = await serveInMemory(module, { ...options, ...(peer && { peer }) });
  servers.push(server);
  return server.client(ElizaService);
}

/** @returns The URL of the service. */
async function serve(options: ConnectServerOptions = {}): Promise<string> {
  const server = await startService(Probe, options);
  servers.push(server);
  return `http://127.0.0.1:${server.port}/connectrpc.eliza.v1.ElizaService`;
}

async function post(
  url: string,
  contentType: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': contentType, ...headers }, body: '{}' });
}

/** Reverses the bytes: easy to see, and no compression that anybody else has. */
const reverse: Compression = {
  name: 'x-reverse',
  compress: (bytes) => Buffer.from(bytes).toReversed(),
  decompress: (bytes) => Buffer.from(bytes).toReversed(),
};

describe('ConnectServerOptions', () => {
  it.each([
    [undefined, 200],
    [['connect'], 415],
  ])('protocols %j: gRPC-Web is answered %d', async (protocols, status) => {
    const url = await serve(protocols === undefined ? {} : { protocols });
    expect((await post(`${url}/Say`, 'application/grpc-web')).status).toBe(status);
    expect((await post(`${url}/Say`, 'application/json')).status).toBe(200);
  });

  it('prefix: in front of every path', async () => {
    const url = await serve({ prefix: 'rpc' });
    const statuses = [url, url.replace(/(\/[^/]+)$/, '/rpc$1')].map(
      async (base) => (await post(`${base}/Say`, 'application/json')).status,
    );
    expect(await Promise.all(statuses)).toEqual([404, 200]);
  });

  it('codecs: only those that are listed', async () => {
    const url = await serve({ codecs: [protoCodec] });
    const refused = await post(`${url}/Say`, 'application/json');
    expect([refused.status, refused.headers.get('accept-post')?.includes('json')]).toEqual([415, false]);
  });

  it('compressions: one that is plugged in, both ways', async () => {
    const url = await serve({ compressions: [reverse], compressMinBytes: 0 });
    const response = await fetch(`${url}/Say`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-encoding': 'x-reverse',
        'accept-encoding': 'gzip, x-reverse',
      },
      body: '}"ih":"ecnetnes"{',
    });
    expect(response.headers.get('content-encoding')).toBe('x-reverse');
    expect(response.headers.get('accept-encoding')).toBe('x-reverse');
    expect(await response.text()).toBe('}"ih":"ecnetnes"{');
  });

  it('compressions: none, and no header that names some', async () => {
    const url = await serve({ compressions: [] });
    const response = await post(`${url}/Say`, 'application/json', { 'content-encoding': 'gzip' });
    expect([response.status, response.headers.get('accept-encoding')]).toEqual([501, null]);
  });

  it.each([
    [undefined, null],
    [10, 'gzip'],
  ])('compressMinBytes %s: a response is encoded %s', async (compressMinBytes, encoding) => {
    const url = await serve(compressMinBytes === undefined ? {} : { compressMinBytes });
    const response = await fetch(`${url}/Say`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-encoding': 'gzip' },
      body: JSON.stringify({ sentence: 'x'.repeat(1_000) }),
    });
    expect(response.headers.get('content-encoding')).toBe(encoding);
    expect(await response.json()).toEqual({ sentence: 'x'.repeat(1_000) });
  });

  it.each([
    [{}, '90000'],
    [{ maxTimeoutMs: 500 }, '500'],
  ])('%j: a timeout of 90 s is %s ms', async (options, timeout) => {
    const eliza = await serveInMemoryWith(options);
    expect(await eliza.say({ sentence: 'timeout' }, { timeoutMs: 90_000 })).toMatchObject({
      sentence: timeout,
    });
  });

  it.each([
    [{}, 200],
    [{ requireProtocolVersion: true }, 400],
  ])('%j: a request without a version is answered %d', async (options, status) => {
    const url = await serve(options);
    expect((await post(`${url}/Say`, 'application/json')).status).toBe(status);
    const declared = await post(`${url}/Say`, 'application/json', { 'connect-protocol-version': '1' });
    expect(declared.status).toBe(200);
  });

  it.each([
    [{}, '{}'],
    [{ jsonOptions: { alwaysEmitImplicit: true } }, '{"sentence":""}'],
  ])('%j: an empty message is %s', async (options, text) => {
    const url = await serve(options);
    expect(await (await post(`${url}/Say`, 'application/json')).text()).toBe(text);
  });

  it.each([
    [{}, 200],
    [{ jsonOptions: { ignoreUnknownFields: false } }, 400],
  ])('%j: an unknown field is answered %d', async (options, status) => {
    const url = await serve(options);
    expect((await callUnary(`${url}/Say`, { nope: 1 })).status).toBe(status);
  });

  it.each([
    [{ sendLimitBytes: 5 }, { status: 'rejected', reason: { code: Code.ResourceExhausted } }],
    [{ sendLimitBytes: 6 }, { status: 'fulfilled', value: { sentence: 'four' } }],
  ])('%j: a response of 6 bytes is %j', async (options, expected) => {
    const eliza = await serveInMemoryWith(options);
    const [outcome] = await Promise.allSettled([eliza.say({ sentence: 'four' })]);
    expect(outcome).toMatchObject(expected);
  });

  it('bufferBytes and overflow: a method has its own', async () => {
    const latest = await serveInMemoryWith({ overflow: 'latest', bufferBytes: 1e9 });
    // "latest" of the server drops what does not fit, so nothing fails; the newest message arrives.
    const answers = await lastValueFrom(latest.introduce({ name: 'a' }).pipe(toArray()));
    expect(answers.length).toBeLessThan(MESSAGES);
    expect(answers.at(-1)?.sentence).toMatch(new RegExp(`${MESSAGES - 1}$`));
    const strict = await serveInMemoryWith({ overflow: 'buffer', bufferBytes: 1e9 });
    await expect(lastValueFrom(strict.introduce({ name: 'a' }))).rejects.toMatchObject({
      code: Code.ResourceExhausted,
      rawMessage: expect.stringContaining('/connectrpc.eliza.v1.ElizaService/Introduce'),
    });
  });

  it('maxConcurrentStreams is advertised', async () => {
    const url = await serve({ maxConcurrentStreams: 7 });
    const session = connect(url);
    const settings = await new Promise((resolve) => session.once('remoteSettings', resolve));
    expect(settings).toMatchObject({ maxConcurrentStreams: 7 });
    session.destroy();
  });

  it('path: a unix socket', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'nestjs-connect-')), 'rpc.sock');
    servers.push(await startService(Probe, { path }));
    const status = await new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      request(
        { socketPath: path, method: 'POST', path: '/connectrpc.eliza.v1.ElizaService/Say', headers },
        (response) => resolve(response.resume().statusCode),
      )
        .once('error', reject)
        .end('{}');
    });
    expect(status).toBe(200);
  });

  it.each<[string, ConnectServerOptions, RegExp]>([
    [
      'an unknown protocol',
      { protocols: ['soap'] },
      /protocols has "soap": expected some of connect, grpc, grpc-web/,
    ],
    ['a negative limit', { receiveLimitBytes: -1 }, /receiveLimitBytes is -1: expected a number from 0/],
    ['no number', { bufferBytes: Number.NaN }, /bufferBytes is NaN: expected a number from 0/],
    ['an unknown policy', { overflow: 'drop' as 'latest' }, /overflow is "drop": expected one of buffer,/],
    ['a path and a port', { path: '/tmp/x', port: 1 }, /path "\/tmp\/x" and host or port are both set/],
    ['a misspelt timeout', { timeouts: { preface: 1 } as object }, /timeouts has no "preface"/],
    [
      'streams of zero',
      { maxConcurrentStreams: 0 },
      /maxConcurrentStreams is 0: expected a whole number from 1/,
    ],
  ])('refuses %s at start-up, naming option and value', (_what, options, message) => {
    expect(() => new ConnectServer(options)).toThrow(message);
  });

  it.each<[string, object, string]>([
    ['a misspelt limit', { recieveLimitBytes: 1 }, 'has no option "recieveLimitBytes": expected some of '],
    ['none', undefined as unknown as object, 'are undefined: expected an object, of a factory, too'],
  ])(
    'of ConnectModule that are %s are refused at boot, from a factory, too',
    async (_what, options, text) => {
      const modules = [
        ConnectModule.forRoot(options),
        ConnectModule.forRootAsync({ useFactory: () => options }),
      ].slice(options === undefined ? 1 : 0);
      for (const imported of modules) {
        const module = await Test.createTestingModule({ imports: [imported] }).compile();
        await expect(module.createNestApplication({ logger: false }).init()).rejects.toThrow(text);
      }
    },
  );

  it('refuses a misspelt option of ConnectServer', () => {
    const options: object = { recieveLimitBytes: 1 };
    expect(() => new ConnectServer(options)).toThrow('ConnectServer has no option "recieveLimitBytes"');
  });

  it('names its own errors', () => {
    expect(() => new ConnectServer({ protocols: [''] })).toThrow(ConnectConfigError);
  });
});

describe('trustProxies', () => {
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7' };

  it('is off: anybody could write the header, and the peer is who holds the socket', async () => {
    expect(await callUnary(`${await serve()}/Say`, { sentence: 'peer' }, headers)).toEqual({
      status: 200,
      body: { sentence: '127.0.0.1:known' },
    });
  });

  it.each<[string, ConnectModuleOptions, string]>([
    ['is off', {}, '10.1.2.3:known'],
    ['counts proxies', { trustProxies: 1 }, '203.0.113.7:unknown'],
    ['names networks', { trustProxies: ['127.0.0.0/8', '10.0.0.0/8'] }, '203.0.113.7:unknown'],
    ['does not name this one', { trustProxies: ['127.0.0.0/8'] }, '10.1.2.3:known'],
  ])('%s', async (_how, options, sentence) => {
    const eliza = await serveInMemoryWith(options, { address: '10.1.2.3', port: 4, tls: undefined });
    expect(await eliza.say({ sentence: 'peer' }, { headers })).toMatchObject({ sentence });
  });
});
