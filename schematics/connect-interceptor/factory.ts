/**
 * `nest g connect-interceptor NAME`: an injectable interceptor of client calls, and a spec. Where it belongs, under
 * `interceptors` of a channel, is for the app to say, as with Nest's own guards and interceptors.
 */
import { type AppRule, importExtension, writeNewFile } from '../app/app-tree.js';
import { type ElementOptions, importPath, readElement } from '../app/element.js';
import { formatFiles } from '../app/format.js';
import { interceptorTemplate, specTemplate } from './templates.js';

/** @throws Error For names that no class can have, here or when the rule runs. */
export function connectInterceptor(options: ElementOptions): AppRule {
  return async (tree, { logger }) => {
    const element = readElement(options);
    // Not NAME.interceptor.ts: those are Nest's, around handlers.
    const file = `${element.folder}/${element.fileName}.client-interceptor`;
    const spec = `${file}.${options.specFileSuffix ?? 'spec'}.ts`;
    const className = `${element.className}ClientInterceptor`;
    const interceptorImport = importPath(file, file, importExtension(tree));

    writeNewFile(tree, logger, `${file}.ts`, interceptorTemplate(className));
    if (options.spec !== false) {
      writeNewFile(tree, logger, spec, specTemplate(className, interceptorImport));
    }
    if (options.format === true) {
      await formatFiles(tree, logger, [`${file}.ts`, spec]);
    }
  };
}
