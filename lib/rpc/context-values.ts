/**
 * Values that travel with a call inside this process, found by typed keys instead of strings.
 */

/** Names a value and its type. Made by {@link createContextKey}. */
export interface ContextKey<T> {
  readonly id: symbol;
  readonly defaultValue: T;
}

/**
 * ```ts
 * const currentUser = createContextKey<User | undefined>(undefined, 'current user');
 * context.values.set(currentUser, user);       // in a guard
 * context.values.get(currentUser)              // in a handler: User | undefined
 * ```
 *
 * @param defaultValue What {@link ContextValues.get} returns while nothing is set.
 * @param description For debuggers.
 */
export function createContextKey<T>(defaultValue: T, description?: string): ContextKey<T> {
  return Object.freeze({ id: Symbol(description), defaultValue });
}

export class ContextValues {
  readonly #values = new Map<symbol, unknown>();

  /** @returns The value, or the key's default. */
  get<T>(key: ContextKey<T>): T {
    // set() is the only writer, and takes a T for this key.
    return this.#values.has(key.id) ? (this.#values.get(key.id) as T) : key.defaultValue;
  }

  set<T>(key: ContextKey<T>, value: T): this {
    this.#values.set(key.id, value);
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    this.#values.delete(key.id);
    return this;
  }
}
