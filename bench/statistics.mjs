/**
 * The figures of rounds: medians and quartiles, of values and of ratios within a round.
 */

/** @returns Median and quartiles of some numbers. */
export function summarize(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/**
 * The same of the ratios, round by round: what slows the machine for a while slows both sides of a ratio.
 */
export function summarizeRatios(values, baseValues) {
  return summarize(values.map((value, round) => value / baseValues[round]));
}

function quantile(sorted, share) {
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const above = sorted[Math.ceil(position)];
  return sorted[below] + (above - sorted[below]) * (position - below);
}
