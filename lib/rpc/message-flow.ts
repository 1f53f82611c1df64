/**
 * The seam between the wire and streams: messages with demand in, messages with credit out.
 *
 * Neither side knows the other: `wire` implements these, `stream` turns them into Observables.
 */
import { type ConnectError } from './connect-error.js';

/** Receives the messages of a stream. */
export interface MessageConsumer<T> {
  /** One message; called at most once per {@link MessageSource.pull}. */
  next(message: T): void;
  /** The peer has sent its last message. Nothing follows. */
  complete(): void;
  /** The stream broke: cancellation, deadline, broken bytes. Nothing follows. */
  error(error: ConnectError): void;
}

/**
 * A stream of messages from the peer with demand.
 *
 * Nothing is read off the wire before the first {@link pull}; while no message is wanted, the peer is
 * held back down to its socket.
 */
export interface MessageSource<T> {
  /** Names the consumer; once per source. A stream that has broken by then tells so at once. */
  start(consumer: MessageConsumer<T>): void;
  /**
   * Asks for one more message. It may arrive before `pull` returns; asking again from inside `next` is
   * allowed and does not grow the stack.
   */
  pull(): void;
  /** The consumer wants no more: whatever still arrives is discarded, and it is not called again. */
  cancel(): void;
}

/** {@link MessageSource} of a handler, which tells how much piles up where nothing holds the peer back. */
export interface RequestSource<T> extends MessageSource<T> {
  /** Bytes of messages delivered so far, as they came (before decompression). */
  readonly deliveredBytes: number;
}

/** A message in the form in which it leaves, so that queues can count bytes. */
export type EncodedMessage = Uint8Array;

/**
 * A stream of response messages with credit.
 *
 * After {@link complete} or {@link fail}, and after the call was canceled, every method does nothing.
 */
export interface MessageSink<T> {
  /** False while the peer should be awaited: see {@link onReady}. */
  readonly isReady: boolean;
  /** Names the one function that is called each time the sink becomes ready again. */
  onReady(listener: () => void): void;
  /**
   * Encodes a message without sending it.
   *
   * @throws ConnectError `internal` when the message does not fit its type; `resource_exhausted` when it
   * is larger than the send limit.
   */
  encode(message: T): EncodedMessage;
  /** Sends an encoded message, also when the sink is not ready; then it waits in memory. */
  write(message: EncodedMessage): void;
  /** Ends the stream with success. */
  complete(): void;
  /** Ends the stream with an error; what was written before stays delivered. */
  fail(error: ConnectError): void;
}
