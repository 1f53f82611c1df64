/**
 * What `nest add` writes for buf: where protos are, and what is generated of them. Files that are there are kept.
 */
import { type AppTree, importExtension, type Log, writeNewFile } from '../app/app-tree.js';

const BUF_YAML = `version: v2
modules:
  - path: proto
lint:
  use: [STANDARD]
`;

const PLUGIN = 'protoc-gen-nestjs-connect';

export function addBufFiles(tree: AppTree, log: Log, sourceRoot: string): void {
  writeNewFile(tree, log, 'buf.yaml', BUF_YAML);
  addTemplate(tree, log, sourceRoot);
  ignoreGenerated(tree, `${sourceRoot}/gen/`);
}

function addTemplate(tree: AppTree, log: Log, sourceRoot: string): void {
  const extension = importExtension(tree) === '' ? 'none' : 'js';
  const out = `${sourceRoot}/gen`;
  const plugins = ['protoc-gen-es', PLUGIN].map((plugin) => pluginTemplate(plugin, out, extension));
  if (!tree.exists('buf.gen.yaml')) {
    tree.create('buf.gen.yaml', `version: v2\nplugins:\n${plugins.join('')}`);
    return;
  }
  // It may generate for another project of a monorepo.
  const template = tree.readText('buf.gen.yaml');
  if (!template.includes(PLUGIN) || !template.includes(out)) {
    log.warn(`buf.gen.yaml is there already, and kept. Add to its plugins:\n${plugins.join('')}`);
  }
}

function pluginTemplate(plugin: string, out: string, extension: string): string {
  return `  - local: ${plugin}
    out: ${out}
    opt:
      - target=ts
      - import_extension=${extension}
`;
}

/** `npm run format` would make generated code differ from what the next run generates. */
function ignoreGenerated(tree: AppTree, folder: string): void {
  const path = '.prettierignore';
  if (!tree.exists(path)) {
    tree.create(path, `${folder}\n`);
    return;
  }
  const lines = tree.readText(path);
  if (!lines.split(/\r?\n/).includes(folder)) {
    tree.overwrite(path, `${lines.trimEnd()}\n${folder}\n`.trimStart());
  }
}
