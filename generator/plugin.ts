/**
 * `protoc-gen-nestjs-connect` as a function: descriptors in, files out. It writes no messages; protoc-gen-es does, into the
 * `*_pb` file beside.
 *
 * All three targets are written here, by one emitter: protoplugin would otherwise make JavaScript of TypeScript with a
 * compiler of its own, which is 32 MB.
 */
import { createEcmaScriptPlugin, type Schema, type Target } from '@bufbuild/protoplugin';
import { emitService } from './emit-service.js';
import { nameServices } from './names.js';
import { type GeneratorOptions, parseOptions } from './options.js';

/** The package's own; a test compares them. */
export const VERSION = '0.1.0';

export const plugin = createEcmaScriptPlugin<GeneratorOptions>({
  name: 'protoc-gen-nestjs-connect',
  version: `v${VERSION}`,
  parseOptions,
  generateTs: generate,
  generateJs: generate,
  generateDts: generate,
});

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
