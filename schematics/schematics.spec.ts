/**
 * The schematics over an app in memory: what they write, what they keep, and what they say when something is in the way.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { MemoryApp, NEW_APP, NEW_CJS_APP } from '../test/schematics/memory-app.js';
import { prettified } from '../test/schematics/written-files.js';
import { type ElementOptions } from './app/element.js';
import { connectClient } from './connect-client/factory.js';
import { connectInterceptor } from './connect-interceptor/factory.js';
import { connectService } from './connect-service/factory.js';
import { nestAdd } from './nest-add/factory.js';
import { BUF, NEST, NESTJS_CONNECT, PROTOBUF } from './nest-add/versions.js';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

const ELEMENTS = {
  'connect-service': connectService,
  'connect-client': connectClient,
  'connect-interceptor': connectInterceptor,
};
const KINDS = Object.keys(ELEMENTS) as (keyof typeof ELEMENTS)[];

/** What the CLI sends with every `nest g`. */
const DEFAULTS = { sourceRoot: 'src', flat: false, spec: true, language: 'ts' };

function newFiles(app: MemoryApp, before: Readonly<Record<string, string>>): string[] {
  return Object.keys(app.files).filter((path) => !(path in before));
}

async function generate(
  kind: keyof typeof ELEMENTS,
  options: ElementOptions,
  app = new MemoryApp(),
): Promise<MemoryApp> {
  await app.run(ELEMENTS[kind]({ ...DEFAULTS, ...options }));
  return app;
}

/** Every relative import of a file, as a path in the app without its extension. */
function relativeImports(path: string, source: string): string[] {
  return [...source.matchAll(/from '(\.[^']*)'/g)].map(([, from = '']) =>
    posix.join(posix.dirname(path), from.replace(/\.js$/, '')),
  );
}

/** A proto with a comment that says otherwise. */
const protoOf = (...rpcs: readonly string[]): string =>
  `package eliza.v1;\n// rpc Converse(stream ConverseRequest) returns (stream ConverseResponse);\nservice ElizaService {\n${rpcs.join('\n')}\n}\n`;

async function add(files: Readonly<Record<string, string>>, options = {}): Promise<MemoryApp> {
  const app = new MemoryApp(files);
  await app.run(nestAdd({ sourceRoot: 'src', ...options }));
  return app;
}

function manifestWith(fields: object): string {
  return JSON.stringify({ dependencies: { '@nestjs/common': '^12.0.1' }, ...fields });
}

it('need nothing but Node when they run, whatever compiler and schematics the app has', () => {
  const sources = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'),
  );
  const imported = sources.flatMap((name) => {
    const source = readFileSync(join(FOLDER, name), 'utf8');
    const { importedFiles } = ts.preProcessFile(source);
    return importedFiles.map(({ fileName }) => fileName).filter((specifier) => !specifier.startsWith('.'));
  });
  // Prettier for --format, which does without when the app has none.
  expect(new Set(imported)).toEqual(new Set(['node:path', 'prettier']));
});

