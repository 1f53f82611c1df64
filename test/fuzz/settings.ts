/**
 * How long the properties here are tried: a fixed number of runs from a fixed seed under `npm test`, a share of the
 * time that is left under `npm run fuzz`, which sets the two variables.
 */

/** From `npm run fuzz`; 0 under `npm test`. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 0);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_401);

/** More than any time suffices for. */
const ENDLESS = 2 ** 31 - 1;

/** Under `npm test`, for the runs and for shrinking what fails; the runs themselves take a few seconds. */
const TEST_LIMIT_MS = 40_000;

/** For jest, beside the time of the property itself: the last run. */
const SLACK_MS = 20_000;

export interface FuzzSettings {
  /** For `fc.assert`. */
  readonly parameters: { seed: number; numRuns: number; interruptAfterTimeLimit: number };
  /** For jest. */
  readonly timeoutMs: number;
}

/**
 * @param numRuns Under `npm test`.
 * @param share Of the time under `npm run fuzz`. All shares of `test/fuzz` together are 1.
 */
export function fuzz(numRuns: number, share: number): FuzzSettings {
  const limitMs = SECONDS === 0 ? TEST_LIMIT_MS : SECONDS * share * 1_000;
  return {
    parameters: {
      seed: SEED,
      numRuns: SECONDS === 0 ? numRuns : ENDLESS,
      interruptAfterTimeLimit: limitMs,
    },
    timeoutMs: limitMs + SLACK_MS,
  };
}
