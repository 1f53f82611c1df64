/**
 * Module files as people write them, before and after a registration; what comes out of a second one is the same.
 */
import { describe, expect, it } from '@jest/globals';
import { MemoryApp, NEW_APP } from '../../test/schematics/memory-app.js';
import { prettified, syntaxErrorsOf } from '../../test/schematics/written-files.js';
import { type Registration, registerIn, registerNearby } from './nearest-module.js';

const FILE = 'src/app.module.ts';

const ELIZA: Registration = {
  property: 'controllers',
  element: 'ElizaRpc',
  imports: [{ name: 'ElizaRpc', from: { file: 'src/eliza/eliza.rpc' } }],
  byHand: 'list ElizaRpc under controllers',
};

const CLIENTS: Registration = {
  property: 'imports',
  element: "Clients.register([\n  {\n    url: 'http://eliza',\n    services: [Eliza],\n  },\n])",
  isSame: (element) => /\bEliza\b/.test(element),
  into: { call: 'Clients.register', element: "{\n  url: 'http://eliza',\n  services: [Eliza],\n}" },
  imports: [
    { name: 'Clients', from: { package: 'nestjs-connect' } },
    { name: 'Eliza', from: { file: 'src/gen/eliza' } },
  ],
  byHand: 'register Eliza',
};

const IMPORT = "import { Module } from '@nestjs/common';";
const ADDED = "import { ElizaRpc } from './eliza/eliza.rpc.js';";

function appWith(source: string): MemoryApp {
  return new MemoryApp({ ...NEW_APP, [FILE]: source });
}

function lines(...texts: readonly string[]): string {
  return `${texts.join('\n')}\n`;
}

const ANY_MODULE = lines(IMPORT, '', '@Module({})', 'export class AnyModule {}');

type Case = readonly [
  name: string,
  before: readonly string[],
  after: readonly string[],
  added?: Registration,
];

