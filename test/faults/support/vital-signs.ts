/**
 * What the server under attack tells of itself, and the messages that ask for it.
 */

/** A route of the application on whose server ConnectModule is mounted. */
export const REST = '/rest';

/** The header that names a call. */
export const CALL_NAME = 'x-call';

/** A call with a name; times are milliseconds after the engine took it. */
export interface CallRecord {
  readonly name: string;
  /** The first sign: its signal, the end of its generator, the end of its subscription. */
  readonly toldAfterMs?: number;
  /** The exchange was taken out of the set that the engine counts as its active calls. */
  readonly goneAfterMs?: number;
}

export interface VitalSigns {
  /** Bytes of the process that are in memory, and their maximum since the last request for a collection. */
  readonly rssBytes: number;
  readonly peakRssBytes: number;
  /** Objects and buffers, for which the process may have had room before; without garbage after a collection. */
  readonly heapBytes: number;
  readonly peakHeapBytes: number;
  /** Handlers that began, and handlers that ended or were told to. */
  readonly startedHandlers: number;
  readonly endedHandlers: number;
  /** What the engine counts, up to the last byte of the response. */
  readonly activeCalls: number;
  /** Deadlines and grace times in the library's timer wheel. */
  readonly wheelTimers: number;
  readonly openSockets: number;
  /** Listeners on the process, on the listening server and on its sockets. */
  readonly listeners: number;
  /** What holds Node's event loop, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** Names of the warnings that Node gave, for example `MaxListenersExceededWarning`. */
  readonly warnings: readonly string[];
}

/** To the server: how it is, after a collection when the memory is to be read; and what became of its calls. */
export type ServerQuestion =
  { readonly kind: 'signs'; readonly collect: boolean } | { readonly kind: 'calls' };

/** From the server, of the same kind as the question. */
export type ServerAnswer =
  | { readonly kind: 'signs'; readonly signs: VitalSigns }
  | { readonly kind: 'calls'; readonly calls: readonly CallRecord[] };
