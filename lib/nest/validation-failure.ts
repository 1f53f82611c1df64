/**
 * Which fields a failed validation is about: Nest's `ValidationPipe`, with class-validator's errors or only their texts,
 * in a list or by field (`errorFormat: 'grouped'`, Nest 12).
 *
 * Told by shape: class-validator is the application's, and an exception factory may have copied its errors.
 */
import { type FieldViolation } from '../rpc/error-details.js';

/** As class-validator's `ValidationError`. */
interface ValidationErrorLike {
  /** Absent when the whole value is of an unknown class. */
  readonly property?: string;
  /** The texts, by the name of the rule. */
  readonly constraints?: Readonly<Record<string, unknown>> | null;
  readonly children?: readonly unknown[] | null;
}

/** What an exception carries that may say which fields are wrong. */
export interface ValidationFailure {
  readonly response: unknown;
  readonly cause: unknown;
}

/**
 * @returns One violation per field, in the order of the errors; none when the exception is of another kind.
 *   The paths are exact where the errors themselves are there, in the cause, the response, or a property of it, and where
 *   the texts are grouped by field. From a list of texts they are a guess, and `""` for a text that does not begin with one.
 */
export function fieldViolations({ response, cause }: ValidationFailure): FieldViolation[] {
  const errors = [cause, response, ...ownValues(response)].find(isValidationErrors);
  if (errors !== undefined) {
    return mergeFields(violationsOfErrors(errors));
  }
  const message = messageOf(response);
  if (Array.isArray(message)) {
    return mergeFields(message.map(String).map(violationOfText));
  }
  return isGrouped(message) ? mergeFields(violationsOfGroups(message)) : [];
}

/** @returns The texts for all fields; none when the exception is of another kind. */
export function validationTexts(response: unknown): string[] {
  const message = messageOf(response);
  if (Array.isArray(message)) {
    return message.map(String);
  }
  return isGrouped(message) ? Object.values(message).flat() : [];
}

function messageOf(response: unknown): unknown {
  return (response as { readonly message?: unknown } | null | undefined)?.message;
}

/** The texts by the path of their field. */
type GroupedTexts = Readonly<Record<string, readonly string[]>>;

function isGrouped(message: unknown): message is GroupedTexts {
  return (
    typeof message === 'object' &&
    message !== null &&
    Object.values(message).every((texts) => Array.isArray(texts) && texts.every(isString))
  );
}

function violationsOfGroups(groups: GroupedTexts): FieldViolation[] {
  return Object.entries(groups).flatMap(([path, texts]) => {
    // Nest's `undefined`: class-validator names no property where a whole value is of an unknown class.
    const field = fieldOf(path.split('.').filter((segment) => segment !== 'undefined'));
    return texts.map((description) => ({ field, description }));
  });
}

function ownValues(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.values(value) : [];
}

function isValidationErrors(value: unknown): value is readonly ValidationErrorLike[] {
  return Array.isArray(value) && value.length > 0 && value.every(isValidationError);
}

function isValidationError(value: unknown): value is ValidationErrorLike {
  if (typeof value !== 'object' || value === null || !('property' in value)) {
    return false;
  }
  const { property, constraints, children } = value as Record<keyof ValidationErrorLike, unknown>;
  return (
    (typeof property === 'string' || property === undefined) &&
    (isNil(constraints) || typeof constraints === 'object') &&
    (isNil(children) || Array.isArray(children)) &&
    !(isNil(constraints) && isNil(children))
  );
}

function isNil(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** Not recursive: the request decides how deep its errors go. */
function violationsOfErrors(errors: readonly ValidationErrorLike[]): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const pending = errors.map((error) => ({ error, parent: '' })).toReversed();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { property = '', constraints, children } = next.error;
    const field = appendSegment(next.parent, property);
    for (const description of Object.values(constraints ?? {}).filter(isString)) {
      violations.push({ field, description });
    }
    for (const child of (children ?? []).filter(isValidationError).toReversed()) {
      pending.push({ error: child, parent: field });
    }
  }
  return violations;
}

function fieldOf(segments: readonly string[]): string {
  return segments.reduce(appendSegment, '');
}

function appendSegment(path: string, segment: string): string {
  if (/^\d+$/.test(segment)) {
    return `${path}[${segment}]`;
  }
  return path === '' || segment === '' ? path + segment : `${path}.${segment}`;
}

const SEGMENT = String.raw`[\p{L}\p{N}_$]+`;
const PATH = String.raw`[\p{L}_$][\p{L}\p{N}_$]*(?:\.${SEGMENT}|\[\d+\])*`;

// What Nest puts in front of the text of a nested error.
const PARENT = String.raw`^(?<parent>(?:${SEGMENT}\.)*)`;

// class-validator's own texts that begin with other words than the path.
const OTHER_BEGINNINGS = [
  String.raw`${PARENT}(?:each value in )?All (?<path>${PATH})'s elements `,
  String.raw`${PARENT}(?:each value in )?(?:minimal|maximal) allowed date for (?<path>${PATH}) is `,
  String.raw`${PARENT}(?:each value in )?nested property (?<path>${PATH}) must `,
  String.raw`${PARENT}each value in (?<path>${PATH}) `,
  String.raw`${PARENT}property (?<path>[^]+) should not exist$`,
  String.raw`${PARENT}(?<path>)an unknown value was passed `,
].map((pattern) => new RegExp(pattern, 'u'));

// "Please enter a name" begins with a word too: behind a capital letter, a verb must show that it is a path.
const PATH_FIRST = new RegExp(String.raw`^(?:(?!\p{Lu})${PATH}|${PATH}(?= (?:must|should|is) ))(?= )`, 'u');

function violationOfText(text: string): FieldViolation {
  return { field: fieldOf(pathOf(text).split('.')), description: text };
}

function pathOf(text: string): string {
  const groups = OTHER_BEGINNINGS.map((pattern) => pattern.exec(text)?.groups).find(
    (found) => found !== undefined,
  );
  if (groups === undefined) {
    return PATH_FIRST.exec(text)?.[0] ?? '';
  }
  const { parent = '', path = '' } = groups;
  // An item that is no object: class-validator names the array, and Nest puts the array's path in front.
  const isRepeated =
    `.${parent}`.endsWith(`.${path}.`) && text.startsWith('each value in nested ', parent.length);
  return isRepeated || path === '' ? parent.slice(0, -1) : parent + path;
}

/** A field may break several rules; a caller shows it once. */
function mergeFields(violations: readonly FieldViolation[]): FieldViolation[] {
  const byField = new Map<string, string[]>();
  const merged: { field: string; descriptions: string[] }[] = [];
  for (const { field, description } of violations) {
    const known = field === '' ? undefined : byField.get(field);
    if (known !== undefined) {
      known.push(description);
    } else {
      const descriptions = [description];
      merged.push({ field, descriptions });
      byField.set(field, descriptions);
    }
  }
  return merged.map(({ field, descriptions }) => ({ field, description: descriptions.join('; ') }));
}
