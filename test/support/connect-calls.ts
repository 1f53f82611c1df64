/**
 * Connect calls by hand, in JSON over fetch: what a test sees is what is on the wire.
 */
import { encodeEnvelope } from '../../lib/wire/envelope.js';
import { EnvelopeReader } from '../../lib/wire/envelope-reader.js';

export interface UnaryAnswer {
  readonly status: number;
  readonly body: unknown;
}

export async function callUnary(
  url: string,
  message: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<UnaryAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(message),
  });
  return { status: response.status, body: await response.json() };
}

/** @returns The JSON of every envelope of the response; the last one is the end-stream message. */
export async function callStream(url: string, messages: readonly object[]): Promise<unknown[]> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/connect+json' },
    body: Buffer.concat(messages.map((message) => encodeEnvelope(0, Buffer.from(JSON.stringify(message))))),
  });
  const reader = new EnvelopeReader(Infinity);
  reader.push(new Uint8Array(await response.arrayBuffer()));
  const answers: unknown[] = [];
  for (let payload = reader.read(); payload !== undefined; payload = reader.read()) {
    answers.push(JSON.parse(Buffer.from(payload).toString('utf8')));
  }
  return answers;
}
