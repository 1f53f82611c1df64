/**
 * Decomposition patterns: which clauses a rule understands, and which parts of them it gives back.
 *
 * A pattern is a line of words. `*` stands for any number of words, none included, and `@family` for one
 * word of that group; both are captured. `* i need *` finds "honestly I need a break", and captures
 * "honestly" and "a break".
 */
import { type Clause, type Word } from './words.js';

export type Groups = Readonly<Record<string, readonly string[]>>;

/** What the wildcards and groups of a pattern stood for, in the pattern's order. */
export type Captures = readonly (readonly Word[])[];

export interface Pattern {
  /** @returns `undefined` when the clause does not match. */
  match(clause: Clause): Captures | undefined;
}

/** One position of a segment: the words that fit, and whether the one that did is captured. */
interface Slot {
  readonly keys: ReadonlySet<string>;
  readonly isCaptured: boolean;
}

/** The slots between two wildcards. */
type Segment = readonly Slot[];

/**
 * @throws Error when the pattern names a group that does not exist.
 */
export function compilePattern(source: string, groups: Groups): Pattern {
  const segments = source
    .split('*')
    .map((segment) => segment.split(' ').filter((word) => word !== ''))
    .map((words) => words.map((word) => compileSlot(word, source, groups)));
  return { match: (clause) => matchSegments(segments, clause) };
}

function compileSlot(word: string, source: string, groups: Groups): Slot {
  if (!word.startsWith('@')) {
    return { keys: new Set([word]), isCaptured: false };
  }
  const group = groups[word.slice(1)];
  if (group === undefined) {
    throw new Error(
      `pattern "${source}" names the group "${word}": there are only ${Object.keys(groups).join(', ')}`,
    );
  }
  return { keys: new Set(group), isCaptured: true };
}

/**
 * The first segment begins the clause, the last one ends it, and those between take the first place that
 * fits. No later place could do better, so there is no going back and the time grows with the length only.
 */
function matchSegments(segments: readonly Segment[], clause: Clause): Captures | undefined {
  const [first = [], ...others] = segments;
  if (!fitsAt(first, clause, 0) || (others.length === 0 && first.length !== clause.length)) {
    return undefined;
  }
  const captures = capturedAt(first, clause, 0);
  let position = first.length;
  for (const [index, segment] of others.entries()) {
    const isLast = index === others.length - 1;
    const found = isLast ? clause.length - segment.length : findSegment(segment, clause, position);
    if (found < position || !fitsAt(segment, clause, found)) {
      return undefined;
    }
    captures.push(clause.slice(position, found), ...capturedAt(segment, clause, found));
    position = found + segment.length;
  }
  return captures;
}

function findSegment(segment: Segment, clause: Clause, from: number): number {
  for (let at = from; at + segment.length <= clause.length; at++) {
    if (fitsAt(segment, clause, at)) {
      return at;
    }
  }
  return -1;
}

function fitsAt(segment: Segment, clause: Clause, at: number): boolean {
  return segment.every((slot, i) => slot.keys.has(clause[at + i]?.key ?? ''));
}

function capturedAt(segment: Segment, clause: Clause, at: number): (readonly Word[])[] {
  return segment.flatMap((slot, i) => (slot.isCaptured ? [clause.slice(at + i, at + i + 1)] : []));
}
