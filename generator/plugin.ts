/**
 * `protoc-gen-nestjs-connect` as a function: descriptors in, files out. It writes no messages; protoc-gen-es does, into the
 * `*_pb` file beside.
 *
 * All three targets are written here, by one emitter: protoplugin would otherwise make JavaScript of TypeScript with a
 * compiler of its own, which is 32 MB.
 */
import { createEcmaScriptPlugin, type Plugin, type Schema, type Target } from '@bufbuild/protoplugin';
import { emitService } from './emit-service.js';
import { nameServices } from './names.js';
import { type GeneratorOptions, parseOptions } from './options.js';

/** The package's own; a test compares them. */
export const VERSION = '0.1.0';

const generator = createEcmaScriptPlugin<GeneratorOptions>({
  name: 'protoc-gen-nestjs-connect',
  version: `v${VERSION}`,
  parseOptions,
  generateTs: generate,
  generateJs: generate,
  generateDts: generate,
});

export const plugin: Plugin = {
  ...generator,
  /** @throws Error Which names the option, when one is wrong. */
  run(request) {
    try {
      return generator.run(request);
    } catch (error) {
      throw explained(error as Error);
    }
  },
};

/** Of the options that protoplugin reads, and refuses without a word of what they can be. */
const ACCEPTED: readonly (readonly [start: string, values: string])[] = [
  ['invalid option "target=', 'ts, js, dts, or several with "+" between them'],
  ['invalid option "import_extension=', 'none, js or ts'],
];

function explained(error: Error): Error {
  const [, values] = ACCEPTED.find(([start]) => error.message.startsWith(start)) ?? [];
  return values === undefined ? error : new Error(`${error.message}: expected ${values}`, { cause: error });
}

const EXTENSIONS = { ts: '.ts', js: '.js', dts: '.d.ts' } as const satisfies Record<Target, string>;

function generate(schema: Schema<GeneratorOptions>, target: Target): void {
  const { suffix, runtime } = schema.options;
  for (const file of schema.files.filter(({ services }) => services.length > 0)) {
    const output = schema.generateFile(file.name + suffix + EXTENSIONS[target]);
    output.preamble(file);
    for (const [service, names] of nameServices(file)) {
      emitService({ output, target, runtime, service, names });
    }
  }
}
