/**
 * Who waits until nothing is under way any more: those who close a client.
 */
export class Waiters {
  #resolvers: (() => void)[] = [];

  /** @returns Settles with the next {@link release}. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }

  release(): void {
    if (this.#resolvers.length > 0) {
      this.#resolvers.splice(0).forEach((resolve) => resolve());
    }
  }
}
