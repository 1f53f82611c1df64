/**
 * Where a balanced client has its addresses from.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type Target } from './target.js';

export interface Resolver {
  /** For messages: the URL of the channel. */
  readonly name: string;
  /** As they were found last, and never changed in place; empty until they were found once. */
  readonly targets: readonly Target[];
  /** Why the last look-up failed. */
  readonly failure: ConnectError | undefined;
  /** A look-up that may change {@link targets}. Never rejects. */
  readonly underWay: Promise<void> | undefined;
  /** A request is about to be sent. */
  requested(): void;
  /** One of the addresses does not work: the servers may have moved. */
  failed(): void;
}

/** Addresses that were given, in their order. */
export class StaticResolver implements Resolver {
  readonly failure = undefined;
  readonly underWay = undefined;

  constructor(
    readonly name: string,
    readonly targets: readonly Target[],
  ) {}

  requested(): void {}

  failed(): void {}
}
