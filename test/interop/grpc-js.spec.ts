/**
 * `@grpc/grpc-js` as a client: what most Node programs speak gRPC with.
 */
import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  create,
  toBinary,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { firstValueFrom } from 'rxjs';
import { StatusSchema } from '../../lib/gen/google/rpc/status_pb.js';
import { ElizaService, SayRequestSchema } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { createCertificates } from './support/certificates.js';
import { ELIZA, NAME, SAID, TALK } from './support/eliza.js';
import { type RunningServer, startEliza, startTrouble, tlsOf } from './support/servers.js';
import { TroubleRpc } from './support/trouble.rpc.js';

const { say, introduce, reflect, converse } = ElizaService.method;

/** A method as grpc-js calls it: path and codec. */
function wireOf<I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    serialize: (request: MessageInitShape<I>) =>
      Buffer.from(toBinary(method.input, create(method.input, request))),
    deserialize: (bytes: Buffer): MessageShape<O> => fromBinary(method.output, bytes),
  };
}

interface SaySettings {
  readonly metadata?: Metadata;
  readonly deadline?: number;
}

interface SayOutcome {
  readonly error: ServiceError | null;
  readonly sentence: string | undefined;
  readonly headers: Metadata | undefined;
  readonly trailers: Metadata | undefined;
}

function callSay(client: Client, sentence: string, settings: SaySettings = {}): Promise<SayOutcome> {
  const { path, serialize, deserialize } = wireOf(say);
  return new Promise((resolve) => {
    let headers: Metadata | undefined;
    let trailers: Metadata | undefined;
    let answer: { error: ServiceError | null; sentence: string | undefined } | undefined;
    const finish = () => {
      if (answer !== undefined && trailers !== undefined) {
        resolve({ ...answer, headers, trailers });
      }
    };
    client
      .makeUnaryRequest(
        path,
        serialize,
        deserialize,
        { sentence },
        settings.metadata ?? new Metadata(),
        settings.deadline === undefined ? {} : { deadline: settings.deadline },
        (error, response) => {
          answer = { error, sentence: response?.sentence };
          finish();
        },
      )
      .on('metadata', (received) => {
        headers = received;
      })
      .on('status', ({ metadata }) => {
        trailers = metadata;
        finish();
      });
  });
}

function callIntroduce(client: Client, name: string) {
  const { path, serialize, deserialize } = wireOf(introduce);
  return client.makeServerStreamRequest(path, serialize, deserialize, { name });
}

function callReflect(client: Client, sentences: readonly string[]): Promise<string> {
  const { path, serialize, deserialize } = wireOf(reflect);
  return new Promise((resolve, reject) => {
    const call = client.makeClientStreamRequest(path, serialize, deserialize, (error, response) => {
      if (error === null) {
        resolve(response?.sentence ?? '');
      } else {
        reject(error);
      }
    });
    for (const sentence of sentences) {
      call.write({ sentence });
    }
    call.end();
  });
}

/** Full duplex: says the next sentence when the last one was answered. */
async function callConverse(client: Client, sentences: readonly string[]): Promise<string[]> {
  const { path, serialize, deserialize } = wireOf(converse);
  const call = client.makeBidiStreamRequest(path, serialize, deserialize);
  const left = sentences.map((sentence) => ({ sentence }));
  const sayNext = () => {
    const next = left.shift();
    if (next === undefined) {
      call.end();
    } else {
      call.write(next);
    }
  };
  sayNext();
  return sentencesOf(call, sayNext);
}

async function sentencesOf(
  call: AsyncIterable<{ readonly sentence: string }>,
  onSentence: () => void = () => {},
): Promise<string[]> {
  const sentences: string[] = [];
  for await (const { sentence } of call) {
    sentences.push(sentence);
    onSentence();
  }
  return sentences;
}

/** All four kinds. */
async function talkTo(client: Client): Promise<typeof ELIZA> {
  return {
    say: (await callSay(client, SAID)).sentence ?? '',
    introduce: await sentencesOf(callIntroduce(client, NAME)),
    reflect: await callReflect(client, TALK),
    converse: await callConverse(client, TALK),
  };
}

