/**
 * `nest add nestjs-connect`: everything that an app needs once. Run again, it changes nothing.
 */
import { type AppRule } from '../app/app-tree.js';
import { addBufFiles } from './buf-files.js';
import { addToManifest } from './manifest.js';
import { addToRootModule } from './root-module.js';

/** What `nest add` passes. */
export interface AddOptions {
  readonly sourceRoot?: string;
  readonly skipInstall?: boolean;
}

/** @throws Error When this is no Nest app, or one of a version that does not fit; here or when the rule runs. */
export function nestAdd({ sourceRoot = 'src', skipInstall = false }: AddOptions): AppRule {
  return async (tree, context) => {
    const hasToInstall = addToManifest(tree, context.logger);
    addBufFiles(tree, context.logger, sourceRoot);
    addToRootModule(tree, context.logger, sourceRoot);
    if (hasToInstall && !skipInstall) {
      // NodePackageInstallTask, without its import.
      context.addTask({ toConfiguration: () => ({ name: 'node-package', options: { command: 'install' } }) });
    }
  };
}
