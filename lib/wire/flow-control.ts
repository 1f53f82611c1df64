/**
 * Windows of HTTP/2, on both sides alike: how much a peer may send before it is read. The protocol's 64 KiB hold a fast peer back
 * at every round trip. (RFC 9113, section 6.9.2)
 */

/** Of a stream, in bytes. One stream may not take the whole connection's window. */
export const STREAM_WINDOW_BYTES = 262_144;
/** Of a connection, in bytes. */
export const CONNECTION_WINDOW_BYTES = 1_048_576;
