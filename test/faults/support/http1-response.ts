/**
 * HTTP/1.1 responses taken apart without a parser that would forgive: what stands between two responses is an error.
 */
import { type RawClient } from '../../server/engine-harness.js';
import { eventually } from '../../support/eventually.js';
import { type Answer } from './dialects.js';

const HEAD = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/;

/** @param text What came over a connection, in latin1. @throws Error When it is not whole responses. */
export function parseResponses(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; rest !== '';) {
    const [answer, behind] = parseResponse(rest);
    answers.push(answer);
    rest = behind;
  }
  return answers;
}

/** Waits until the first response of a connection is whole. */
export async function firstResponse(client: RawClient): Promise<Answer> {
  await eventually(() => wholeResponse(client.text) !== undefined || client.isEnded);
  return parseResponse(client.text)[0];
}

function wholeResponse(text: string): Answer | undefined {
  try {
    return parseResponse(text)[0];
  } catch {
    return undefined;
  }
}

function parseResponse(text: string): [answer: Answer, rest: string] {
  const match = HEAD.exec(text);
  if (match === null) {
    throw new Error(`expected a response, found ${JSON.stringify(text.slice(0, 200))}`);
  }
  const [head, status, lines = ''] = match;
  const headers = parseHeaders(lines);
  const behind = text.slice(head.length);
  const [body, rest] =
    headers['transfer-encoding'] === 'chunked'
      ? takeChunks(behind)
      : takeBytes(behind, Number(headers['content-length'] ?? 0));
  return [{ status: Number(status), headers, body, trailers: undefined }, rest];
}

function parseHeaders(lines: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines.split('\r\n').slice(0, -1)) {
    const colon = line.indexOf(': ');
    const name = line.slice(0, colon).toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${line.slice(colon + 2)}` : line.slice(colon + 2);
  }
  return headers;
}

function takeBytes(text: string, length: number): [body: string, rest: string] {
  if (text.length < length) {
    throw new Error(`a body of ${length} bytes ends after ${text.length}`);
  }
  return [text.slice(0, length), text.slice(length)];
}

function takeChunks(text: string): [body: string, rest: string] {
  let body = '';
  for (let at = 0; ;) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (end === -1 || Number.isNaN(size)) {
      throw new Error(`a chunked body is cut off after ${body.length} bytes`);
    }
    const data = end + 2;
    if (size === 0) {
      return [body, text.slice(data + 2)];
    }
    body += text.slice(data, data + size);
    at = data + size + 2;
  }
}
