/**
 * A client's call whose messages travel in envelopes: all of gRPC and gRPC-Web, and Connect's streams.
 *
 * A protocol adds what differs: its headers, and how a response ends. A reply that is one message is decoded where it
 * lies and handed over when the call has ended well.
 */
import { type Compression } from '../compression/compression.js';
import { type CallStart, type SingleReply } from '../rpc/client-call.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';
import { type EncodedMessage, type MessageSource } from '../rpc/message-flow.js';
import { type HttpClient, type RequestHead } from './client-exchange.js';
import { type ClientMethod } from './client-protocol.js';
import { FLAG_COMPRESSED } from './envelope.js';
import { EnvelopeReader, truncated } from './envelope-reader.js';
import { type ByteFlow, EnvelopeSource, type StreamOwner } from './envelope-source.js';
import { declaredCompression, type MessageFormat } from './message-format.js';
import { asFromWire, OutgoingCall, type Outcome } from './outgoing-call.js';

/** What all calls of a method in one protocol share. */
export interface EnvelopedEndpoint {
  readonly method: ClientMethod;
  readonly format: MessageFormat;
}

export abstract class EnvelopedOutgoingCall extends OutgoingCall implements StreamOwner, ByteFlow {
  /** How the response's compressed envelopes are compressed: {@link readHead} finds out. */
  protected responseCompression: Compression | undefined;

  readonly #reader: EnvelopeReader;
  readonly #format: MessageFormat;
  /** Where replies are a stream: they are decoded when they are asked for. */
  readonly #source: EnvelopeSource | undefined;
  #message: unknown;
  #messages = 0;
  /** In-band ending: an end-stream or trailers frame has come. */
  #outcome: Outcome | undefined;
  #httpTrailers: HeaderList | undefined;
  #abortReason: ConnectError | undefined;

  constructor(
    http: HttpClient,
    { method, format }: EnvelopedEndpoint,
    start: CallStart,
    reply: SingleReply | undefined,
  ) {
    super(http, method, start, reply);
    this.#format = format;
    this.#reader = new EnvelopeReader(method.options.receiveLimitBytes);
    this.#source = method.spec.streamsResponses ? new EnvelopeSource(this, this.#reader, this) : undefined;
  }

  override get replies(): MessageSource<unknown> {
    return this.#source ?? super.replies;
  }

  /** @returns The head of the request. */
  protected abstract requestHead(): RequestHead;
  /**
   * Reads the head of the response, and sets {@link responseCompression}.
   *
   * @throws ConnectError When the response is not the protocol's: the call fails with it.
   */
  protected abstract readHead(status: number, headers: HeaderList): void;
  /**
   * Reads an envelope that is not a message: the protocol's own end of a stream.
   *
   * @param payload Inflated.
   * @returns How the response ended; `undefined` when these flags are not known.
   * @throws ConnectError When the payload cannot be read.
   */
  protected abstract readEnding(flags: number, payload: Uint8Array): Outcome | undefined;
  /** How a response ended that had no {@link readEnding}. */
  protected abstract outcomeOf(httpTrailers: HeaderList): Outcome;

  /** Starts the call: the request's head is sent at once where requests are a stream. */
  open(): this {
    if (this.begin() && this.spec.streamsRequests) {
      this.openRequest(this.requestHead());
    }
    return this;
  }

  send(message: unknown): void {
    if (this.isOver) {
      return;
    }
    let envelope: EncodedMessage;
    try {
      envelope = this.encode(message);
    } catch (error) {
      this.settleError(error as ConnectError); // Encoding throws nothing else.
      return;
    }
    this.sendRequest(this.requestHead(), envelope);
  }

  pause(): void {
    this.exchange?.pause();
  }

  resume(): void {
    this.exchange?.resume();
  }

  encode(message: unknown): EncodedMessage {
    return this.#format.encodeEnvelope(message, this.method.options.requestCompression);
  }

