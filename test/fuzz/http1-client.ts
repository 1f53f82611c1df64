/**
 * HTTP/1.1 over a raw socket: what node:http as a client would never send, and what came back byte by byte.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type Answer } from './verdict.js';

export interface Talk {
  readonly received: Buffer;
  /** The server has closed the connection. */
  readonly isClosed: boolean;
}

export interface TalkOptions {
  readonly port: number;
  readonly pieces: readonly Uint8Array[];
  /** Nothing more is expected: the client closes its side. */
  isComplete(this: void, received: Buffer): boolean;
  /** Silence after which the client closes its side in any case. */
  readonly quietMs: number;
  /** How long the server may then take to close the connection. */
  readonly closeMs: number;
}

const POLL_MS = 5;

/** Sends the pieces, each in a turn of its own, and waits for the end of the connection. */
export async function talk({ port, pieces, isComplete, quietMs, closeMs }: TalkOptions): Promise<Talk> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  let lastMoved = performance.now();
  let isOver = false;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    lastMoved = performance.now();
  });
  // A reset is an end as well.
  socket.on('error', () => undefined);
  socket.on('end', () => {
    isOver = true;
  });
  socket.on('close', () => {
    isOver = true;
  });
  const isOverNow = (): boolean => isOver;
  const received = (): Buffer => Buffer.concat(chunks);
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  for (const piece of pieces) {
    socket.write(piece);
    await setImmediate();
  }
  lastMoved = performance.now();
  while (!isOverNow() && !isComplete(received()) && performance.now() - lastMoved < quietMs) {
    await setTimeout(POLL_MS);
  }
  socket.end();
  const closeBy = performance.now() + closeMs;
  while (!isOverNow() && performance.now() < closeBy) {
    await setTimeout(POLL_MS);
  }
  socket.destroy();
  return { received: received(), isClosed: isOverNow() };
}

/** Responses, and whether bytes are left that are none, or not yet. */
export interface Responses {
  readonly answers: readonly Answer[];
  readonly isExact: boolean;
  /** The last one says that the connection closes. */
  readonly isLast: boolean;
}

/**
 * Takes responses apart, 1xx left out. (RFC 9112, section 6.3)
 *
 * @param methods Of the requests, in order: the answer to HEAD has no body.
 */
export function responsesIn(bytes: Buffer, methods: readonly string[]): Responses {
  const answers: Answer[] = [];
  let isLast = false;
  let at = 0;
  while (at < bytes.length) {
    const headEnd = bytes.indexOf('\r\n\r\n', at);
    const head = bytes.toString('latin1', at, Math.max(headEnd, at));
    const status = /^HTTP\/1\.1 (?<status>[1-5]\d\d) [^\r\n]*(?:\r\n[^\r\n:]+: ?[^\r\n]*)*$/.exec(head)
      ?.groups?.['status'];
    if (headEnd === -1 || status === undefined) {
      return { answers, isExact: false, isLast };
    }
    const headers = headersIn(head);
    const isInterim = status.startsWith('1');
    const hasBody = !isInterim && status !== '204' && status !== '304' && methods[answers.length] !== 'HEAD';
    const body = hasBody ? bodyAt(bytes, headEnd + 4, headers) : { bytes: Buffer.alloc(0), end: headEnd + 4 };
    if (body === undefined) {
      return { answers, isExact: false, isLast };
    }
    if (!isInterim) {
      answers.push({ status: Number(status), headers, body: body.bytes });
      isLast = headers['connection'] === 'close';
    }
    at = body.end;
  }
  return { answers, isExact: true, isLast };
}

function headersIn(head: string): Record<string, string> {
  const lines = head.split('\r\n').slice(1);
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
}

interface Body {
  readonly bytes: Buffer;
  readonly end: number;
}

/** @returns `undefined` for a body that is cut off, or not framed. */
function bodyAt(bytes: Buffer, start: number, headers: Readonly<Record<string, string>>): Body | undefined {
  if (headers['transfer-encoding'] === 'chunked') {
    return chunkedBodyAt(bytes, start);
  }
  const end = start + Number(headers['content-length'] ?? NaN);
  return end <= bytes.length ? { bytes: bytes.subarray(start, end), end } : undefined;
}

function chunkedBodyAt(bytes: Buffer, start: number): Body | undefined {
  const parts: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, Math.max(lineEnd, at)), 16);
    const end = lineEnd + 2 + size;
    if (lineEnd === -1 || !(end + 2 <= bytes.length)) {
      return undefined;
    }
    parts.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
    if (size === 0) {
      return { bytes: Buffer.concat(parts), end: at };
    }
  }
}