describe('grpc-js', () => {
  let server: RunningServer;
  let trouble: RunningServer;
  let client: Client;
  let troubled: Client;

  beforeAll(async () => {
    server = await startEliza();
    trouble = await startTrouble();
    client = new Client(server.authority, credentials.createInsecure());
    troubled = new Client(trouble.authority, credentials.createInsecure());
  });

  afterAll(async () => {
    client.close();
    troubled.close();
    await Promise.all([server.close(), trouble.close()]);
  });

  it('makes calls of all four kinds', async () => {
    await expect(talkTo(client)).resolves.toEqual(ELIZA);
  });

  it.each([
    ['gzip', compressionAlgorithms.gzip],
    ['deflate', compressionAlgorithms.deflate],
  ])('makes calls of all four kinds with %s', async (_, algorithm) => {
    const compressing = new Client(server.authority, credentials.createInsecure(), {
      'grpc.default_compression_algorithm': algorithm,
    });
    try {
      await expect(talkTo(compressing)).resolves.toEqual(ELIZA);
    } finally {
      compressing.close();
    }
  });

  it('gets code, message, details and metadata of an error', async () => {
    const { error, trailers } = await callSay(troubled, 'fail');
    expect(error).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'no couch: \u{1F6CB} is broken',
    });
    expect(trailers?.get('x-reason')).toEqual(['couch']);
    expect(trailers?.get('x-reason-bin')).toEqual([Buffer.from([0, 1, 255])]);
    const [details] = trailers?.get('grpc-status-details-bin') ?? [];
    const message = fromBinary(StatusSchema, Buffer.from(details ?? ''));
    expect(message).toMatchObject({
      code: status.FAILED_PRECONDITION,
      message: 'no couch: \u{1F6CB} is broken',
    });
    expect(message.details.map((detail) => anyUnpack(detail, SayRequestSchema)?.sentence)).toEqual([
      'the detail',
    ]);
  });

  it('learns nothing of an error that is not meant for it', async () => {
    const { error } = await callSay(troubled, 'crash');
    expect(error?.code).toBe(status.INTERNAL);
    expect(error?.details).not.toContain('1234');
  });

  it('is told what is not implemented', async () => {
    await expect(callReflect(troubled, TALK)).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  });

  it('exchanges metadata, binary and repeated values included', async () => {
    const metadata = new Metadata();
    metadata.add('x-echo', 'one');
    metadata.add('x-echo', 'two');
    metadata.add('x-echo-bin', Buffer.from([0, 1, 255]));
    const { headers, trailers } = await callSay(troubled, 'hello', { metadata });
    expect(headers?.get('x-echo').join(', ')).toBe('one, two');
    expect(headers?.get('x-echo-bin')).toEqual([Buffer.from([0, 1, 255])]);
    expect(trailers?.get('trailing-x-echo').join(', ')).toBe('one, two');
    expect(trailers?.get('trailing-x-echo-bin')).toEqual([Buffer.from([0, 1, 255])]);
  });

  it('sends its deadline, and sees it kept', async () => {
    const { sentence } = await callSay(troubled, 'hello', { deadline: Date.now() + 5_000 });
    expect(sentence).toMatch(/^hello within [\d.]+ ms$/);
    const canceled = firstValueFrom(trouble.app.get(TroubleRpc).cancellations);
    const { error } = await callSay(troubled, 'never', { deadline: Date.now() + 50 });
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    await expect(canceled).resolves.toMatchObject({ method: 'say' });
  });

  it('cancels a call in the middle of its stream', async () => {
    const canceled = firstValueFrom(trouble.app.get(TroubleRpc).cancellations);
    const call = callIntroduce(troubled, '');
    let count = 0;
    const consumed = sentencesOf(call, () => {
      count++;
      if (count === 2) {
        call.cancel();
      }
    });
    await expect(consumed).rejects.toMatchObject({ code: status.CANCELLED });
    expect(count).toBe(2);
    await expect(canceled).resolves.toMatchObject({ method: 'introduce' });
  });
});

describe('grpc-js over TLS', () => {
  it('makes calls of all four kinds', async () => {
    const certificates = await createCertificates();
    const server = await startEliza(tlsOf(certificates));
    const channel = credentials.createSsl(Buffer.from(certificates.ca));
    // TLS knows no server name that is an address.
    const client = new Client(server.authority, channel, { 'grpc.ssl_target_name_override': 'localhost' });
    try {
      await expect(talkTo(client)).resolves.toEqual(ELIZA);
    } finally {
      client.close();
      await server.close();
    }
  });
});
