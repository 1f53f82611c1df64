/**
 * Where the engine reports what no caller can be told. Nest's `Logger` and `console` fit.
 */
export interface EngineLogger {
  warn(message: string): void;
  error(message: string, cause?: unknown): void;
}
