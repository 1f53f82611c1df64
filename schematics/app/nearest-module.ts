/**
 * The module that new classes are registered in: the nearest one, as with Nest's own schematics. Where it is not clear
 * which, or how, the user is told what to write; files are never left half edited.
 */
import { posix } from 'node:path';
import { UneditableSourceError } from '../source/bracket-list.js';
import { addImport } from '../source/imports.js';
import { addToModule, type ModuleElement } from '../source/module-class.js';
import { type AppFolder, type AppTree, importExtension, type Log } from './app-tree.js';
import { importPath, toClassName } from './element.js';

/** A class, and where its module lists it. */
export interface Registration extends ModuleElement {
  readonly imports: readonly {
    readonly name: string;
    /** A package, or a file of the app without its extension. */
    readonly from: { readonly package: string } | { readonly file: string };
  }[];
  /** What to do by hand, for example "list ElizaRpc under controllers". */
  readonly byHand: string;
}

/**
 * @param folder Where the class is; the search goes upwards.
 * @returns The module's file, if it was found.
 */
export function registerNearby(
  tree: AppTree,
  log: Log,
  folder: string,
  registrations: readonly Registration[],
): string[] {
  const [file, ...others] = findModuleFiles(tree.getDir(folder));
  if (file === undefined || others.length > 0) {
    const reason =
      file === undefined
        ? `There is no *.module.ts in ${folder} or above`
        : `It is not clear which module is meant: ${[file, ...others].join(', ')}`;
    log.warn(`${reason}. By hand: ${byHand(registrations)}.`);
    return [];
  }
  registerIn(tree, log, file, registrations);
  return [file];
}

/** All of them, or none. */
export function registerIn(
  tree: AppTree,
  log: Log,
  file: string,
  registrations: readonly Registration[],
): void {
  const source = tree.readText(file);
  try {
    const edited = registrations.reduce(
      (text, registration) => register(tree, file, text, registration),
      toLf(source),
    );
    if (edited !== toLf(source)) {
      tree.overwrite(file, source.includes('\r\n') ? edited.replaceAll('\n', '\r\n') : edited);
    }
  } catch (error) {
    if (!(error instanceof UneditableSourceError)) {
      throw error;
    }
    log.warn(`${file} is left as it is: ${error.message}. By hand: ${byHand(registrations)}.`);
  }
}

function register(tree: AppTree, file: string, source: string, registration: Registration): string {
  const expected = `${toClassName(posix.basename(file, '.module.ts'))}Module`;
  if (addToModule(source, expected, registration) === source) {
    return source;
  }
  const imported = registration.imports.reduce((text, { name, from }) => {
    const path = 'package' in from ? from.package : importPath(file, from.file, importExtension(tree));
    return addImport(text, { name, from: path });
  }, source);
  return addToModule(imported, expected, registration);
}

/** @returns Those of the nearest folder that has some: only the one that is called as the folder, or `app.module.ts`, if it is there. */
function findModuleFiles(folder: AppFolder | null): string[] {
  if (folder === null) {
    return [];
  }
  const files = folder.subfiles.filter((name) => name.endsWith('.module.ts'));
  const named = [`${posix.basename(folder.path)}.module.ts`, 'app.module.ts'].find((name) =>
    files.includes(name),
  );
  const chosen = named === undefined ? files : [named];
  return chosen.length === 0
    ? findModuleFiles(folder.parent)
    : chosen.map((name) => posix.join(folder.path, name).replace(/^\//, ''));
}

function byHand(registrations: readonly Registration[]): string {
  return registrations.map((registration) => registration.byHand).join('; ');
}

function toLf(source: string): string {
  return source.replaceAll('\r\n', '\n');
}
