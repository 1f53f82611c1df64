/**
 * A foreign server, seen from a test.
 */
import { type Program } from '../programs.js';

export type HttpVersion = '1.1' | '2';

export interface PeerInit {
  readonly httpVersion: HttpVersion;
  /** PEM. `undefined` for clear text. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
}

export interface RunningPeer {
  /** Of 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/** What a server can do; the tests expect no more, and no less. */
export interface Peer {
  readonly name: string;
  /** What it speaks, with the versions of HTTP for each. */
  readonly protocols: Readonly<Record<string, readonly HttpVersion[]>>;
  readonly codecs: readonly string[];
  /** Handlers can send trailers with an answer. */
  readonly sendsTrailers: boolean;
  /** Compresses answers to clients that accept it. */
  readonly compresses: boolean;
  /** Without these it cannot be started. */
  readonly needs: readonly Program[];
  start(init: PeerInit): Promise<RunningPeer>;
}
