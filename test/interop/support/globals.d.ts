/**
 * A global of the browser's library that the types of `@connectrpc/connect` name, and Node's do not have.
 */
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;
