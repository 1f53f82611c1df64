/**
 * Where things are, independent of the folder that the benchmark is started in.
 */
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The folder of the benchmark. */
export const BENCH = fileURLToPath(new URL('.', import.meta.url));

/** The programs in Go. */
export const GO_BIN = `${ROOT}.tools/bin/bench/`;

/** The service, as it is in every path. */
export const SERVICE_PATH = '/bench.v1.BenchService';
