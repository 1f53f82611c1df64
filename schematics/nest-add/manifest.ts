/**
 * What `nest add` changes in package.json: dependencies and a script, where they are missing.
 */
import { type AppTree, type Log, type Manifest, readManifest } from '../app/app-tree.js';
import { BUF, NEST, NESTJS_CONNECT, PROTOBUF } from './versions.js';

type Table = Readonly<Record<string, string>>;

const GENERATE = 'buf generate';

/**
 * Order, indentation and line ends stay.
 *
 * @returns Whether there is something to install.
 * @throws Error For versions of Nest that do not fit.
 */
export function addToManifest(tree: AppTree, log: Log): boolean {
  const manifest = readManifest(tree);
  const present = { ...tableOf(manifest, 'devDependencies'), ...tableOf(manifest, 'dependencies') };
  const protobuf = protobufRange(present, log);
  const dependencies = missing(present, {
    '@bufbuild/protobuf': protobuf,
    '@nestjs/microservices': `^${nestMajor(present)}.0.0`,
    'nestjs-connect': NESTJS_CONNECT,
  });
  const devDependencies = missing(present, {
    '@bufbuild/buf': BUF,
    '@bufbuild/protoc-gen-es': protobuf,
  });
  write(tree, {
    ...manifest,
    scripts: withScript(tableOf(manifest, 'scripts'), log),
    dependencies: sorted({ ...tableOf(manifest, 'dependencies'), ...dependencies }),
    devDependencies: sorted({ ...tableOf(manifest, 'devDependencies'), ...devDependencies }),
  });
  return Object.keys({ ...dependencies, ...devDependencies }).length > 0;
}

/** Code of a newer plugin would not run on the app's run time. "workspace:*", "catalog:" and the like mean nothing for others. */
function protobufRange(present: Table, log: Log): string {
  const range = present['@bufbuild/protobuf'];
  const lowest = range === undefined ? undefined : versionOf(range);
  if (range === undefined || lowest === undefined) {
    return PROTOBUF;
  }
  const needed = versionOf(PROTOBUF) ?? lowest;
  if (lowest[0] < needed[0] || (lowest[0] === needed[0] && lowest[1] < needed[1])) {
    log.warn(`package.json has @bufbuild/protobuf ${range}, and nestjs-connect needs ${PROTOBUF}: update it`);
  }
  return range;
}

/** @returns Major and minor version that a range begins with; `undefined` when it begins with none. */
function versionOf(range: string): readonly [number, number] | undefined {
  const match = /^[\s^~>=v]*(\d+)(?:\.(\d+))?/.exec(range);
  return match === null ? undefined : [Number(match[1]), Number(match[2] ?? 0)];
}

function nestMajor(present: Table): number {
  const range = present['@nestjs/common'];
  if (range === undefined) {
    throw new Error('package.json has no @nestjs/common: run this in the root folder of a Nest app');
  }
  const newest = Math.max(...NEST);
  // "latest", "workspace:*" and the like say nothing; of alternatives the last one is usually the newest.
  const [major] = versionOf(range.split('||').at(-1) ?? range) ?? [newest];
  if (!NEST.some((supported) => supported === major)) {
    throw new Error(
      `nestjs-connect needs Nest ${NEST.join(' or ')}, and package.json has @nestjs/common ${range}`,
    );
  }
  return major;
}

function withScript(scripts: Table, log: Log): Table {
  const { generate } = scripts;
  if (generate !== undefined && !generate.includes(GENERATE)) {
    log.warn(
      `package.json has a script "generate" of its own: add "${GENERATE}" to it, or run npx ${GENERATE}`,
    );
  }
  return generate === undefined ? { ...scripts, generate: GENERATE } : scripts;
}

function write(tree: AppTree, manifest: Manifest): void {
  const before = tree.readText('package.json');
  const indent = /^[^\S\n]+(?=")/m.exec(before)?.[0] ?? '  ';
  const text = `${JSON.stringify(manifest, undefined, indent)}\n`;
  const after = before.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text;
  if (JSON.stringify(JSON.parse(before)) !== JSON.stringify(manifest)) {
    tree.overwrite('package.json', after);
  }
}

function tableOf(manifest: Manifest, field: string): Table {
  // npm itself refuses anything else.
  return (manifest[field] ?? {}) as Table;
}

function missing(present: Table, wanted: Table): Table {
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => !(name in present)));
}

/** As npm writes them. */
function sorted(table: Table): Table {
  return Object.fromEntries(Object.entries(table).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
