/**
 * curl as a client: no knowledge of RPC at all, and still every kind of call.
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { createCertificates } from './support/certificates.js';
import { FACTS, NAME, SAID, SAY_REPLY, SERVICE, SUMMARY, TALK, TALK_REPLIES } from './support/eliza.js';
import { CURL, describeWith, type Outcome, run } from './support/programs.js';
import { type RunningServer, startEliza, startTrouble, tlsOf } from './support/servers.js';

const VERSIONS = [
  ['HTTP/1.1', '--http1.1', '1.1'],
  ['HTTP/2 with prior knowledge', '--http2-prior-knowledge', '2'],
] as const;
const END_STREAM = 2;

/** A Connect envelope around JSON: flags, length, message. */
function envelope(message: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(json.length, 1);
  return Buffer.concat([prefix, json]);
}

/** @returns Flags and message of every envelope. */
function envelopesIn(bytes: Buffer): [flags: number, message: unknown][] {
  const envelopes: [number, unknown][] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    envelopes.push([bytes.readUInt8(at), JSON.parse(bytes.toString('utf8', at + 5, end))]);
    at = end;
  }
  return envelopes;
}

function streamOf(replies: readonly string[]): [number, unknown][] {
  return [...replies.map((sentence): [number, unknown] => [0, { sentence }]), [END_STREAM, {}]];
}

function curl(
  { url }: RunningServer,
  method: string,
  options: readonly string[],
  body?: Uint8Array,
): Promise<Outcome> {
  const data = body === undefined ? [] : ['--data-binary', '@-'];
  return run(CURL, ['-sS', '--max-time', '10', ...options, ...data, `${url}/${SERVICE}/${method}`], body);
}

/** Has curl print status, HTTP version and type behind the body. */
const WRITE_OUT = ['-w', '\n%{http_code} %{http_version} %{content_type}'];
const JSON_TYPE = ['-H', 'Content-Type: application/json'];
const STREAM_TYPE = ['-H', 'Content-Type: application/connect+json'];

describeWith([CURL], 'curl', () => {
  let server: RunningServer;
  let trouble: RunningServer;

  beforeAll(async () => {
    server = await startEliza();
    trouble = await startTrouble();
  });

  afterAll(() => Promise.all([server.close(), trouble.close()]));

  describe.each(VERSIONS)('over %s', (_, option, version) => {
    it('posts JSON', async () => {
      const body = Buffer.from(JSON.stringify({ sentence: SAID }));
      const { code, stdout } = await curl(server, 'Say', [option, ...WRITE_OUT, ...JSON_TYPE], body);
      expect(code).toBe(0);
      expect(stdout.split('\n')).toEqual([
        JSON.stringify({ sentence: SAY_REPLY }),
        `200 ${version} application/json`,
      ]);
    });

    it('gets', async () => {
      const query = ['--get', '--data-urlencode', `message={"sentence":"${SAID}"}`, '-d', 'encoding=json'];
      const { code, stdout } = await curl(server, 'Say', [
        option,
        ...WRITE_OUT,
        ...query,
        '-d',
        'connect=v1',
      ]);
      expect(code).toBe(0);
      expect(stdout.split('\n')).toEqual([
        JSON.stringify({ sentence: SAY_REPLY }),
        `200 ${version} application/json`,
      ]);
    });

    it('gets an error as JSON, with its details', async () => {
      const body = Buffer.from(JSON.stringify({ sentence: 'fail' }));
      const { stdout } = await curl(trouble, 'Say', [option, ...WRITE_OUT, ...JSON_TYPE], body);
      const [json, status] = stdout.split('\n');
      expect(status).toBe(`400 ${version} application/json`);
      expect(JSON.parse(json ?? '')).toEqual({
        code: 'failed_precondition',
        message: 'no couch: \u{1F6CB} is broken',
        details: [
          expect.objectContaining({ type: 'connectrpc.eliza.v1.SayRequest', value: 'Cgp0aGUgZGV0YWls' }),
        ],
      });
    });

    it.each([
      ['Introduce', [{ name: NAME }], FACTS],
      ['Reflect', TALK.map((sentence) => ({ sentence })), [SUMMARY]],
      ['Converse', TALK.map((sentence) => ({ sentence })), TALK_REPLIES],
    ])('streams to and from %s, half duplex', async (method, requests, expected) => {
      const body = Buffer.concat(requests.map(envelope));
      const { code, stdoutBytes } = await curl(server, method, [option, ...STREAM_TYPE], body);
      expect(code).toBe(0);
      expect(envelopesIn(stdoutBytes)).toEqual(streamOf(expected));
    });

    it('is told of a method that does not exist', async () => {
      const { stdout } = await curl(server, 'Shout', [option, ...WRITE_OUT, ...JSON_TYPE], Buffer.from('{}'));
      const [json, status] = stdout.split('\n');
      expect(status).toBe(`404 ${version} application/json`);
      expect(JSON.parse(json ?? '')).toMatchObject({ code: 'unimplemented' });
    });
  });

  it.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
    ['deflate', inflateSync],
  ])('is answered in %s when it asks for it', async (encoding, decompress) => {
    const compressing = await startEliza({ compressMinBytes: 1 });
    try {
      const body = Buffer.from(JSON.stringify({ sentence: SAID }));
      const options = [...JSON_TYPE, '-H', `Accept-Encoding: ${encoding}`];
      const { stdoutBytes } = await curl(compressing, 'Say', options, body);
      expect(JSON.parse(decompress(stdoutBytes).toString())).toEqual({ sentence: SAY_REPLY });
    } finally {
      await compressing.close();
    }
  });

  it('stays on HTTP/1.1 when it offers an upgrade to HTTP/2', async () => {
    const body = Buffer.from(JSON.stringify({ sentence: SAID }));
    const { stdout } = await curl(server, 'Say', ['--http2', ...WRITE_OUT, ...JSON_TYPE], body);
    expect(stdout.split('\n')[1]).toBe('200 1.1 application/json');
  });
});

describeWith([CURL], 'curl over TLS', () => {
  it.each([
    ['HTTP/1.1', '--http1.1', '1.1'],
    ['HTTP/2 by ALPN', '--http2', '2'],
  ])('posts JSON over %s', async (_, option, version) => {
    const certificates = await createCertificates();
    const server = await startEliza(tlsOf(certificates));
    try {
      const options = [option, '--cacert', certificates.caFile, ...WRITE_OUT, ...JSON_TYPE];
      const { stdout } = await curl(server, 'Say', options, Buffer.from(JSON.stringify({ sentence: SAID })));
      expect(stdout.split('\n')).toEqual([
        JSON.stringify({ sentence: SAY_REPLY }),
        `200 ${version} application/json`,
      ]);
    } finally {
      await server.close();
    }
  });
});
