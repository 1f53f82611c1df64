/**
 * Lengths that are only promised: for all forms of a server.
 */
import { expect } from '@jest/globals';
import { type Http2Result, openHttp2, recordHttp2 } from '../../server/engine-harness.js';
import { REFLECT, type Victim } from './victim.js';

/** The code that a caller gets, in the words of Connect; `ok` for none. */
export function codeOf({ status, headers, trailers, body }: Http2Result): string {
  const grpcStatus = trailers?.['grpc-status'] ?? headers['grpc-status'];
  if (typeof grpcStatus === 'string') {
    return GRPC_CODES[Number(grpcStatus)] ?? grpcStatus;
  }
  return /"code":"(\w+)"/.exec(body)?.[1] ?? (status === 200 ? 'ok' : `status ${status}`);
}

const GRPC_CODES: Readonly<Record<number, string>> = {
  0: 'ok',
  3: 'invalid_argument',
  4: 'deadline_exceeded',
  8: 'resource_exhausted',
  12: 'unimplemented',
  13: 'internal',
};

export const PROTOCOLS: Readonly<Record<string, Record<string, string>>> = {
  Connect: { 'content-type': 'application/connect+proto' },
  gRPC: { 'content-type': 'application/grpc', te: 'trailers' },
  'gRPC-Web': { 'content-type': 'application/grpc-web' },
};

/** An envelope's prefix, without what it promises. */
export function prefix(length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** gRPC-Web has its status in the body. */
function webCodeOf(call: Http2Result): string {
  const status = /grpc-status: ?(\d+)/.exec(call.body)?.[1];
  return status === undefined ? codeOf(call) : (GRPC_CODES[Number(status)] ?? status);
}

/** Ninety streams that promise a message, and checks what becomes of them. */
export async function promise(
  victim: Victim,
  headers: Record<string, string>,
  length: number,
  code: string,
): Promise<void> {
  const { result } = await victim.withstand(
    async () => {
      const session = victim.session();
      const calls = Array.from({ length: 90 }, () => {
        const stream = openHttp2(session, { ':path': REFLECT, ...headers });
        stream.write(prefix(length));
        return recordHttp2(stream);
      });
      const codes = (await Promise.all(calls)).map((call) => webCodeOf(call));
      session.destroy();
      return codes;
    },
    { growthMiB: 30 },
  );
  expect(new Set(result)).toEqual(new Set([code]));
}
