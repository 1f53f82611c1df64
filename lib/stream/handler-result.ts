/**
 * The shapes in which handlers return, told apart by what they can do.
 *
 * Never by class: an application may load a second copy of RxJS or bring promises of its own.
 */

/** @returns True for promises and everything else that can be awaited. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/** @returns True for what can be iterated; strings cannot, nobody means their characters. */
export function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

/** @returns The kind of value for an error message, without its content, for example `"a string"`. */
export function describeResult(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  if (typeof value !== 'object') {
    return `a ${typeof value}`;
  }
  if (Symbol.asyncIterator in value) {
    return 'an async iterable';
  }
  if (Symbol.iterator in value) {
    return 'an iterable';
  }
  const typeName = (value as { $typeName?: unknown }).$typeName;
  return typeof typeName === 'string' ? `one message ${typeName}` : 'a plain object';
}
