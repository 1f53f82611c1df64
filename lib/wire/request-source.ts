/**
 * The request side of a streaming call: envelopes on demand.
 *
 * While no message is asked for, the exchange is paused and arrived bytes stay undecoded, so a handler that
 * stops pulling stops its peer.
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type MessageConsumer, type MessageSource } from '../rpc/message-flow.js';
import { type EnvelopeReader } from './envelope-reader.js';
import { type Exchange } from './exchange.js';

/** What a protocol makes of envelopes. */
export interface EnvelopeDecoder {
  /** @throws ConnectError When the flags or the payload are wrong. */
  decodeEnvelope(flags: number, payload: Uint8Array): unknown;
  /** The error for a body that ends in the middle of an envelope. */
  truncated(): ConnectError;
  /** The stream broke by the request's own fault: the call ends with this error. */
  requestFailed(error: ConnectError): void;
}

export class RequestSource implements MessageSource<unknown> {
  deliveredBytes = 0;
  #consumer: MessageConsumer<unknown> | undefined;
  #demand = 0;
  #isDelivering = false;
  #hasEnded = false;
  #isDone = false;
  /** Why the stream broke, for a consumer that comes later. */
  #failure: ConnectError | undefined;

  constructor(
    private readonly exchange: Exchange,
    private readonly reader: EnvelopeReader,
    private readonly decoder: EnvelopeDecoder,
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
    this.#finish();
    // The peer may still be sending; its bytes are read and dropped so that it sees the response.
    this.exchange.resume();
  }

  /** Bytes from the exchange. */
  push(chunk: Uint8Array): void {
    if (!this.#isDone) {
      this.reader.push(chunk);
      this.#deliver();
    }
  }

  /** The peer has half-closed. */
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
    const message = this.decoder.decodeEnvelope(this.reader.flags, payload);
    this.#demand--;
    this.deliveredBytes += payload.byteLength;
    this.#consumer?.next(message);
    return true;
  }

  #complete(): false {
    if (this.reader.isMidEnvelope) {
      throw this.decoder.truncated();
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
    this.decoder.requestFailed(error);
    consumer?.error(error);
    this.exchange.resume();
  }

  #holdOrRelease(): void {
    if (this.#isDone || this.#hasEnded) {
      return;
    }
    if (this.#demand > 0) {
      this.exchange.resume();
    } else {
      this.exchange.pause();
    }
  }

  #finish(failure?: ConnectError): void {
    this.#isDone = true;
    this.#failure = failure;
    this.#consumer = undefined;
    this.reader.clear();
  }
}
