/**
 * Our client on foreign servers over TLS: HTTP/2 and HTTP/1.1 by ALPN, and whom it trusts.
 */
import { Code, createClient } from 'nestjs-connect/client';
import { type Certificates, createCertificates } from './support/certificates.js';
import { KINDS, textsOf } from './support/kinds.js';
import { PEERS } from './support/peers/index.js';
import { type RunningPeer } from './support/peers/peer.js';
import { describeWith } from './support/programs.js';
import { TestService } from './support/test-service.js';
import { channelTo, wiresOf } from './support/wires.js';

const WORDS = ['I', 'am', 'sad'];

for (const peer of PEERS) {
  describeWith(peer.needs, `${peer.name} over TLS`, () => {
    describe.each(wiresOf(peer))('$name', (wire) => {
      let certificates: Certificates;
      let running: RunningPeer;

      beforeAll(async () => {
        certificates = await createCertificates();
        running = await peer.start({ httpVersion: wire.httpVersion, tls: certificates });
      });

      afterAll(() => running.close());

      it.each(KINDS.filter(({ needsHttp2 }) => !needsHttp2 || wire.httpVersion === '2'))(
        'makes a $name call',
        async (kind) => {
          const channel = channelTo(running, wire, { tls: { ca: certificates.ca } });
          const answers = kind.call(createClient(TestService, channel), { words: WORDS });
          await expect(textsOf(answers)).resolves.toEqual(kind.answers(WORDS));
          await channel.close();
        },
      );

      it('does not talk to a server whose authority it does not know', async () => {
        const channel = channelTo(running, wire, { tls: {} });
        await expect(createClient(TestService, channel).say({ value: 'secret' })).rejects.toMatchObject({
          code: Code.Unavailable,
          message: expect.stringContaining('certificate'),
        });
        await channel.close();
      });
    });
  });
}
