/**
 * What `connect-client` writes: what the app asks of a service, in the app's own words. Laid out as prettier does in Nest's
 * starters.
 */

const LINE_WIDTH = 80;

/** Names in one app. Imports as they are written, extension included. */
export interface ClientNames {
  /** Of the generated class, for example `ElizaServiceClient`. */
  readonly generated: string;
  /** Of the generated function, for example `createElizaServiceMock`. */
  readonly mock: string;
  /** For example `ElizaClient`. */
  readonly className: string;
  /** For example `../gen/eliza/v1/eliza_connect.js`. */
  readonly generatedImport: string;
  /** For example `./eliza.client.js`. */
  readonly clientImport: string;
}

export function clientTemplate({ generated, className, generatedImport }: ClientNames): string {
  const parameter = `private readonly service: ${generated}`;
  const constructor = `  constructor(${parameter}) {}`;
  const isLong = constructor.length > LINE_WIDTH;
  return `import { Injectable } from '@nestjs/common';
import { ${generated} } from '${generatedImport}';

@Injectable()
export class ${className} {
${isLong ? `  constructor(\n    ${parameter},\n  ) {}` : constructor}

  async say(sentence: string): Promise<string> {
    const reply = await this.service.say({ sentence }, { timeoutMs: 5_000 });
    return reply.sentence;
  }
}
`;
}

export function specTemplate({ mock, className, generatedImport, clientImport }: ClientNames): string {
  return `import { ${mock} } from '${generatedImport}';
import { ${className} } from '${clientImport}';

describe('${className}', () => {
  it('says', async () => {
    const service = ${mock}({
      say: ({ sentence }) => ({ sentence: \`You said: \${sentence}\` }),
    });
    const client = new ${className}(service);
    expect(await client.say('hi')).toBe('You said: hi');
  });
});
`;
}

/** Where an entry stands in a module. */
const ENTRY_INDENT = '      ';

/** An entry of `ConnectClientsModule.register([…])`. */
export function entryTemplate(generated: string, variable: string): string {
  const [address, fallback] = [`process.env['${variable}']`, "'http://localhost:3000'"];
  const layouts = [
    `  url: ${address} ?? ${fallback},`,
    `  url:\n    ${address} ?? ${fallback},`,
    `  url:\n    ${address} ??\n    ${fallback},`,
  ];
  const url = layouts.find((layout) =>
    layout.split('\n').every((line) => ENTRY_INDENT.length + line.length <= LINE_WIDTH),
  );
  return `{\n${url ?? layouts[2]}\n  services: [${generated}],\n}`;
}
