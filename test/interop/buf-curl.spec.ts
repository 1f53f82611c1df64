/**
 * `buf curl` as a client: the one command line client that speaks all three protocols.
 */
import { createCertificates } from './support/certificates.js';
import {
  FACTS,
  NAME,
  PROTO_FOLDER,
  SAID,
  SAY_REPLY,
  SERVICE,
  SUMMARY,
  TALK,
  TALK_REPLIES,
} from './support/eliza.js';
import { jsonMessages, sentences } from './support/json.js';
import { BUF, describeWith, type Outcome, run } from './support/programs.js';
import { type RunningServer, startEliza, startTrouble, tlsOf } from './support/servers.js';

const PROTOCOLS = ['connect', 'grpc', 'grpcweb'] as const;
const HTTP2 = ['--http2-prior-knowledge'];
const VERSIONS = [
  ['HTTP/1.1', []],
  ['HTTP/2', HTTP2],
] as const;
const CALLS: readonly [string, readonly unknown[], readonly string[]][] = [
  ['Say', [{ sentence: SAID }], [SAY_REPLY]],
  ['Introduce', [{ name: NAME }], FACTS],
  ['Reflect', TALK.map((sentence) => ({ sentence })), [SUMMARY]],
  ['Converse', TALK.map((sentence) => ({ sentence })), TALK_REPLIES],
];

// gRPC is HTTP/2 whatever buf is told, and so is every bidirectional stream.
const CASES = PROTOCOLS.flatMap((protocol) =>
  VERSIONS.flatMap(([version, options]) =>
    CALLS.map((call) => [protocol, version, options, ...call] as const),
  ),
);

function bufCurl(
  { url }: RunningServer,
  protocol: string,
  method: string,
  requests: readonly unknown[],
  options: readonly string[],
): Promise<Outcome> {
  const data = requests.map((request) => JSON.stringify(request)).join('\n');
  return run(
    BUF,
    [
      'curl',
      '--schema',
      PROTO_FOLDER,
      '--protocol',
      protocol,
      ...options,
      '-d',
      '@-',
      `${url}/${SERVICE}/${method}`,
    ],
    data,
  );
}

describeWith([BUF], 'buf curl', () => {
  let server: RunningServer;
  let trouble: RunningServer;

  beforeAll(async () => {
    server = await startEliza();
    trouble = await startTrouble();
  });

  afterAll(() => Promise.all([server.close(), trouble.close()]));

  it.each(CASES)('over %s, %s %j calls %s', async (protocol, _, options, method, requests, expected) => {
    const { code, stdout, stderr } = await bufCurl(server, protocol, method, requests, options);
    expect({ code, stderr, replies: sentences(stdout) }).toEqual({ code: 0, stderr: '', replies: expected });
  });

  it.each(PROTOCOLS)('gets code and message of an error over %s', async (protocol) => {
    const { code, stderr } = await bufCurl(trouble, protocol, 'Say', [{ sentence: 'fail' }], HTTP2);
    expect(code).not.toBe(0);
    expect(jsonMessages(stderr)).toEqual([
      expect.objectContaining({ code: 'failed_precondition', message: 'no couch: \u{1F6CB} is broken' }),
    ]);
  });
});

describeWith([BUF], 'buf curl over TLS', () => {
  it.each(PROTOCOLS)('calls Converse over %s', async (protocol) => {
    const certificates = await createCertificates();
    const server = await startEliza(tlsOf(certificates));
    try {
      const requests = TALK.map((sentence) => ({ sentence }));
      const options = ['--cacert', certificates.caFile];
      const { code, stdout } = await bufCurl(server, protocol, 'Converse', requests, options);
      expect({ code, replies: sentences(stdout) }).toEqual({ code: 0, replies: TALK_REPLIES });
    } finally {
      await server.close();
    }
  });
});
