/**
 * The end-stream message: the last envelope of every Connect stream, with the outcome and the trailers.
 *
 * Spec: Connect protocol, "Streaming-Response" (EndStreamResponse).
 */
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { encodeEnvelope } from '../../wire/envelope.js';
import { isReservedHeader } from '../../wire/metadata-headers.js';
import { type Outcome } from '../../wire/outgoing-call.js';
import { errorFromJson, errorToJson } from './error-json.js';
import { isJsonObject, parseJsonObject } from './json-object.js';

export const FLAG_END_STREAM = 0b0000_0010;

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

/**
 * @param payload Of the envelope, inflated.
 * @param headers Of the response: with the trailers they are the metadata of its error.
 * @throws ConnectError `internal` when the payload is not an end-stream message.
 */
export function decodeEndStream(payload: Uint8Array, headers: HeaderList): Outcome {
  const json = parseJsonObject(payload);
  const error = json?.['error'];
  if (json === undefined || !(error === undefined || error === null || isJsonObject(error))) {
    throw new ConnectError('the end-stream message is not JSON of an EndStreamResponse', {
      code: Code.Internal,
    });
  }
  const trailers = readMetadata(json['metadata']);
  if (!isJsonObject(error)) {
    return { error: undefined, trailers };
  }
  const metadata = RpcHeaders.fromWire([...headers, ...trailers.toList()]);
  // The HTTP status is 200 whatever the outcome: it tells no code.
  return { error: errorFromJson(error, { fallbackCode: Code.Unknown, metadata }), trailers };
}

/** Values that HTTP could not carry are left out: who passes them on in headers must not fail for it. */
function readMetadata(json: unknown): RpcHeaders {
  const trailers = new RpcHeaders();
  for (const [name, values] of isJsonObject(json) ? Object.entries(json) : []) {
    for (const value of Array.isArray(values) ? values : []) {
      if (typeof value === 'string') {
        appendIfValid(trailers, name, value);
      }
    }
  }
  return trailers;
}

function appendIfValid(trailers: RpcHeaders, name: string, value: string): void {
  try {
    trailers.append(name, value);
  } catch {
    // Name or value is none of HTTP's.
  }
}