describe('names', () => {
  it.each<[options: ElementOptions, files: readonly string[], registered: string]>([
    [{ name: 'eliza' }, ['proto/eliza/v1/eliza.proto', 'src/eliza/eliza.rpc.ts'], 'ElizaRpc'],
    [
      { name: 'InvoiceLine' },
      ['proto/invoice_line/v1/invoice_line.proto', 'src/invoice-line/invoice-line.rpc.ts'],
      'InvoiceLineRpc',
    ],
    [
      { name: 'billing/invoice-line' },
      ['proto/billing/invoice_line/v1/invoice_line.proto', 'src/billing/invoice-line/invoice-line.rpc.ts'],
      'InvoiceLineRpc',
    ],
    [
      { name: 'invoice-line', path: 'billing' },
      ['proto/billing/invoice_line/v1/invoice_line.proto', 'src/billing/invoice-line/invoice-line.rpc.ts'],
      'InvoiceLineRpc',
    ],
    [{ name: '/foo.bar/' }, ['proto/foo_bar/v1/foo_bar.proto', 'src/foo.bar/foo.bar.rpc.ts'], 'FooBarRpc'],
    [{ name: 'v2_line' }, ['proto/v2_line/v1/v2_line.proto', 'src/v2_line/v2_line.rpc.ts'], 'V2LineRpc'],
    [{ name: 'a/b', flat: true }, ['proto/a/b/v1/b.proto', 'src/a/b.rpc.ts'], 'BRpc'],
    [{ name: 'b', flat: true }, ['proto/b/v1/b.proto', 'src/b.rpc.ts'], 'BRpc'],
    [{ name: 'b', sourceRoot: 'apps/shop/src' }, ['proto/b/v1/b.proto', 'apps/shop/src/b/b.rpc.ts'], 'BRpc'],
  ])('of %j are files, classes and packages', async (options, files, registered) => {
    const app = new MemoryApp({
      ...NEW_APP,
      'apps/shop/src/app.module.ts': NEW_APP['src/app.module.ts'] ?? '',
    });
    const before = app.files;
    await generate('connect-service', { ...options, spec: false }, app);
    expect(newFiles(app, before)).toEqual(files);

    const [proto = '', rpc = ''] = files;
    const folder = posix.dirname(posix.relative('proto', proto));
    expect(app.readText(proto)).toContain(`package ${folder.replaceAll('/', '.')};`);
    expect(app.readText(rpc)).toContain(`export class ${registered} {`);
    const sourceRoot = options.sourceRoot ?? 'src';
    expect(relativeImports(rpc, app.readText(rpc))).toEqual([
      `${sourceRoot}/gen/${folder}/${posix.basename(proto, '.proto')}_pb`,
    ]);
    expect(app.readText(`${sourceRoot}/app.module.ts`)).toContain(
      `controllers: [AppController, ${registered}],`,
    );
  });

  it.each(['', '/', '..', '../eliza', 'a/../b', '1st', '-a', 'a-', 'a--b', 'größe', 'a$', 'a b!'])(
    'that no class or package can have are refused: %j',
    async (name) => {
      const app = new MemoryApp();
      await expect(generate('connect-service', { name }, app)).rejects.toThrow(
        `"${name}" cannot be the name`,
      );
      expect(app.files).toEqual(NEW_APP);
    },
  );

  it.each(['connect', 'x/connect', 'Connect'])(
    'of a service must not be the decorator’s: %j',
    async (name) => {
      for (const kind of ['connect-service', 'connect-client'] as const) {
        const app = new MemoryApp();
        await expect(generate(kind, { name }, app)).rejects.toThrow(`"${name}" makes a service`);
        expect(app.files).toEqual(NEW_APP);
      }
      const app = await generate('connect-interceptor', { name }, new MemoryApp());
      expect(newFiles(app, NEW_APP)).toHaveLength(2);
    },
  );
});