const EDITED: readonly Case[] = [
  [
    'a list on one line',
    [IMPORT, '', '@Module({', '  controllers: [A],', '})', 'export class AppModule {}'],
    [IMPORT, ADDED, '', '@Module({', '  controllers: [A, ElizaRpc],', '})', 'export class AppModule {}'],
  ],
  [
    'an empty list',
    [IMPORT, '', '@Module({', '  controllers: [],', '})', 'export class AppModule {}'],
    [IMPORT, ADDED, '', '@Module({', '  controllers: [ElizaRpc],', '})', 'export class AppModule {}'],
  ],
  [
    'no list',
    [IMPORT, '', '@Module({', '  providers: [B],', '})', 'export class AppModule {}'],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  providers: [B],',
      '  controllers: [ElizaRpc],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'no metadata',
    [IMPORT, '', '@Module({})', 'export class AppModule {}'],
    [IMPORT, ADDED, '', '@Module({ controllers: [ElizaRpc] })', 'export class AppModule {}'],
  ],
  [
    'no argument',
    [IMPORT, '', '@Module()', 'export class AppModule {}'],
    [IMPORT, ADDED, '', '@Module({ controllers: [ElizaRpc] })', 'export class AppModule {}'],
  ],
  [
    'a list over lines, with comments',
    [
      IMPORT,
      '',
      '@Module({',
      '  controllers: [',
      '    A, // first, [always]',
      '    /* then */ B,',
      '    // more to come',
      '  ],',
      '})',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  controllers: [',
      '    A, // first, [always]',
      '    /* then */ B,',
      '    // more to come',
      '    ElizaRpc,',
      '  ],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'a long line with a comment',
    [
      IMPORT,
      '',
      '@Module({',
      '  controllers: [FirstLongController, /* and */ SecondLongController, Third],',
      '})',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  controllers: [FirstLongController, /* and */ SecondLongController, Third, ElizaRpc],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'a long line with a template over lines',
    [
      IMPORT,
      '',
      '@Module({',
      '  controllers: [FirstLongController, tagged`',
      '`],',
      '})',
      'class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  controllers: [FirstLongController, tagged`',
      '`, ElizaRpc],',
      '})',
      'class AppModule {}',
    ],
  ],
  [
    'a list of nothing but a comment',
    [IMPORT, '', '@Module({', '  controllers: [', '    // none', '  ],', '})', 'export class AppModule {}'],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  controllers: [',
      '    // none',
      '    ElizaRpc,',
      '  ],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'a line that becomes too long',
    [
      IMPORT,
      '',
      '@Module({',
      '  controllers: [FirstLongController, SecondLongController, ThirdController],',
      '})',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  controllers: [',
      '    FirstLongController,',
      '    SecondLongController,',
      '    ThirdController,',
      '    ElizaRpc,',
      '  ],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'metadata on a line that becomes too long',
    [
      IMPORT,
      '',
      '@Module({ providers: [FirstLongProvider], controllers: [FirstLongController] })',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  providers: [FirstLongProvider],',
      '  controllers: [FirstLongController, ElizaRpc],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'strings, templates and regular expressions that look like code',
    [
      IMPORT,
      '',
      "const text = '@Module({ controllers: [';",
      'const template = `import x from "y"; @Module({`;',
      'const pattern = /[[({`]/;',
      '',
      '@Module({',
      "  providers: [{ provide: 'controllers: [', useValue: [text, template, /[[({]/] }],",
      '  controllers: [A],',
      '})',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      "const text = '@Module({ controllers: [';",
      'const template = `import x from "y"; @Module({`;',
      'const pattern = /[[({`]/;',
      '',
      '@Module({',
      "  providers: [{ provide: 'controllers: [', useValue: [text, template, /[[({]/] }],",
      '  controllers: [A, ElizaRpc],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'imports with a comment behind the last one',
    [
      IMPORT,
      "import { A } from './a.js'; // eslint-disable-line no-restricted-imports",
      '',
      '@Module({ controllers: [A] })',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      "import { A } from './a.js'; // eslint-disable-line no-restricted-imports",
      ADDED,
      '',
      '@Module({ controllers: [A, ElizaRpc] })',
      'export class AppModule {}',
    ],
  ],
  [
    'imports with a comment behind them that goes on',
    [IMPORT + ' /* of', 'Nest */', '', '@Module({ controllers: [A] })', 'export class AppModule {}'],
    [
      IMPORT,
      ADDED + ' /* of',
      'Nest */',
      '',
      '@Module({ controllers: [A, ElizaRpc] })',
      'export class AppModule {}',
    ],
  ],
  [
    'templates within templates',
    [
      IMPORT,
      '',
      '@Module({',
      '  imports: [Http.register({ url: `${tls ? `https://${\'}\'}]})` : "`"}/v1` })],',
      '  controllers: [A],',
      '})',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  imports: [Http.register({ url: `${tls ? `https://${\'}\'}]})` : "`"}/v1` })],',
      '  controllers: [A, ElizaRpc],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'a namespace import, and another decorator between',
    [
      "import * as nest from '@nestjs/common';",
      '',
      '@nest.Module({',
      '  controllers: [A],',
      '})',
      '@nest.Global()',
      'export class AppModule {}',
    ],
    [
      "import * as nest from '@nestjs/common';",
      ADDED,
      '',
      '@nest.Module({',
      '  controllers: [A, ElizaRpc],',
      '})',
      '@nest.Global()',
      'export class AppModule {}',
    ],
  ],
  [
    'several modules, one of which is called as the file',
    [
      IMPORT,
      '',
      '@Module({ controllers: [A] })',
      'class OtherModule {}',
      '',
      '@Module({ imports: [OtherModule] })',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({ controllers: [A] })',
      'class OtherModule {}',
      '',
      '@Module({ imports: [OtherModule], controllers: [ElizaRpc] })',
      'export class AppModule {}',
    ],
  ],
  [
    'calls and nested lists among the elements',
    [
      IMPORT,
      '',
      '@Module({',
      '  controllers: [...list([A, B], { c: [] }), ok ? C : D],',
      '  exports: [[E]],',
      '})',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      ADDED,
      '',
      '@Module({',
      '  controllers: [...list([A, B], { c: [] }), ok ? C : D, ElizaRpc],',
      '  exports: [[E]],',
      '})',
      'export class AppModule {}',
    ],
  ],
  [
    'imports over lines, for effect, of types and with attributes',
    [
      'import {',
      '  Module, // the one',
      "} from '@nestjs/common';",
      "import './tracing.js';",
      "import type { ElizaOptions } from './eliza/eliza.rpc.js';",
      "import data from './data.json' with { type: 'json' };",
      '',
      '@Module({ controllers: [A] })',
      'export class AppModule {}',
    ],
    [
      'import {',
      '  Module, // the one',
      "} from '@nestjs/common';",
      "import './tracing.js';",
      "import type { ElizaOptions } from './eliza/eliza.rpc.js';",
      "import data from './data.json' with { type: 'json' };",
      ADDED,
      '',
      '@Module({ controllers: [A, ElizaRpc] })',
      'export class AppModule {}',
    ],
  ],
  [
    'a first entry of clients, and an import from the same package',
    [
      IMPORT,
      "import { Connect } from 'nestjs-connect';",
      '',
      '@Module({ imports: [Other] })',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      "import { Connect, Clients } from 'nestjs-connect';",
      "import { Eliza } from './gen/eliza.js';",
      '',
      '@Module({',
      '  imports: [',
      '    Other,',
      '    Clients.register([',
      '      {',
      "        url: 'http://eliza',",
      '        services: [Eliza],',
      '      },',
      '    ]),',
      '  ],',
      '})',
      'export class AppModule {}',
    ],
    CLIENTS,
  ],
  [
    'a second entry of clients',
    [
      IMPORT,
      "import { Clients, Connect } from 'nestjs-connect';",
      '',
      '@Module({',
      '  imports: [Connect, Clients.register([{ url, services: [Other] }])],',
      '})',
      'export class AppModule {}',
    ],
    [
      IMPORT,
      "import { Clients, Connect } from 'nestjs-connect';",
      "import { Eliza } from './gen/eliza.js';",
      '',
      '@Module({',
      '  imports: [',
      '    Connect,',
      '    Clients.register([',
      '      { url, services: [Other] },',
      '      {',
      "        url: 'http://eliza',",
      '        services: [Eliza],',
      '      },',
      '    ]),',
      '  ],',
      '})',
      'export class AppModule {}',
    ],
    CLIENTS,
  ],
];

/** Each: what the message says. */
const LEFT_ALONE: readonly [name: string, source: readonly string[], message: string][] = [
  ['no module', [IMPORT, 'export class AppModule {}'], 'it has no class with @Module()'],
  [
    'modules of which none is called as the file',
    [IMPORT, '@Module({})', 'class OneModule {}', '@Module({})', 'class TwoModule {}'],
    'it has 2 modules, and none of them is called AppModule',
  ],
  ['metadata from elsewhere', [IMPORT, '@Module(metadata)', 'class AppModule {}'], 'is not given an object'],
  [
    'metadata with a cast',
    [IMPORT, '@Module({ controllers: [] } as Metadata)', 'class AppModule {}'],
    'is not given an object',
  ],
  [
    'a list from elsewhere',
    [IMPORT, '@Module({ controllers: CONTROLLERS })', 'class AppModule {}'],
    'its controllers are not a plain list',
  ],
  [
    'a list by its name',
    [IMPORT, '@Module({ controllers })', 'class AppModule {}'],
    'its controllers are not a plain list',
  ],
  [
    'a list with more after it',
    [IMPORT, '@Module({ controllers: [A].concat(B) })', 'class AppModule {}'],
    'its controllers are not a plain list',
  ],
  [
    'metadata that a spread may add to',
    [IMPORT, '@Module({ ...base })', 'class AppModule {}'],
    'its controllers may come from elsewhere',
  ],
  [
    'a list that a spread may replace',
    [IMPORT, '@Module({ controllers: [A], ...base })', 'class AppModule {}'],
    'its controllers may come from elsewhere',
  ],
  [
    'a list whose key is computed',
    [IMPORT, "@Module({ ['controllers']: [A] })", 'class AppModule {}'],
    'its controllers may come from elsewhere',
  ],
  [
    'another class of the same name',
    [IMPORT, 'class ElizaRpc {}', '@Module({ controllers: [A] })', 'class AppModule {}'],
    'ElizaRpc means something else in it',
  ],
  ['brackets that do not match', [IMPORT, '@Module({ controllers: [A })'], 'its brackets do not match'],
];

describe('registerIn', () => {
  it.each(EDITED)('extends %s, once', async (_, before, after, added = ELIZA) => {
    const app = appWith(lines(...before));
    registerIn(app, app.logger, FILE, [added]);
    const edited = app.readText(FILE);
    expect(edited).toBe(lines(...after));
    expect(syntaxErrorsOf(edited)).toEqual([]);

    registerIn(app, app.logger, FILE, [added]);
    expect(app.readText(FILE)).toBe(edited);
    expect(app.messages).toEqual([]);
  });

  it.each(EDITED.filter(([name]) => !name.startsWith('a long line with')))(
    'extends %s in the layout of prettier',
    async (_, before, __, added = ELIZA) => {
      const app = appWith(await prettified(lines(...before)));
      registerIn(app, app.logger, FILE, [added]);
      expect(app.readText(FILE)).toBe(await prettified(app.readText(FILE)));
    },
  );

  it.each(LEFT_ALONE)('leaves %s alone, and says what to do', (_, source, message) => {
    const app = appWith(lines(...source));
    registerIn(app, app.logger, FILE, [ELIZA]);
    expect(app.readText(FILE)).toBe(lines(...source));
    expect(app.messages).toEqual([
      expect.stringMatching(
        /^src\/app\.module\.ts is left as it is: .*\. By hand: list ElizaRpc under controllers\.$/,
      ),
    ]);
    expect(app.messages[0]).toContain(message);
  });

  it('changes nothing, not even the layout, where the element is there already', () => {
    const source = lines(
      IMPORT,
      ADDED.replace('ElizaRpc', 'ElizaRpc /* ours */'),
      `@Module({ controllers: [ElizaRpc, ${'A'.repeat(80)}] })`,
      'class AppModule {}',
    );
    const app = appWith(source);
    registerIn(app, app.logger, FILE, [ELIZA]);
    expect([app.readText(FILE), app.messages]).toEqual([source, []]);
  });

  it('keeps the quotes, the semicolons and the line ends of the file', () => {
    const source =
      'import { Module } from "@nestjs/common"\r\n\r\n@Module({\r\n  controllers: [\r\n    A\r\n  ]\r\n})\r\nclass AppModule {}\r\n';
    const app = appWith(source);
    registerIn(app, app.logger, FILE, [ELIZA]);
    expect(app.readText(FILE)).toBe(
      source
        .replace('common"\r\n', 'common"\r\nimport { ElizaRpc } from "./eliza/eliza.rpc.js"\r\n')
        .replace('A\r\n', 'A,\r\n    ElizaRpc\r\n'),
    );
  });
});

describe('registerNearby', () => {
  it.each([
    ['in the folder', ['src/eliza/eliza.module.ts', FILE], 'src/eliza/eliza.module.ts'],
    ['further up', ['src/other/other.module.ts', FILE], FILE],
    [
      'called as the folder',
      ['src/eliza/a.module.ts', 'src/eliza/eliza.module.ts'],
      'src/eliza/eliza.module.ts',
    ],
    ['called app', ['src/a.module.ts', FILE], FILE],
  ])('takes the module %s', (_, files, expected) => {
    const app = new MemoryApp({
      'package.json': '{}',
      ...Object.fromEntries(files.map((file) => [file, ANY_MODULE])),
    });
    expect(registerNearby(app, app.logger, 'src/eliza', [ELIZA])).toEqual([expected]);
    const edited = files.filter((file) => app.readText(file).includes('ElizaRpc'));
    expect(edited).toEqual([expected]);
  });

  it.each([
    ['no module', [], 'There is no *.module.ts in src/eliza or above'],
    [
      'several that it could be',
      ['src/eliza/a.module.ts', 'src/eliza/b.module.ts'],
      'It is not clear which module is meant: src/eliza/a.module.ts, src/eliza/b.module.ts',
    ],
  ])('says so when the folders have %s', (_, files, reason) => {
    const app = new MemoryApp(Object.fromEntries(files.map((file) => [file, ANY_MODULE])));
    const before = app.files;
    expect(registerNearby(app, app.logger, 'src/eliza', [ELIZA])).toEqual([]);
    expect(app.files).toEqual(before);
    expect(app.messages).toEqual([`${reason}. By hand: list ElizaRpc under controllers.`]);
  });
});
