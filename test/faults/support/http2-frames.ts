/**
 * HTTP/2 frames and header blocks as bytes, right and wrong ones. (RFC 9113, section 6; RFC 7541)
 */

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const FRAME_HEADER_BYTES = 9;
const NOTHING = Buffer.alloc(0);

export interface Frame {
  readonly type: number;
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Uint8Array;
}

export function frame({ type, flags = 0, stream = 0, payload = NOTHING }: Frame): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** @param entries Identifiers and values, for example `{ 4: 0 }` for SETTINGS_INITIAL_WINDOW_SIZE. */
export function settings(entries: Readonly<Record<number, number>> = {}): Buffer {
  const payloads = Object.entries(entries).map(([id, value]) => {
    const entry = Buffer.alloc(6);
    entry.writeUInt16BE(Number(id), 0);
    entry.writeUInt32BE(value, 2);
    return entry;
  });
  return frame({ type: FRAME.settings, payload: Buffer.concat(payloads) });
}

export function headersFrame(stream: number, block: Uint8Array, flags = END_HEADERS): Buffer {
  return frame({ type: FRAME.headers, flags, stream, payload: block });
}

export function dataFrame(stream: number, payload: Uint8Array, flags = 0): Buffer {
  return frame({ type: FRAME.data, flags, stream, payload });
}

export function rstStream(stream: number, code = 8): Buffer {
  return frame({ type: FRAME.rstStream, stream, payload: uint32(code) });
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame({ type: FRAME.windowUpdate, stream, payload: uint32(increment) });
}

/** The frames that are complete, and the bytes behind them. */
export function splitFrames(bytes: Buffer): { frames: Required<Frame>[]; rest: Buffer } {
  const frames: Required<Frame>[] = [];
  let at = 0;
  while (bytes.length - at >= FRAME_HEADER_BYTES) {
    const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
    if (end > bytes.length) {
      break;
    }
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
      payload: bytes.subarray(at + FRAME_HEADER_BYTES, end),
    });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** A literal header without indexing or Huffman code. (RFC 7541, section 6.2.2) */
export function literal(name: string, value: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x00]), hpackString(name), hpackString(value)]);
}

/** A literal header that goes into the dynamic table. (RFC 7541, section 6.2.1) */
export function remembered(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), hpackString(name), hpackString(value)]);
}

/** The newest entry of the dynamic table: one byte. (RFC 7541, section 6.1) */
export const NEWEST_ENTRY = 0x80 | 62;

export function requestBlock(path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const all = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'test',
    ...headers,
  };
  return Buffer.concat(Object.entries(all).map(([name, value]) => literal(name, value)));
}

function hpackString(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text as string, 'latin1'); // A copy, when it is bytes already.
  return Buffer.concat([hpackLength(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits. (RFC 7541, section 5.1) */
function hpackLength(length: number): Buffer {
  if (length < 127) {
    return Buffer.from([length]);
  }
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) | 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
