/**
 * What a server tells of itself, and what it is told.
 */
export type Question =
  /** How it is, without garbage. */
  | { readonly kind: 'figures' }
  /** From now on handlers work so long on a message, in milliseconds; 0: no time at all. */
  | { readonly kind: 'pace'; readonly workMs: number };

export interface Figures {
  readonly heapBytes: number;
  /** Messages that handlers took from clients. */
  readonly taken: number;
  /** Messages that were taken from handlers. */
  readonly produced: number;
  /** Of never-ending Observables. */
  readonly subscriptions: number;
  readonly teardowns: number;
  /** What the engine counts, up to the last byte of the response; 0 for Nest's transport, which does not count. */
  readonly liveCalls: number;
}
