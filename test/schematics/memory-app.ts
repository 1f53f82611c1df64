/**
 * An app in memory that schematics run over: a tree, a log and the tasks, as the engine hands them over. The engine itself does
 * not load inside jest on Node 20; `engine.spec.ts` has it.
 */
import {
  type AppContext,
  type AppFolder,
  type AppRule,
  type AppTree,
} from '../../schematics/app/app-tree.js';

const MODULE = `import { Module } from '@nestjs/common';
import { AppController } from './app.controller.js';
import { AppService } from './app.service.js';

@Module({
  imports: [],
  controllers: [AppController],
  providers: [AppService],
})
export class AppModule {}
`;

const MANIFEST = {
  name: 'shop',
  type: 'module',
  scripts: { build: 'nest build' },
  dependencies: { '@nestjs/common': '^12.0.1', rxjs: '^7.8.1' },
  devDependencies: { typescript: '^6.0.2' },
};

/** What `nest new` makes, as far as schematics care. */
export const NEW_APP: Readonly<Record<string, string>> = {
  'package.json': `${JSON.stringify(MANIFEST, undefined, 2)}\n`,
  'src/app.module.ts': MODULE,
};

/** The same as CommonJS. */
export const NEW_CJS_APP: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ ...MANIFEST, type: undefined }),
  'src/app.module.ts': MODULE.replaceAll('.js', ''),
};

export class MemoryApp implements AppTree, AppContext {
  readonly tasks: { readonly name: string; readonly options: object }[] = [];
  readonly messages: string[] = [];
  readonly logger = {
    info: (message: string): void => void this.messages.push(message),
    warn: (message: string): void => void this.messages.push(message),
  };
  readonly #files: Map<string, string>;

  constructor(files: Readonly<Record<string, string>> = NEW_APP) {
    this.#files = new Map(Object.entries(files));
  }

  /** Texts by path. */
  get files(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#files);
  }

  run(rule: AppRule): Promise<void> {
    return rule(this, this);
  }

  exists(path: string): boolean {
    return this.#files.has(path);
  }

  readText(path: string): string {
    const text = this.#files.get(path);
    if (text === undefined) {
      throw new Error(`Path "${path}" does not exist.`);
    }
    return text;
  }

  create(path: string, content: string): void {
    if (this.exists(path)) {
      throw new Error(`Path "${path}" already exist.`);
    }
    this.#files.set(path, content);
  }

  overwrite(path: string, content: string): void {
    this.readText(path);
    this.#files.set(path, content);
  }

  getDir(path: string): AppFolder {
    const folder = path.replace(/^\/|\/$/g, '');
    const inFolder = folder === '' ? '' : `${folder}/`;
    return {
      path: `/${folder}`,
      subfiles: [...this.#files.keys()]
        .filter((file) => file.startsWith(inFolder) && !file.slice(inFolder.length).includes('/'))
        .map((file) => file.slice(inFolder.length)),
      parent: folder === '' ? null : this.getDir(folder.split('/').slice(0, -1).join('/')),
    };
  }

  addTask(task: Parameters<AppContext['addTask']>[0]): void {
    this.tasks.push(task.toConfiguration());
  }
}
