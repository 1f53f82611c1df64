/**
 * The checks of a tool: a line for each, and the closing line "N passed, N failed" that `.ci/run` reads.
 */
const WORTH_PRINTING_MS = 500;

export class Tally {
  #passed = 0;
  #failed = 0;

  /**
   * Runs a check and prints its name, with its time when that is worth a look.
   *
   * @param run Throws when the check fails; the error is printed.
   * @returns Whether it passed.
   */
  async check(name, run) {
    const startedMs = performance.now();
    try {
      await run();
      this.#passed++;
      console.log(`ok ${name}${timeSince(startedMs)}`);
      return true;
    } catch (error) {
      this.#fail(name + timeSince(startedMs), error);
      return false;
    }
  }

  /** @param run Resolves with lines "ok NAME" and "not ok NAME", one for each check of its own. */
  async addFrom(name, run) {
    try {
      const output = await run();
      console.log(output.trim());
      this.#passed += output.match(/^ok /gm)?.length ?? 0;
      this.#failed += output.match(/^not ok /gm)?.length ?? 0;
    } catch (error) {
      this.#fail(name, error);
    }
  }

  /** Prints the closing line. @returns The exit code. */
  close() {
    console.log(`\n${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }

  #fail(name, error) {
    this.#failed++;
    console.log(`not ok ${name}\n${error.message.replaceAll(/^/gm, '  ')}`);
  }
}

function timeSince(startedMs) {
  const ms = performance.now() - startedMs;
  return ms < WORTH_PRINTING_MS ? '' : ` (${(ms / 1_000).toFixed(1)} s)`;
}
