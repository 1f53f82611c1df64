/**
 * The client, the same for both servers: gRPC by hand on node:http2, which lets bytes leave as flow control allows,
 * and no byte sooner or later.
 */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { encodeEnvelope } from '../../../lib/wire/envelope.js';
import { EnvelopeReader } from '../../../lib/wire/envelope-reader.js';
import {
  ReflectRequestSchema,
  ReflectResponseSchema,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type Sentence, textOf } from './messages.js';

const SERVICE = '/connectrpc.eliza.v1.ElizaService/';

/** A method that is given many messages. */
export type PushMethod = 'Reflect' | 'Converse';

export class Peer {
  readonly #session: ClientHttp2Session;

  constructor(port: number) {
    this.#session = connect(`http://127.0.0.1:${port}`);
  }

  /** Begins to send so many messages, as fast as they are accepted. */
  push(method: PushMethod, count: number): Push {
    return new Push(this.#open(method), count);
  }

  /** Asks for so many messages, and reads none before {@link Answers.read}. */
  ask(count: number): Answers {
    const stream = this.#open('Introduce');
    stream.end(envelopeOf(String(count)));
    return new Answers(stream);
  }

  close(): void {
    this.#session.destroy();
  }

  #open(method: string): ClientHttp2Stream {
    // Until it is read it stays paused, and its window is closed when 64 KiB have come.
    return this.#session.request({
      ':method': 'POST',
      ':path': SERVICE + method,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
    });
  }
}

/** A stream of requests that never waits for its server, only for flow control. */
export class Push {
  /** All answers, when the last request has been sent and the server has ended the call. */
  readonly answered: Promise<string[]>;
  #acceptedBytes = 0;

  constructor(
    private readonly stream: ClientHttp2Stream,
    count: number,
  ) {
    const answers: string[] = [];
    const read = new Answers(stream).read(({ sentence }) => answers.push(sentence));
    this.answered = Promise.all([this.#send(count), read]).then(() => answers);
  }

  /**
   * Bytes that the server has accepted, a message at a time: node:http2 calls a write back when its last DATA frame was
   * written to the socket, which happens when the windows of stream and connection have room for it. What waits in this
   * process is not counted, nor is the beginning of a message whose rest waits.
   */
  get acceptedBytes(): number {
    return this.#acceptedBytes;
  }

  async #send(count: number): Promise<void> {
    for (let sequence = 1; sequence <= count; sequence++) {
      const bytes = envelopeOf(textOf(sequence));
      const hasRoom = this.stream.write(bytes, () => (this.#acceptedBytes += bytes.byteLength));
      if (!hasRoom) {
        await once(this.stream, 'drain');
      }
    }
    this.stream.end();
  }
}

/** A stream of answers. */
export class Answers {
  #status = 'none';

  constructor(private readonly stream: ClientHttp2Stream) {
    const note = (headers: IncomingHttpHeaders): void => {
      const status = headers['grpc-status'];
      if (status !== undefined) {
        this.#status = `${String(status)}: ${String(headers['grpc-message'])}`;
      }
    };
    // An error that comes before any message stands in the headers alone.
    stream.once('response', note);
    stream.once('trailers', note);
  }

  /** @throws Error When the call did not end with OK. */
  async read(onMessage: (message: Sentence) => void): Promise<void> {
    const reader = new EnvelopeReader(Infinity);
    for await (const chunk of this.stream as AsyncIterable<Buffer>) {
      reader.push(chunk);
      for (let payload = reader.read(); payload !== undefined; payload = reader.read()) {
        onMessage(fromBinary(ReflectResponseSchema, payload));
      }
    }
    if (!this.#status.startsWith('0:')) {
      throw new Error(`the call ended with grpc-status ${this.#status}`);
    }
  }
}

/** Every message of the service is one text with the tag 1. */
function envelopeOf(sentence: string): Uint8Array {
  return encodeEnvelope(0, toBinary(ReflectRequestSchema, create(ReflectRequestSchema, { sentence })));
}
