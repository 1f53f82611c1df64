/**
 * Eliza's service as a client of `@grpc/grpc-js` calls it, the library under Nest's own gRPC transport.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type ElizaDesc } from './eliza-services.js';

export interface Sentence {
  readonly sentence: string;
}

/** How a call with one answer ended. */
export interface GrpcOutcome {
  /** For example `"NOT_FOUND"`. */
  readonly code: string;
  /** The text of an error. */
  readonly details: string;
  readonly sentence: string | undefined;
  readonly headers: Metadata | undefined;
  readonly trailers: Metadata;
}

export interface GrpcCallOptions {
  readonly metadata?: Metadata;
  readonly deadline?: Date;
}

/** A call that is under way. */
export interface SingleCall<C> {
  readonly call: C;
  readonly outcome: Promise<GrpcOutcome>;
}

type Callback = (error: ServiceError | null, answer?: Sentence) => void;

export class GrpcEliza {
  readonly #client: Client;

  constructor(
    port: number,
    private readonly service: ElizaDesc = ElizaService,
  ) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  say(sentence: string, { metadata = new Metadata(), ...options }: GrpcCallOptions = {}) {
    const { path, serialize, deserialize } = wireOf(this.service.method.say);
    return single<ClientUnaryCall>((callback) =>
      this.#client.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        { sentence },
        metadata,
        options,
        callback as never,
      ),
    );
  }

  introduce(name: string): ClientReadableStream<Sentence> {
    const { path, serialize, deserialize } = wireOf(this.service.method.introduce);
    return this.#client.makeServerStreamRequest(path, serialize, deserialize, { name });
  }

  /** @param sentences Are sent at once; the stream stays open without any. */
  reflect(sentences: readonly string[] = []) {
    const { path, serialize, deserialize } = wireOf(this.service.method.reflect);
    return single<ClientWritableStream<Sentence>>((callback) =>
      send(this.#client.makeClientStreamRequest(path, serialize, deserialize, callback as never), sentences),
    );
  }

  /** @param sentences Are sent at once; the stream stays open without any. */
  converse(sentences: readonly string[] = []): ClientDuplexStream<Sentence, Sentence> {
    const { path, serialize, deserialize } = wireOf(this.service.method.converse);
    return send(this.#client.makeBidiStreamRequest(path, serialize, deserialize), sentences);
  }

  close(): void {
    this.#client.close();
  }
}

/** @returns What came before the end, and how that was. */
export async function collect(
  stream: AsyncIterable<Sentence>,
): Promise<{ sentences: string[]; code: string; details: string }> {
  const sentences: string[] = [];
  try {
    for await (const { sentence } of stream) {
      sentences.push(sentence);
    }
    return { sentences, code: 'OK', details: '' };
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { sentences, code: status[code], details };
  }
}

/** A method as grpc-js calls it: path and codec. */
function wireOf<I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    serialize: (request: MessageInitShape<I>) =>
      Buffer.from(toBinary(method.input, create(method.input, request))),
    deserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
  };
}

function send<C extends { write(message: Sentence): unknown; end(): unknown }>(
  call: C,
  sentences: readonly string[],
): C {
  sentences.forEach((sentence) => call.write({ sentence }));
  if (sentences.length > 0) {
    call.end();
  }
  return call;
}

interface SingleEvents {
  on(event: 'metadata', listener: (metadata: Metadata) => void): unknown;
  on(
    event: 'status',
    listener: (ended: { code: status; details: string; metadata: Metadata }) => void,
  ): unknown;
}

/** The callback has the answer; the event `status`, which comes behind it, the trailers. */
function single<C extends SingleEvents>(begin: (callback: Callback) => C): SingleCall<C> {
  let sentence: string | undefined;
  let headers: Metadata | undefined;
  const call = begin((_error, answer) => (sentence = answer?.sentence));
  const outcome = new Promise<GrpcOutcome>((resolve) => {
    call.on('metadata', (received) => (headers = received));
    call.on('status', ({ code, details, metadata: trailers }) => {
      resolve({ code: status[code], details, sentence, headers, trailers });
    });
  });
  return { call, outcome };
}
