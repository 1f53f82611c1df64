/**
 * What `connect-service` writes beside the proto. Laid out as prettier does in Nest's starters; the specs run under jest and
 * vitest, whose globals Nest's own specs use.
 */

/** Names in one app. Imports as they are written, extension included. */
export interface ServiceNames {
  /** Of the descriptor, for example `ElizaService`. */
  readonly service: string;
  /** For example `ElizaRpc`. */
  readonly className: string;
  /** For example `../gen/eliza/v1/eliza_pb.js`. */
  readonly generatedImport: string;
  /** For example `./eliza.rpc.js`. */
  readonly rpcImport: string;
}

export function rpcTemplate({ service, className, generatedImport }: ServiceNames): string {
  const types = ['ConverseRequest', 'IntroduceRequest', 'SayRequest'];
  const names = [...types, service].toSorted().map((name) => (name === service ? name : `type ${name}`));
  return `import { ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { from, map } from 'rxjs';
import {
${names.map((name) => `  ${name},\n`).join('')}} from '${generatedImport}';

@ConnectService(${service})
export class ${className} {
  @Rpc()
  say(request: SayRequest) {
    return { sentence: \`You said: \${request.sentence}\` };
  }

  @Rpc()
  introduce(request: IntroduceRequest) {
    const sentences = [\`Hello, \${request.name}.\`, 'How are you?'];
    return from(sentences).pipe(map((sentence) => ({ sentence })));
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    // Takes a request off the wire when the one before it is answered.
    return requests.mapEach(({ sentence }) => [
      { sentence: \`You said: \${sentence}\` },
    ]);
  }
}
`;
}

export function specTemplate({ service, className, generatedImport, rpcImport }: ServiceNames): string {
  return `import { Test } from '@nestjs/testing';
import { type ConnectTestServer, serveInMemory } from 'nestjs-connect/testing';
import { ${service} } from '${generatedImport}';
import { ${className} } from '${rpcImport}';

describe('${className}', () => {
  let server: ConnectTestServer;

  beforeEach(async () => {
    const module = await Test.createTestingModule({
      controllers: [${className}],
    }).compile();
    server = await serveInMemory(module);
  });

  afterEach(async () => {
    await server.close();
  });

  it('says', async () => {
    const client = server.client(${service});
    const reply = await client.say({ sentence: 'hi' });
    expect(reply.sentence).toBe('You said: hi');
  });

  it('introduces', async () => {
    const sentences: string[] = [];
    const client = server.client(${service});
    for await (const reply of client.introduce({ name: 'Ada' })) {
      sentences.push(reply.sentence);
    }
    expect(sentences).toEqual(['Hello, Ada.', 'How are you?']);
  });

  it('converses', async () => {
    const sentences: string[] = [];
    const client = server.client(${service});
    const requests = [{ sentence: 'one' }, { sentence: 'two' }];
    for await (const reply of client.converse(requests)) {
      sentences.push(reply.sentence);
    }
    expect(sentences).toEqual(['You said: one', 'You said: two']);
  });
});
`;
}
