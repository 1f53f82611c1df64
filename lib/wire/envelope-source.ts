/**
 * A stream of messages in envelopes, on demand: the requests of a call on the server, its replies on the client.
 *
 * While no message is asked for, the exchange is paused and arrived bytes stay undecoded, so a consumer that
 * stops pulling stops its peer.
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type MessageConsumer, type RequestSource } from '../rpc/message-flow.js';
import { type EnvelopeReader } from './envelope-reader.js';

/** What can hold the peer back: the exchange of either side. */
export interface ByteFlow {
  pause(): void;
  resume(): void;
}

/** The call that a stream belongs to. */
export interface StreamOwner {
  /**
   * @returns The message; `undefined` for an envelope that is none, but tells how the stream ends.
   * @throws ConnectError When the flags or the payload are wrong.
   */
  decodeEnvelope(flags: number, payload: Uint8Array): unknown;
  /**
   * Everything that came has been consumed, and nothing follows.
   *
   * @param isTruncated The last envelope is not complete.
   * @returns The error that the stream ends with; `undefined` for a good end.
   */
  ended(isTruncated: boolean): ConnectError | undefined;
  /**
   * The stream broke by its own bytes; its consumer is told after this.
   *
   * @returns The error that the consumer is told.
   */
  streamFailed(error: ConnectError): ConnectError;
  /** The consumer wants no more. */
  streamAbandoned(): void;
}

export class EnvelopeSource implements RequestSource<unknown> {
  deliveredBytes = 0;
  #consumer: MessageConsumer<unknown> | undefined;
  #demand = 0;
  #isDelivering = false;
  #hasEnded = false;
  #isDone = false;
  /** Why the stream broke, for a consumer that comes later. */
  #failure: ConnectError | undefined;

  constructor(
    private readonly flow: ByteFlow,
    private readonly reader: EnvelopeReader,
    private readonly owner: StreamOwner,
  ) {}

  /** True while a wanted message has begun and not ended. */
  get isMidMessage(): boolean {
    return this.#demand > 0 && !this.#isDone && this.reader.isMidEnvelope;
  }

  start(consumer: MessageConsumer<unknown>): void {
    if (this.#failure === undefined) {
      this.#consumer = consumer;
    } else {
      consumer.error(this.#failure);
    }
  }

  pull(): void {
    this.#demand++;
    this.#deliver();
  }

  cancel(): void {
    if (!this.#isDone) {
      this.#finish();
      this.owner.streamAbandoned();
    }
  }

  /** Bytes from the exchange. */
  push(chunk: Uint8Array): void {
    if (!this.#isDone) {
      this.reader.push(chunk);
      this.#deliver();
    }
  }

  /** Nothing more comes. */
  end(): void {
    this.#hasEnded = true;
    this.#deliver();
  }

  /** The call was canceled: the consumer hears of it at once, asked or not. */
  abort(reason: ConnectError): void {
    const consumer = this.#consumer;
    if (!this.#isDone) {
      this.#finish(reason);
      consumer?.error(reason);
    }
  }

  /** The call has ended: who still reads learns that nothing comes any more. */
  close(): void {
    if (!this.#isDone) {
      this.abort(new ConnectError('the call has ended', { code: Code.Canceled }));
    }
  }

  #deliver(): void {
    if (this.#isDelivering) {
      return; // Asked from inside next(): the loop below goes on.
    }
    this.#isDelivering = true;
    try {
      while (this.#demand > 0 && !this.#isDone && this.#deliverOne());
    } catch (error) {
      this.#fail(error as ConnectError); // Reading and decoding throw nothing else.
    } finally {
      this.#isDelivering = false;
    }
    this.#holdOrRelease();
  }

  /** @returns False when there is nothing to deliver now. */
  #deliverOne(): boolean {
    const payload = this.reader.read();
    if (payload === undefined) {
      return this.#hasEnded && this.#complete();
    }
    const message = this.owner.decodeEnvelope(this.reader.flags, payload);
    if (message !== undefined) {
      this.#demand--;
      this.deliveredBytes += payload.byteLength;
      this.#consumer?.next(message);
    }
    return true;
  }

  #complete(): false {
    const error = this.owner.ended(this.reader.isMidEnvelope);
    if (error !== undefined) {
      throw error;
    }
    const consumer = this.#consumer;
    this.#finish();
    consumer?.complete();
    return false;
  }

  #fail(error: ConnectError): void {
    const consumer = this.#consumer;
    this.#finish(error);
    // First the call, so that the caller gets this error and not what the handler makes of it.
    const told = this.owner.streamFailed(error);
    consumer?.error(told);
  }

  #holdOrRelease(): void {
    if (this.#isDone || this.#hasEnded) {
      return;
    }
    if (this.#demand > 0) {
      this.flow.resume();
    } else {
      this.flow.pause();
    }
  }

  #finish(failure?: ConnectError): void {
    this.#isDone = true;
    this.#failure = failure;
    this.#consumer = undefined;
    this.reader.clear();
  }
}
