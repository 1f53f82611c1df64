/**
 * grpcurl as a client: gRPC as Go speaks it.
 */
import { createCertificates } from './support/certificates.js';
import {
  FACTS,
  NAME,
  PROTO_FILE,
  PROTO_FOLDER,
  SAID,
  SAY_REPLY,
  SERVICE,
  SUMMARY,
  TALK,
  TALK_REPLIES,
} from './support/eliza.js';
import { jsonMessages, sentences } from './support/json.js';
import { describeWith, GRPCURL, type Outcome, run } from './support/programs.js';
import { type RunningServer, startEliza, startTrouble, tlsOf } from './support/servers.js';

const SCHEMA = ['-import-path', PROTO_FOLDER, '-proto', PROTO_FILE];
const CALLS: readonly [string, readonly unknown[], readonly string[]][] = [
  ['Say', [{ sentence: SAID }], [SAY_REPLY]],
  ['Introduce', [{ name: NAME }], FACTS],
  ['Reflect', TALK.map((sentence) => ({ sentence })), [SUMMARY]],
  ['Converse', TALK.map((sentence) => ({ sentence })), TALK_REPLIES],
];

function grpcurl(
  { authority }: RunningServer,
  method: string,
  requests: readonly unknown[],
  options: readonly string[] = ['-plaintext'],
): Promise<Outcome> {
  const data = requests.map((request) => JSON.stringify(request)).join('\n');
  return run(GRPCURL, [...options, ...SCHEMA, '-d', '@', authority, `${SERVICE}/${method}`], data);
}

describeWith([GRPCURL], 'grpcurl', () => {
  let server: RunningServer;
  let trouble: RunningServer;

  beforeAll(async () => {
    server = await startEliza();
    trouble = await startTrouble();
  });

  afterAll(() => Promise.all([server.close(), trouble.close()]));

  it.each(CALLS)('calls %s', async (method, requests, expected) => {
    const { code, stdout, stderr } = await grpcurl(server, method, requests);
    expect({ code, stderr, replies: sentences(stdout) }).toEqual({ code: 0, stderr: '', replies: expected });
  });

  it('gets code, message and details of an error', async () => {
    const { code, stderr } = await grpcurl(
      trouble,
      'Say',
      [{ sentence: 'fail' }],
      ['-plaintext', '-format-error'],
    );
    expect(code).not.toBe(0);
    expect(jsonMessages(stderr)).toEqual([
      {
        code: 9,
        message: 'no couch: \u{1F6CB} is broken',
        details: [{ '@type': 'type.googleapis.com/connectrpc.eliza.v1.SayRequest', sentence: 'the detail' }],
      },
    ]);
  });

  it('exchanges metadata', async () => {
    const { stdout } = await grpcurl(
      trouble,
      'Say',
      [{ sentence: 'hello' }],
      ['-plaintext', '-v', '-rpc-header', 'x-echo: one'],
    );
    expect(stdout).toContain('\nx-echo: one\n');
    expect(stdout).toContain('\ntrailing-x-echo: one\n');
  });

  it('sees its deadline kept', async () => {
    const { stderr } = await grpcurl(
      trouble,
      'Say',
      [{ sentence: 'never' }],
      ['-plaintext', '-max-time', '1'],
    );
    expect(stderr).toContain('DeadlineExceeded');
  });

  it('is told what is not implemented', async () => {
    const { stderr } = await grpcurl(trouble, 'Reflect', [{ sentence: SAID }]);
    expect(stderr).toContain('Code: Unimplemented');
  });
});

describeWith([GRPCURL], 'grpcurl over TLS', () => {
  it('calls Converse', async () => {
    const certificates = await createCertificates();
    const server = await startEliza(tlsOf(certificates));
    try {
      const requests = TALK.map((sentence) => ({ sentence }));
      const { code, stdout } = await grpcurl(server, 'Converse', requests, ['-cacert', certificates.caFile]);
      expect({ code, replies: sentences(stdout) }).toEqual({ code: 0, replies: TALK_REPLIES });
    } finally {
      await server.close();
    }
  });
});
