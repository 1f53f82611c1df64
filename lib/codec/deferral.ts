/**
 * How generated code gives up: what it does not handle is done again, as a whole, by protobuf-es.
 *
 * Generated code handles well-formed, well-typed data only, and so cannot differ from protobuf-es in what it makes
 * of anything else: neither in the result nor in the error.
 */

// One for all: its stack would tell nothing, and capturing it costs more than a small message.
const DEFERRAL = new Error('left to protobuf-es');

/** @throws Error For `compileDecoder` and `compileEncoder` only; nobody else sees it. */
export function defer(): never {
  throw DEFERRAL;
}
