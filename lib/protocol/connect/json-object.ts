/**
 * JSON that a server sent about a call: an object, of which nothing else is known.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** @returns `undefined` when the bytes are not JSON, or JSON of something else than an object. */
export function parseJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    const json: unknown = JSON.parse(text);
    return isJsonObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