describe.each(KINDS)('%s', (kind) => {
  it.each([
    ['an ES module', NEW_APP, '.js'],
    ['CommonJS', NEW_CJS_APP, ''],
  ])('imports as %s does, and only what will be there', async (_, files, extension) => {
    const app = await generate(kind, { name: 'billing/invoice-line' }, new MemoryApp(files));
    const sources = newFiles(app, files).filter((path) => path.endsWith('.ts'));
    expect(sources).toHaveLength(2);
    for (const path of [...sources, 'src/app.module.ts']) {
      const source = app.readText(path);
      const endings = [...source.matchAll(/from '\.[^']*?(\.js)?'/g)].map(([, ending = '']) => ending);
      expect(new Set(endings)).toEqual(new Set(endings.length === 0 ? [] : [extension]));
      const there = relativeImports(path, source).filter((file) => !/src\/(?:gen|app)\b/.test(file));
      expect(there.filter((file) => !app.exists(`${file}.ts`))).toEqual([]);
    }
  });

  it('writes what prettier would, whatever the length of the name', async () => {
    for (const length of [1, 14, 20, 21, 25, 30]) {
      const app = await generate(kind, { name: 'x'.repeat(length) });
      for (const [path, source] of Object.entries(app.files).filter(([file]) => file.endsWith('.ts'))) {
        expect([path, source]).toEqual([path, await prettified(source)]);
      }
    }
  });

  it('changes nothing the second time, not even what was edited in between', async () => {
    const app = await generate(kind, { name: 'eliza' });
    const [source = ''] = newFiles(app, NEW_APP).filter((path) => path.endsWith('.ts'));
    app.overwrite(source, '// mine\n');
    const before = app.files;
    await generate(kind, { name: 'eliza' }, app);
    expect(app.files).toEqual(before);
    expect(app.messages).toContain(`${source} is there already, and kept`);
  });

  it('takes the options of nest g', async () => {
    const bare = await generate(kind, { name: 'eliza', spec: false, skipImport: true });
    expect(newFiles(bare, NEW_APP).filter((path) => path.endsWith('.ts'))).toHaveLength(1);
    expect(bare.readText('src/app.module.ts')).toBe(NEW_APP['src/app.module.ts']);

    const suffixed = await generate(kind, { name: 'eliza', specFileSuffix: 'test' });
    expect(newFiles(suffixed, NEW_APP)).toContainEqual(
      expect.stringMatching(/^src\/eliza\/eliza\.[\w-]+\.test\.ts$/),
    );
  });

  it.each<
    [what: string, files: Readonly<Record<string, string>>, options: Partial<ElementOptions>, message: string]
  >([
    ['outside of an app', {}, {}, 'there is no package.json here'],
    ['with a package.json that is none', { 'package.json': '{' }, {}, 'package.json cannot be read'],
    ['in JavaScript', NEW_APP, { language: 'js' }, 'nestjs-connect writes TypeScript only'],
  ])('writes nothing %s', async (_, files, options, message) => {
    const app = new MemoryApp(files);
    await expect(generate(kind, { name: 'eliza', ...options }, app)).rejects.toThrow(message);
    expect(app.files).toEqual(files);
  });

  it('formats with the app’s own prettier when it is asked to', async () => {
    const app = await generate(kind, { name: 'a-name-of-more-than-thirty-characters', format: true });
    const [source = ''] = newFiles(app, NEW_APP).filter((path) => path.endsWith('.ts'));
    // That of this repository, which is where jest runs: wider than what the templates are laid out for.
    expect(app.readText(source)).toMatch(/^.{81,110}$/m);
  });
});

describe('a proto that is there', () => {
  const PATH = 'proto/eliza/v1/eliza.proto';
  const SAY = 'rpc Say(SayRequest) returns (SayResponse);';

  it.each<[kind: keyof typeof ELEMENTS, proto: string]>([
    ['connect-client', protoOf(SAY)],
    [
      'connect-service',
      protoOf(
        SAY,
        'rpc Introduce ( IntroduceRequest ) returns (stream IntroduceResponse);',
        'rpc Converse(stream ConverseRequest)\n  returns (stream ConverseResponse) {}',
        'rpc More(SayRequest) returns (SayResponse);',
      ),
    ],
  ])('is kept by %s when it fits', async (kind, proto) => {
    const app = await generate(kind, { name: 'eliza' }, new MemoryApp({ ...NEW_APP, [PATH]: proto }));
    expect(app.readText(PATH)).toBe(proto);
    expect(newFiles(app, { ...NEW_APP, [PATH]: proto })).toHaveLength(2);
  });

  it.each<[kind: keyof typeof ELEMENTS, proto: string, message: string]>([
    ['connect-service', protoOf(SAY), 'without the rpc Introduce, Converse'],
    ['connect-client', protoOf('rpc Say(Words) returns (Words);'), 'without the rpc Say'],
    ['connect-client', `service Eliza { ${SAY} }`, 'without the service ElizaService'],
  ])('stops %s when it does not fit', async (kind, proto, message) => {
    const files = { ...NEW_APP, [PATH]: proto };
    const app = new MemoryApp(files);
    await expect(generate(kind, { name: 'eliza' }, app)).rejects.toThrow(message);
    expect(app.files).toEqual(files);
  });
});

describe('connect-client', () => {
  it('registers a channel for each service, and each class', async () => {
    const app = await generate('connect-client', { name: 'eliza' });
    await generate('connect-client', { name: 'billing/invoice-line' }, app);
    expect(app.readText('src/app.module.ts')).toContain(`@Module({
  imports: [
    ConnectClientsModule.register([
      {
        url: process.env['ELIZA_URL'] ?? 'http://localhost:3000',
        services: [ElizaServiceClient],
      },
      {
        url: process.env['INVOICE_LINE_URL'] ?? 'http://localhost:3000',
        services: [InvoiceLineServiceClient],
      },
    ]),
  ],
  controllers: [AppController],
  providers: [AppService, ElizaClient, InvoiceLineClient],
})`);
  });

  it('registers all or nothing', async () => {
    const module = "import { Module } from '@nestjs/common';\n@Module({ providers })\nclass AppModule {}\n";
    const app = await generate(
      'connect-client',
      { name: 'eliza' },
      new MemoryApp({ ...NEW_APP, 'src/app.module.ts': module }),
    );
    expect(app.readText('src/app.module.ts')).toBe(module);
    expect(app.messages).toEqual([
      'src/app.module.ts is left as it is: its providers are not a plain list. By hand: add ConnectClientsModule.register(' +
        '[{ url, services: [ElizaServiceClient] }]) to imports; list ElizaClient under providers.',
    ]);
  });
});

describe('nest-add', () => {
  const INSTALL = { name: 'node-package', options: { command: 'install' } };

  it.each([
    ['an ES module', NEW_APP, 'js'],
    ['CommonJS', NEW_CJS_APP, 'none'],
  ])('gives %s all that it needs, once', async (_, files, extension) => {
    const app = await add(files);
    expect(JSON.parse(app.readText('package.json'))).toMatchObject({
      scripts: { build: 'nest build', generate: 'buf generate' },
      dependencies: {
        '@bufbuild/protobuf': PROTOBUF,
        '@nestjs/common': '^12.0.1',
        '@nestjs/microservices': '^12.0.0',
        'nestjs-connect': NESTJS_CONNECT,
        rxjs: '^7.8.1',
      },
      devDependencies: { '@bufbuild/buf': BUF, '@bufbuild/protoc-gen-es': PROTOBUF, typescript: '^6.0.2' },
    });
    const options = `    out: src/gen\n    opt:\n      - target=ts\n      - import_extension=${extension}\n`;
    expect(app.readText('buf.gen.yaml')).toBe(
      `version: v2\nplugins:\n  - local: protoc-gen-es\n${options}  - local: protoc-gen-nestjs-connect\n${options}`,
    );
    expect(app.readText('buf.yaml')).toContain('- path: proto\n');
    expect(app.readText('.prettierignore')).toBe('src/gen/\n');
    expect(app.readText('src/app.module.ts')).toContain('imports: [ConnectModule.forRoot()],');
    expect(app.tasks).toEqual([INSTALL]);

    const before = app.files;
    await app.run(nestAdd({ sourceRoot: 'src' }));
    expect(app.files).toEqual(before);
    expect(app.tasks).toEqual([INSTALL]);
  });

  it('keeps what is there, and says what to add to it', async () => {
    const files = {
      'package.json': manifestWith({
        scripts: { generate: 'prisma generate' },
        devDependencies: { '@bufbuild/protobuf': '2.17.0', '@bufbuild/buf': '1.0.0' },
      }),
      'buf.yaml': 'version: v2\n',
      'buf.gen.yaml': 'version: v2\nplugins: []\n',
      '.prettierignore': 'dist',
      'src/app.module.ts':
        "import { ConnectModule } from 'nestjs-connect';\n@Module({ imports: [ConnectModule.forRoot({ prefix: 'rpc' })] })\nclass AppModule {}\n",
    };
    const app = await add(files);
    expect(app.files).toMatchObject({
      ...files,
      'package.json': expect.anything(),
      '.prettierignore': 'dist\nsrc/gen/\n',
    });
    expect(JSON.parse(app.readText('package.json'))).toMatchObject({
      scripts: { generate: 'prisma generate' },
      // Its code must not be newer than the run time.
      devDependencies: { '@bufbuild/buf': '1.0.0', '@bufbuild/protoc-gen-es': '2.17.0' },
    });
    expect(app.messages).toEqual([
      expect.stringContaining('a script "generate" of its own'),
      'buf.yaml is there already, and kept',
      expect.stringMatching(
        /^buf\.gen\.yaml is there already, and kept\. Add to its plugins:\n  - local: protoc-gen-es\n/,
      ),
    ]);
  });

  it.each([
    ['^11.0.1', '^11.0.0'],
    ['12.5.1', '^12.0.0'],
    ['~12.1', '^12.0.0'],
    ['>= 11', '^11.0.0'],
    ['^11.0.0 || ^12.0.0', '^12.0.0'],
    ['latest', '^12.0.0'],
    ['workspace:*', '^12.0.0'],
  ])('takes @nestjs/microservices for @nestjs/common %s', async (common, expected) => {
    const app = await add({
      ...NEW_APP,
      'package.json': manifestWith({ dependencies: { '@nestjs/common': common } }),
    });
    expect(JSON.parse(app.readText('package.json'))).toMatchObject({
      dependencies: { '@nestjs/microservices': expected },
    });
  });

  it.each([
    [undefined, '^2.17.0', 0],
    ['2.17.3', '2.17.3', 0],
    ['^2.17.0', '^2.17.0', 0],
    ['^3.0.0', '^3.0.0', 0],
    ['catalog:', '^2.17.0', 0],
    ['workspace:*', '^2.17.0', 0],
    ['~2.6.3', '~2.6.3', 1],
    ['^1.10.0', '^1.10.0', 1],
  ])(
    'takes protoc-gen-es for @bufbuild/protobuf %s: %s, with %d warnings',
    async (protobuf, expected, warnings) => {
      const dependencies = {
        '@nestjs/common': '^12.0.0',
        ...(protobuf && { '@bufbuild/protobuf': protobuf }),
      };
      const app = await add({ ...NEW_APP, 'package.json': manifestWith({ dependencies }) });
      expect(JSON.parse(app.readText('package.json'))).toMatchObject({
        dependencies: { '@bufbuild/protobuf': protobuf ?? expected },
        devDependencies: { '@bufbuild/protoc-gen-es': expected },
      });
      expect(app.messages).toHaveLength(warnings);
      expect(app.messages.join()).toMatch(
        /^(?:package\.json has @bufbuild\/protobuf .* needs \^2\.17\.0: update it)?$/,
      );
    },
  );

  it('tells what to add to buf.gen.yaml for another project of a monorepo, and nothing for the same one', async () => {
    const projects = {
      'apps/admin/src/app.module.ts': NEW_APP['src/app.module.ts'] ?? '',
      'apps/shop/src/app.module.ts': NEW_APP['src/app.module.ts'] ?? '',
    };
    const app = await add({ ...NEW_APP, ...projects }, { sourceRoot: 'apps/admin/src' });
    await app.run(nestAdd({ sourceRoot: 'apps/shop/src' }));
    const [message = '', ...others] = app.messages.filter((text) => text.startsWith('buf.gen.yaml'));
    expect([message.split('out: ').slice(1), others]).toEqual([
      [expect.stringMatching(/^apps\/shop\/src\/gen\n/), expect.stringMatching(/^apps\/shop\/src\/gen\n/)],
      [],
    ]);
    await app.run(nestAdd({ sourceRoot: 'apps/admin/src' }));
    expect(app.messages.filter((text) => text.startsWith('buf.gen.yaml'))).toEqual([message]);
  });

  it.each([
    ['Nest 10', manifestWith({ dependencies: { '@nestjs/common': '^10.4.0' } }), 'needs Nest 11 or 12'],
    ['no Nest', manifestWith({ dependencies: {} }), 'has no @nestjs/common'],
  ])('refuses apps with %s', async (_, manifest, message) => {
    const app = new MemoryApp({ ...NEW_APP, 'package.json': manifest });
    const before = app.files;
    await expect(app.run(nestAdd({}))).rejects.toThrow(message);
    expect(app.files).toEqual(before);
  });

  it('leaves the installation to the user when it is told to', async () => {
    expect((await add(NEW_APP, { skipInstall: true })).tasks).toEqual([]);
  });

  it('keeps indentation and line ends of package.json', async () => {
    const manifest = JSON.stringify(JSON.parse(NEW_APP['package.json'] ?? ''), undefined, '\t').replaceAll(
      '\n',
      '\r\n',
    );
    const app = await add({ ...NEW_APP, 'package.json': manifest });
    const text = app.readText('package.json');
    expect(text).toContain(
      '\r\n\t"scripts": {\r\n\t\t"build": "nest build",\r\n\t\t"generate": "buf generate"\r\n\t}',
    );
    expect(text.replaceAll('\r\n', '')).not.toContain('\n');
  });

  it.each(['.js', '.ts', ''])(
    'finds the root module by main.ts when it has another name: %j',
    async (extension) => {
      const shop = {
        'src/shop/shop.module.ts':
          "import { Module } from '@nestjs/common';\n@Module({})\nexport class ShopModule {}\n",
      };
      const main =
        `import { NestFactory } from '@nestjs/core';\nimport { ShopModule } from './shop/shop.module${extension}';\n` +
        'const app = await NestFactory.create<NestExpressApplication>(ShopModule);\n';
      const app = await add({ 'package.json': manifestWith({}), 'src/main.ts': main, ...shop });
      expect(app.readText('src/shop/shop.module.ts')).toContain(
        '@Module({ imports: [ConnectModule.forRoot()] })',
      );
    },
  );

  it('says what to do when there is no root module', async () => {
    const app = await add({ 'package.json': manifestWith({}) });
    expect(app.messages).toEqual([
      expect.stringContaining('add ConnectModule.forRoot() to the imports of the root module'),
    ]);
  });

  it('adds the versions that this package is built with', () => {
    const ours = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
      peerDependencies: Record<string, string>;
      devDependencies: Record<string, string>;
    };
    expect({
      NESTJS_CONNECT,
      PROTOBUF,
      BUF,
      NEST: NEST.map((major) => `^${major}.0.0`).join(' || '),
    }).toEqual({
      NESTJS_CONNECT: `^${ours.version}`,
      PROTOBUF: ours.peerDependencies['@bufbuild/protobuf'],
      BUF: `^${ours.devDependencies['@bufbuild/buf']}`,
      NEST: ours.peerDependencies['@nestjs/common'],
    });
    expect(PROTOBUF).toBe(`^${ours.devDependencies['@bufbuild/protoc-gen-es']}`);
  });
});
