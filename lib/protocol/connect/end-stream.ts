/**
 * The end-stream message: the last envelope of every Connect stream, with the outcome and the trailers.
 *
 * Spec: Connect protocol, "Streaming-Response" (EndStreamResponse).
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type RpcHeaders } from '../../rpc/headers.js';
import { encodeEnvelope } from '../../wire/envelope.js';
import { isReservedHeader } from '../../wire/response-headers.js';
import { errorToJson } from './error-json.js';

const FLAG_END_STREAM = 0b0000_0010;

/**
 * @param error `undefined` for success.
 * @param trailers The application's trailers; `undefined` when it set none.
 * @param sendLimitBytes For the error's details; see {@link errorToJson}.
 * @returns The envelope. The smallest success holds `{}`.
 */
export function encodeEndStream(
  error: ConnectError | undefined,
  trailers: RpcHeaders | undefined,
  sendLimitBytes = Infinity,
): Uint8Array {
  const metadata = collectMetadata([error?.metadata, trailers]);
  const json = {
    ...(error === undefined ? {} : { error: errorToJson(error, sendLimitBytes) }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  return encodeEnvelope(FLAG_END_STREAM, Buffer.from(JSON.stringify(json), 'utf8'));
}

function collectMetadata(bags: readonly (RpcHeaders | undefined)[]): Record<string, string[]> | undefined {
  // No prototype: "__proto__" is a legal header name.
  const metadata: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  let isEmpty = true;
  for (const bag of bags) {
    for (const [name, value] of bag ?? []) {
      if (!isReservedHeader(name)) {
        (metadata[name] ??= []).push(value);
        isEmpty = false;
      }
    }
  }
  return isEmpty ? undefined : metadata;
}
