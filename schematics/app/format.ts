/**
 * `nest g --format`: what was written, by the app's own prettier and its configuration, as Nest's own schematics do.
 */
import { type AppTree, type Log } from './app-tree.js';

/** Does nothing to files that are not there. */
export async function formatFiles(tree: AppTree, log: Log, paths: readonly string[]): Promise<void> {
  // Optional, and loaded only when it is asked for.
  const prettier = await import('prettier').catch(() => undefined);
  if (prettier === undefined) {
    log.warn('--format needs prettier: npm install --save-dev prettier');
    return;
  }
  for (const path of paths.filter((candidate) => tree.exists(candidate))) {
    const source = tree.readText(path);
    const options = (await prettier.resolveConfig(path)) ?? {};
    const formatted = await prettier.format(source, { ...options, filepath: path });
    if (formatted !== source) {
      tree.overwrite(path, formatted);
    }
  }
}
