/**
 * The lingering close of a connection whose peer is still sending.
 *
 * A socket that is closed with unread bytes answers the peer by a TCP reset, which may destroy the response
 * before the peer has read it. (RFC 9112, section 9.6: close the write side first, read on for a while)
 */
import { type Socket } from 'node:net';
import { timerWheel, WheelTimer } from '../rpc/timer-wheel.js';

/** How long a closing connection goes on discarding what arrives, in milliseconds. */
export const LINGER_MS = 1_000;

/**
 * Half-closes the socket once all is written, discards what arrives, and destroys it when the peer has closed
 * as well, or after {@link LINGER_MS}.
 */
export function closeLingering(socket: Socket): void {
  if (socket.destroyed) {
    return;
  }
  const timer = new WheelTimer(() => socket.destroy());
  socket.once('close', () => timer.cancel());
  timerWheel.start(timer, LINGER_MS);
  socket.end();
  socket.resume();
}
