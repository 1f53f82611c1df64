/**
 * A server that speaks HTTP in bytes, of either version: its replies may end anywhere, go on after their end, and hold what
 * no server of Node's would send.
 */
import { type Socket } from 'node:net';
import { type Peers } from '../../client/peers.js';
import { type HttpVersion } from './client-cases.js';
import {
  ACK,
  dataFrame,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  headersFrame,
  literal,
  PREFACE,
  rstStream,
  settings,
  splitFrames,
} from './http2-frames.js';

export type Fields = readonly (readonly [name: string, value: string])[];

/** A request that is complete, and the connection that waits for its reply. */
export interface ScriptedCall {
  /** Requests of all connections, from 1. */
  readonly number: number;
  readonly socket: Socket;
  head(fields: Fields, status?: number): this;
  body(bytes: Uint8Array): this;
  /** The end of the reply; trailers only over HTTP/2. */
  end(trailers?: Fields): this;
  /** Bytes that are no part of a reply. */
  raw(bytes: Uint8Array): this;
  /** RST_STREAM, over HTTP/2. */
  reset(code: number): this;
}

export type Script = (call: ScriptedCall) => void;

/** @returns The URL of a server that follows the script. */
export function serveScript(peers: Peers, httpVersion: HttpVersion, script: Script): Promise<string> {
  let calls = 0;
  const read = httpVersion === '2' ? readHttp2 : readHttp1;
  return peers.tcp((socket) => {
    socket.setNoDelay(true);
    read(socket, (Call, stream) => {
      socket.cork(); // What a script writes at once leaves at once.
      script(new Call(++calls, socket, stream));
      socket.uncork();
    });
    // As servers do. What a script has ended or reset itself is not writable any more.
    socket.on('end', () => socket.end());
  });
}

type CallType = new (number: number, socket: Socket, stream: number) => ScriptedCall;
type OnRequest = (Call: CallType, stream: number) => void;

class Http1Call implements ScriptedCall {
  constructor(
    readonly number: number,
    readonly socket: Socket,
  ) {}

  head(fields: Fields, status = 200): this {
    const hasLength = fields.some(([name]) => name === 'content-length');
    const all = hasLength ? fields : [...fields, ['transfer-encoding', 'chunked']];
    const lines = all.map(([name, value]) => `${name}: ${value}\r\n`);
    this.#isChunked = !hasLength;
    return this.raw(Buffer.from(`HTTP/1.1 ${status} Scripted\r\n${lines.join('')}\r\n`, 'latin1'));
  }

  body(bytes: Uint8Array): this {
    // A chunk without bytes would be the last one.
    if (!this.#isChunked || bytes.length === 0) {
      return this.raw(bytes);
    }
    return this.raw(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]));
  }

  end(): this {
    return this.#isChunked ? this.raw(LAST_CHUNK) : this;
  }

  raw(bytes: Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  reset(): this {
    throw new Error('HTTP/1.1 has no streams to reset');
  }

  #isChunked = false;
}

const CRLF = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

class Http2Call implements ScriptedCall {
  constructor(
    readonly number: number,
    readonly socket: Socket,
    private readonly stream: number,
  ) {}

  head(fields: Fields, status = 200): this {
    return this.raw(headersFrame(this.stream, blockOf([[':status', String(status)], ...fields])));
  }

  body(bytes: Uint8Array): this {
    return this.raw(dataFrame(this.stream, bytes));
  }

  end(trailers?: Fields): this {
    return this.raw(
      trailers === undefined
        ? dataFrame(this.stream, Buffer.alloc(0), END_STREAM)
        : headersFrame(this.stream, blockOf(trailers), END_HEADERS | END_STREAM),
    );
  }

  raw(bytes: Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  reset(code: number): this {
    return this.raw(rstStream(this.stream, code));
  }
}

function blockOf(fields: Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literal(name, value)));
}

/** Requests with a length, which is what a request of one message has. */
function readHttp1(socket: Socket, onRequest: OnRequest): void {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = endOfRequest(text); end !== undefined; end = endOfRequest(text)) {
      text = text.slice(end);
      onRequest(Http1Call, 0);
    }
  });
}

function endOfRequest(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: ?(\d+)/i.exec(text)?.[1] ?? '0';
  const end = head + 4 + Number(length);
  return head !== -1 && text.length >= end ? end : undefined;
}

function readHttp2(socket: Socket, onRequest: OnRequest): void {
  let [bytes, isGreeted]: [Buffer, boolean] = [Buffer.alloc(0), false];
  socket.write(settings());
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (!isGreeted && bytes.length >= PREFACE.length) {
      isGreeted = true;
      bytes = bytes.subarray(PREFACE.length);
    }
    if (!isGreeted) {
      return;
    }
    const { frames, rest } = splitFrames(bytes);
    bytes = rest;
    for (const { type, flags, stream, payload } of frames) {
      if (type === FRAME.settings && (flags & ACK) === 0) {
        socket.write(frame({ type: FRAME.settings, flags: ACK }));
      } else if (type === FRAME.ping && (flags & ACK) === 0) {
        socket.write(frame({ type: FRAME.ping, flags: ACK, payload }));
      } else if ((type === FRAME.headers || type === FRAME.data) && (flags & END_STREAM) !== 0) {
        onRequest(Http2Call, stream);
      } else if (type === FRAME.goaway) {
        socket.end(); // As servers do: node:http2 leaves that to the peer.
      }
    }
  });
}