  onHeaders(status: number, headers: HeaderList): void {
    if (this.isOver) {
      return;
    }
    try {
      this.readHead(status, headers);
    } catch (error) {
      this.settleError(error as ConnectError); // Reading a head throws nothing else.
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.isOver) {
      return;
    }
    if (this.#source !== undefined) {
      this.#source.push(chunk);
    } else {
      this.#reader.push(chunk);
      this.#readSingle();
    }
  }

  onEnd(trailers: HeaderList): void {
    this.#httpTrailers = trailers;
    this.#endReplies();
  }

  onAbort(reason: ConnectError): void {
    this.#abortReason = this.brokenBy(reason);
    this.#endReplies();
  }

  decodeEnvelope(flags: number, payload: Uint8Array): unknown {
    if (this.#outcome !== undefined) {
      throw this.#outcome.error ?? goesOn();
    }
    if ((flags & ~FLAG_COMPRESSED) !== 0) {
      const compression = declaredCompression(flags, this.responseCompression);
      this.#outcome = this.readEnding(flags & ~FLAG_COMPRESSED, this.#format.inflate(payload, compression));
      if (this.#outcome !== undefined) {
        return undefined;
      }
    }
    this.#messages++;
    return this.#format.decodeEnvelope(flags, payload, this.responseCompression);
  }

  /** Of a stream of replies: everything that came was consumed. */
  ended(isTruncated: boolean): ConnectError | undefined {
    const outcome = this.#finalOutcome(isTruncated);
    this.settle(outcome, undefined);
    return outcome.error;
  }

  streamFailed(error: ConnectError): ConnectError {
    const fromWire = asFromWire(error);
    this.settleError(fromWire);
    return fromWire;
  }

  streamAbandoned(): void {
    this.settleError(new ConnectError('the caller wants no more replies', { code: Code.Canceled }));
  }

  protected failReplies(error: ConnectError): void {
    this.#source?.abort(error);
    this.#reader.clear();
  }

  #endReplies(): void {
    if (this.isOver) {
      return;
    }
    if (this.#source !== undefined) {
      this.stopRequests();
      this.#source.end();
    } else {
      this.settle(this.#singleOutcome(), this.#message);
    }
  }

  #readSingle(): void {
    try {
      for (let payload = this.#reader.read(); payload !== undefined; payload = this.#reader.read()) {
        this.#message = this.decodeEnvelope(this.#reader.flags, payload) ?? this.#message;
      }
    } catch (error) {
      this.settleError(error as ConnectError); // Reading and decoding throw nothing else.
    }
  }

  #singleOutcome(): Outcome {
    const outcome = this.#finalOutcome(this.#reader.isMidEnvelope);
    return this.#messages === 1 ? outcome : withError(outcome, () => wrongCount(this.#messages));
  }

  #finalOutcome(isTruncated: boolean): Outcome {
    if (this.#outcome !== undefined) {
      return isTruncated ? withError(this.#outcome, goesOn) : this.#outcome;
    }
    if (this.#abortReason !== undefined) {
      return { error: this.#abortReason, trailers: undefined };
    }
    const outcome = this.outcomeOf(this.#httpTrailers ?? []);
    return isTruncated ? withError(outcome, () => truncated('response')) : outcome;
  }
}

/** An error that the server sent says more than what is wrong with the bytes around it. */
function withError(outcome: Outcome, error: () => ConnectError): Outcome {
  return outcome.error === undefined ? { ...outcome, error: error() } : outcome;
}

function goesOn(): ConnectError {
  return new ConnectError('the response goes on after its end', { code: Code.Internal });
}

/** gRPC status codes: another number of messages than the method has is `unimplemented`. */
function wrongCount(messages: number): ConnectError {
  const count = messages === 0 ? 'no' : 'more than one';
  return new ConnectError(`${count} response message, but the method answers with exactly one`, {
    code: Code.Unimplemented,
  });
}
