/**
 * A mistake in how services are declared or options are set; found when the application starts.
 */

/** Its message names the class, the method, and the fix. */
export class ConnectConfigError extends Error {
  override readonly name = 'ConnectConfigError';
}
