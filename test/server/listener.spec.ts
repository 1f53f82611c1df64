import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Peer } from '../../lib/rpc/server-call.js';
import { createCertificates, type TestCertificates } from '../support/certificates.js';
import { callHttp2, echo, EngineHarness, http1Request, RawClient, type Serve } from './engine-harness.js';

describe('TLS', () => {
  let certificates: TestCertificates;

  beforeAll(async () => {
    certificates = await createCertificates();
  });

  let harness: EngineHarness;
  const peers: Peer[] = [];
  const remember: Serve = (exchange) => {
    peers.push(exchange.peer);
    echo(exchange);
  };

  beforeEach(async () => {
    peers.length = 0;
    harness = await new EngineHarness(remember, { timeouts: { prefaceMs: 150 } }).listen({
      tls: { ...certificates.server, ca: certificates.ca, requestCert: true, rejectUnauthorized: false },
    });
  });

  afterEach(() => harness.close());

  function connectWith(options: object): TLSSocket {
    return harness.track(
      connectTls({
        host: '127.0.0.1',
        port: harness.port,
        servername: 'localhost',
        ca: certificates.ca,
        ...options,
      }),
    );
  }

  it('serves HTTP/2 by ALPN, and shows the client certificate', async () => {
    const session = harness.track(
      connectHttp2(`https://localhost:${harness.port}`, {
        createConnection: () => connectWith({ ALPNProtocols: ['h2'], ...certificates.client }),
      }),
    );
    session.on('error', () => {});
    expect((await callHttp2(session, 'secure')).body).toBe('secure');
    expect(peers[0]?.address).toBe('127.0.0.1');
    expect(peers[0]?.tls).toMatchObject({
      authorized: true,
      protocol: 'TLSv1.3',
      serverName: 'localhost',
      certificate: { subject: { CN: 'test-client' }, issuer: { CN: 'test-ca' } },
    });
  });

  it.each([[['http/1.1']], [undefined]])('serves HTTP/1.1 with ALPN %j', async (protocols) => {
    const client = new RawClient(connectWith({ ALPNProtocols: protocols }));
    await client.write(http1Request('secure')).until('\r\n\r\nsecure');
    expect(peers[0]?.tls).toMatchObject({ authorized: false, certificate: undefined });
  });

  it.each([
    ['is silent', ''],
    ['does not speak TLS', 'GET / HTTP/1.1\r\n\r\n'],
  ])('closes a connection that %s', async (_, bytes) => {
    const client = harness.raw().write(bytes);
    await client.ended;
    expect(harness.warnings).toEqual([]);
  });

  it('closes an HTTP/2 connection that says nothing after its handshake', async () => {
    const client = new RawClient(connectWith({ ALPNProtocols: ['h2'] }));
    await client.ended;
    expect(client.isEnded).toBe(true);
  });

  it('drains connections of both kinds', async () => {
    const session = harness.track(
      connectHttp2(`https://localhost:${harness.port}`, {
        createConnection: () => connectWith({ ALPNProtocols: ['h2'] }),
      }),
    );
    session.on('error', () => {});
    await callHttp2(session, 'a');
    const client = new RawClient(connectWith({ ALPNProtocols: ['http/1.1'] }));
    expect(await client.write(http1Request('b')).until('200 OK')).toContain('200 OK');
    await harness.engine.drain();
    await client.ended;
  });
});

describe('unix socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-socket-'));
  const path = join(folder, 'test.sock');
  const peers: Peer[] = [];
  let harness: EngineHarness;

  beforeEach(() => {
    peers.length = 0;
    harness = new EngineHarness((exchange) => {
      peers.push(exchange.peer);
      echo(exchange);
    });
  });

  afterEach(() => harness.close());
  afterAll(() => rmSync(folder, { recursive: true }));

  it('serves on its path, and removes the file at close', async () => {
    expect(await harness.engine.listen({ path })).toEqual({ path });
    const client = harness.track(new RawClient(connect(path)));
    await client.write(http1Request('hi')).until('\r\n\r\nhi');
    expect(peers[0]).toMatchObject({ address: 'unix', port: undefined });
    client.destroy();
    await harness.engine.drain();
    expect(existsSync(path)).toBe(false);
  });

  it('replaces the file that a dead server left', async () => {
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(statSync(path).isSocket()).toBe(true);
    await harness.engine.listen({ path });
    const client = harness.track(new RawClient(connect(path)));
    await client.write(http1Request('hi')).until('\r\n\r\nhi');
  });

  it('leaves the file of a living server alone', async () => {
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await expect(harness.engine.listen({ path })).rejects.toThrow('another server is listening there');
    expect(existsSync(path)).toBe(true);
    await new Promise((resolve) => other.close(resolve));
  });

  it('leaves a file alone that is not a socket', async () => {
    writeFileSync(path, 'precious');
    await expect(harness.engine.listen({ path })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(existsSync(path)).toBe(true);
    rmSync(path);
  });
});
