/**
 * HTTP/2 in both ways: requests through node:http2, and frames by hand that it would never send.
 */
import {
  type ClientHttp2Session,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type FuzzRequest } from './arbitraries.js';
import { type Answer } from './verdict.js';

/** How long an upload that never ends stays open. */
const CUT_AFTER_MS = 30;

/** How a stream ended. */
export interface StreamEnd {
  /** `undefined` when it was reset before there was an answer. */
  readonly answer: Answer | undefined;
  readonly isClosed: boolean;
}

/** @returns `undefined` for a request that node:http2 does not send. */
export async function request(
  session: ClientHttp2Session,
  { method, target, headers, chunks, isWhole }: FuzzRequest,
  withinMs: number,
): Promise<StreamEnd | undefined> {
  const head: Record<string, string | string[]> = { ':method': method, ':path': target };
  for (const [name, value] of headers) {
    head[name] = [head[name] ?? [], value].flat();
  }
  if (!target.startsWith('/')) {
    return undefined; // Not a path: nghttp2 ends the stream, and with it, without a word, the connection.
  }
  let stream;
  try {
    stream = session.request(head, { endStream: false });
  } catch {
    return undefined;
  }
  let answered: (IncomingHttpHeaders & IncomingHttpStatusHeader) | undefined;
  const body: Buffer[] = [];
  stream.on('response', (response) => {
    answered = { ...response };
  });
  stream.on('trailers', (trailers) => {
    answered = { ...answered, ...trailers };
  });
  stream.on('data', (chunk: Buffer) => void body.push(chunk));
  stream.on('error', () => undefined);
  const closed = new Promise<boolean>((resolve) => {
    stream.once('close', () => resolve(true));
  });
  for (const chunk of chunks) {
    stream.write(chunk);
    await setImmediate();
  }
  if (isWhole) {
    stream.end();
  } else {
    await setTimeout(CUT_AFTER_MS);
    stream.close(constants.NGHTTP2_CANCEL);
  }
  const limit = new AbortController();
  const isClosed = await Promise.race([closed, setTimeout(withinMs, false, { signal: limit.signal })]);
  limit.abort();
  const status = answered?.[':status'];
  return {
    answer:
      status === undefined ? undefined : { status, headers: { ...answered }, body: Buffer.concat(body) },
    isClosed,
  };
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** @returns A frame. (RFC 9113, section 4.1) */
export function http2Frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** @returns A header block of literals that are not indexed. (RFC 7541, section 6.2.2) */
export function headerBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length: number[] = [Math.min(bytes.length, 127)];
  if (bytes.length >= 127) {
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) {
      length.push((rest & 127) | 128);
    }
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

const HEADERS = 1;
/** The entry of HPACK's static table that is `:status: 500`. */
const STATUS_500 = 0x80 | 14;

/** Tells whether a server's frames hold a response with status 500. */
export function has500(bytes: Buffer): boolean {
  for (let at = 0; at + 9 < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes.readUInt8(at + 3) === HEADERS && bytes.readUInt8(at + 9) === STATUS_500) {
      return true;
    }
  }
  return false;
}
