/**
 * What the schematics see of an app: the part of @angular-devkit's `Tree` and `SchematicContext` that they use, written out,
 * so that they need neither when they run.
 */

/** A folder, with the names of its files. */
export interface AppFolder {
  readonly path: string;
  readonly subfiles: readonly string[];
  readonly parent: AppFolder | null;
}

/** The app's files; paths are relative to the folder of package.json. */
export interface AppTree {
  exists(path: string): boolean;
  readText(path: string): string;
  create(path: string, content: string): void;
  overwrite(path: string, content: string): void;
  getDir(path: string): AppFolder;
}

/** What the user is told. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

/** A run of a schematic. */
export interface AppContext {
  readonly logger: Log;
  addTask(task: { toConfiguration(): { readonly name: string; readonly options: object } }): unknown;
}

/** What a factory returns. */
export type AppRule = (tree: AppTree, context: AppContext) => Promise<void>;

/** package.json, as far as it is read. */
export interface Manifest {
  readonly type?: string;
  readonly [field: string]: unknown;
}

/** @throws Error When there is none, or one that cannot be read. */
export function readManifest(tree: AppTree): Manifest {
  if (!tree.exists('package.json')) {
    throw new Error('there is no package.json here: run this in the root folder of the app');
  }
  try {
    return JSON.parse(tree.readText('package.json')) as Manifest;
  } catch (cause) {
    throw new Error(`package.json cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** @returns What relative imports end in: Node wants an extension in ES modules. */
export function importExtension(tree: AppTree): '.js' | '' {
  return readManifest(tree).type === 'module' ? '.js' : '';
}

/** Never changes a file that is there: it may have been edited. */
export function writeNewFile(tree: AppTree, log: Log, path: string, content: string): void {
  if (tree.exists(path)) {
    log.info(`${path} is there already, and kept`);
    return;
  }
  tree.create(path, content);
}
