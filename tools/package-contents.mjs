/**
 * What must hold for the files of the package, beyond what publint and are-the-types-wrong look at. Each check takes the
 * unpacked package and returns what is wrong, one line each.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import typescript from 'typescript';
import { run } from './child-process.mjs';
import { ROOT } from './tarball.mjs';

const MAX_UNPACKED_BYTES = 1_500_000;

/** What users need; everything else that is packed is a mistake in "files". */
const ALLOWED = [
  /^(?:package\.json|README\.md|LICENSE)$/,
  /^dist\/lib\/.+\.(?:js|d\.ts)$/,
  /^dist\/schematics\/.+\.(?:js|json)$/,
  /^dist\/generator\/protoc-gen-nestjs-connect\.mjs$/,
];
/** What no pattern above may let in. */
const FORBIDDEN_NAMES = /\.(?:spec|test)\.|\.map$|\.tsbuildinfo$|\/(?:golden|test|sample|fixtures)\//;

/** What the machine of whoever publishes leaves behind. */
const FORBIDDEN_TEXTS = [
  ['a path of a machine', /(?:\/(?:work|root|home|Users|tmp)\/[\w.-]+\/|[A-Z]:\\Users\\)/],
  ['a package registry', /https?:\/\/[^\s'"`]*(?:registry|artifactory|verdaccio|nexus)[^\s'"`]*/i],
  ['a secret', /_authToken|\bnpm_\w{36}\b|BEGIN [A-Z ]*PRIVATE KEY/],
];

/** @param folder Of the unpacked package. */
export function readPackage(folder, unpackedBytes) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
  const texts = new Map(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
  return { folder, files, texts, unpackedBytes, manifest: JSON.parse(texts.get('package.json')) };
}

/** Names of checks, and the checks. */
export const CONTENT_CHECKS = [
  ['holds what users need, and nothing else', findUnwantedFiles],
  [`is under ${MAX_UNPACKED_BYTES.toLocaleString('en-US')} bytes, unpacked`, findExcess],
  ['has nothing of the machine that packed it', findUnwantedTexts],
  ['has no file that lost its source', findStaleFiles],
  ['has every file that package.json and collection.json name', findMissingTargets],
  ['finds every module that it imports', findMissingImports],
  ['has programs that run on their own', findBrokenPrograms],
];

function findUnwantedFiles({ files }) {
  return files
    .filter((file) => FORBIDDEN_NAMES.test(file) || !ALLOWED.some((pattern) => pattern.test(file)))
    .map((file) => `${file} is of no use to users: leave it out by "files" in package.json`);
}

function findExcess({ unpackedBytes }) {
  return unpackedBytes < MAX_UNPACKED_BYTES ? [] : [`${unpackedBytes} bytes`];
}

function findUnwantedTexts({ texts }) {
  return [...texts].flatMap(([file, text]) =>
    FORBIDDEN_TEXTS.flatMap(([name, pattern]) => {
      const match = pattern.exec(text);
      return match === null ? [] : [`${file} has ${name}: ${match[0]}`];
    }),
  );
}

/** The compiler never deletes what it wrote for a file that was moved since. */
function findStaleFiles({ files }) {
  return files
    .filter((file) => /^dist\/.+\.(?:js|d\.ts)$/.test(file))
    .filter(
      (file) => !existsSync(join(ROOT, file.replace(/^dist\//, '').replace(/(?:\.d\.ts|\.js)$/, '.ts'))),
    )
    .map((file) => `${file} has no source: run "npm run build", which removes it`);
}

function findMissingTargets({ files, manifest, texts }) {
  const { exports, main, types, typesVersions, bin, schematics } = manifest;
  const targets = stringsIn({ exports, main, types, typesVersions, bin, schematics });
  const fromManifest = targets
    .filter((target) => !files.includes(posix.normalize(target)))
    .map((target) => `package.json names ${target}, which is not packed`);
  return [...fromManifest, ...findMissingSchematics({ files, texts, collection: schematics })];
}

function findMissingSchematics({ files, texts, collection }) {
  const path = collection === undefined ? undefined : posix.normalize(collection);
  if (path === undefined || !texts.has(path)) {
    return ['there is no schematics collection'];
  }
  return Object.entries(JSON.parse(texts.get(path)).schematics).flatMap(([name, { factory, schema }]) =>
    [factory.split('#')[0], schema]
      .filter((target) => target !== undefined)
      .map((target) => posix.join(posix.dirname(path), target))
      // The engine adds the ending of a factory by itself.
      .filter((target) => !files.includes(target) && !files.includes(`${target}.js`))
      .map((target) => `the schematic ${name} names ${target}, which is not packed`),
  );
}

function stringsIn(value) {
  if (typeof value === 'string') {
    return [value];
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function findMissingImports({ files, texts, manifest }) {
  const { dependencies = {}, peerDependencies = {} } = manifest;
  const installed = new Set(Object.keys({ ...dependencies, ...peerDependencies }));
  const isFound = (file, specifier) =>
    specifier.startsWith('.')
      ? files.includes(targetOf(file, specifier))
      : isBuiltin(specifier) || installed.has(packageOf(specifier));
  return [...texts]
    .filter(([file]) => /\.(?:m?js|d\.ts)$/.test(file))
    .flatMap(([file, text]) =>
      importsIn(text)
        .filter((specifier) => !isFound(file, specifier))
        .map((specifier) => `${file} imports "${specifier}", which users do not have`),
    );
}

/** As the compiler finds them, which knows comments and the templates of the schematics for what they are. */
function importsIn(text) {
  return typescript.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function targetOf(file, specifier) {
  const target = posix.join(posix.dirname(file), specifier);
  return file.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target;
}

function packageOf(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** In the unpacked package, with no node_modules beside it. */
async function findBrokenPrograms({ folder, manifest, texts }) {
  const programs = Object.entries(manifest.bin ?? {});
  if (programs.length === 0) {
    return ['package.json has no "bin"'];
  }
  const problems = [];
  for (const [name, target] of programs) {
    const path = join(folder, target);
    if ((statSync(path).mode & 0o111) !== 0o111) {
      problems.push(`${name} is not executable`);
    }
    if (!texts.get(posix.normalize(target)).startsWith('#!/usr/bin/env node\n')) {
      problems.push(`${name} does not begin with #!/usr/bin/env node`);
    }
    const printed = await run(process.execPath, [path, '--version'], { cwd: folder });
    if (!printed.includes(manifest.version)) {
      problems.push(`${name} --version printed "${printed.trim()}" instead of ${manifest.version}`);
    }
  }
  return problems;
}
