/**
 * What `nest add nestjs-connect` adds to package.json. A test compares the ranges with our own package.json.
 */

/** Ours. */
export const NESTJS_CONNECT = '^0.1.0';
/** The run time of generated code, and the plugin that generates it: they belong together. */
export const PROTOBUF = '^2.17.0';
export const BUF = '^1.75.0';
/** Major versions. */
export const NEST = [11, 12] as const;
