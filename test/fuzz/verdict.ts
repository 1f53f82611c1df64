/**
 * What a server may answer to anything at all.
 */

/** Statuses above 499 that are a client's business: not implemented, timed out, not over this HTTP version. */
const CLIENTS_OWN: ReadonlySet<number> = new Set([501, 504, 505]);

/** What the exception mapper puts in place of an error that nobody foresaw. */
const MASKED = 'internal error';

export interface Answer {
  readonly status: number;
  /** Headers and trailers. */
  readonly headers: Readonly<Record<string, string | readonly string[] | number | undefined>>;
  readonly body: Uint8Array;
}

/** @returns What is wrong with an answer to a request that no handler fails on; `undefined` when it is right. */
export function faultOf({ status, headers, body }: Answer): string | undefined {
  if (status < 200 || (status >= 500 && !CLIENTS_OWN.has(status))) {
    return `status ${status}: ${Buffer.from(body).toString('latin1')}`;
  }
  const code = headers['grpc-status'];
  if (code !== undefined && !(Number(code) >= 0 && Number(code) <= 16 && Number(code) !== 2)) {
    return `grpc-status ${String(code)}`;
  }
  const texts = [String(headers['grpc-message'] ?? ''), Buffer.from(body).toString('latin1')];
  // In gRPC-Web text the body is base64, each flush by itself.
  texts.push(Buffer.from(texts[1] ?? '', 'base64').toString('latin1'));
  return texts.some((text) => text.includes(MASKED)) ? `"${MASKED}" in ${texts.join(' ')}` : undefined;
}
