/**
 * `ConnectModule.forRoot()` in the app's root module.
 */
import { posix } from 'node:path';
import { type AppTree, type Log } from '../app/app-tree.js';
import { registerIn } from '../app/nearest-module.js';

const BY_HAND = 'add ConnectModule.forRoot() to the imports of the root module';

export function addToRootModule(tree: AppTree, log: Log, sourceRoot: string): void {
  const file = [`${sourceRoot}/app.module.ts`, moduleOfMain(tree, `${sourceRoot}/main.ts`)].find(
    (path) => path !== undefined && tree.exists(path),
  );
  if (file === undefined) {
    log.warn(
      `There is no ${sourceRoot}/app.module.ts, and ${sourceRoot}/main.ts does not tell of another one: ${BY_HAND}.`,
    );
    return;
  }
  registerIn(tree, log, file, [
    {
      property: 'imports',
      element: 'ConnectModule.forRoot()',
      isSame: (element) => /\bConnectModule\b/.test(element),
      imports: [{ name: 'ConnectModule', from: { package: 'nestjs-connect' } }],
      byHand: BY_HAND,
    },
  ]);
}

/** @returns The file of the class that `NestFactory` is given. */
function moduleOfMain(tree: AppTree, main: string): string | undefined {
  const source = tree.exists(main) ? tree.readText(main) : '';
  const name = /\bNestFactory\s*\.\s*create\w*\s*(?:<[^(]*>)?\(\s*(\w+)/.exec(source)?.[1];
  const from = new RegExp(String.raw`^import[^;'"]*\b${name}\b[^;'"]*['"](\.[^'"]*)['"]`, 'm').exec(
    source,
  )?.[1];
  return from === undefined
    ? undefined
    : posix.join(posix.dirname(main), `${from.replace(/\.[jt]s$/, '')}.ts`);
}
