/**
 * What a client in a process of its own is asked, and what it tells of itself.
 */
import { type Carrier } from './client-cases.js';

/** All four kinds; those that are canceled end after their first reply. */
export type LoadKind = 'unary' | 'server stream' | 'client stream' | 'bidi stream' | 'canceled stream';

/** Calls of one kind over a channel that stays from question to question. */
export interface Load extends Carrier {
  readonly url: string;
  readonly kind: LoadKind;
  readonly calls: number;
  readonly parallel: number;
  /** Milliseconds; none without it. */
  readonly timeoutMs?: number;
}

export type ClientQuestion =
  | { readonly kind: 'load'; readonly load: Load }
  /** How it is; after a collection, which begins a new measurement of the peak. */
  | { readonly kind: 'signs' };

export interface ClientSigns {
  /** Objects and buffers, without garbage. */
  readonly heapBytes: number;
  /** Bytes of the process in memory: now, and at most since the last question for signs. */
  readonly rssBytes: number;
  readonly peakRssBytes: number;
  readonly sockets: number;
  readonly sessions: number;
  /** On the process, the sockets and the sessions. */
  readonly listeners: number;
  /** Node's, and those in the library's timer wheel. */
  readonly timers: number;
  readonly wheelTimers: number;
}

export type ClientAnswer =
  /** How many calls ended with each code, `ok` for none. */
  | { readonly kind: 'ends'; readonly ends: Readonly<Record<string, number>> }
  | { readonly kind: 'signs'; readonly signs: ClientSigns };
