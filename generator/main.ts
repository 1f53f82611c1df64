/**
 * The program `protoc-gen-nestjs-connect`: protoc and buf start it, and speak with it over stdin and stdout. What it has to
 * say to people goes to stderr, with exit code 1.
 *
 * tools/bundle-generator.mjs makes one file of it and everything that it needs.
 */
import { buffer } from 'node:stream/consumers';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
} from '@bufbuild/protobuf/wkt';
import { plugin } from './plugin.js';

const USAGE =
  'buf and protoc start this program: list it under "plugins" of buf.gen.yaml, or give protoc --nestjs-connect_out';

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${plugin.name}: ${error.message}\n`);
  process.exitCode = 1;
});

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === '--version') {
    process.stdout.write(`${plugin.name} ${plugin.version}\n`);
  } else if (args.length > 0) {
    throw new Error(`there is no argument "${args[0]}"; ${USAGE}`);
  } else {
    const response = plugin.run(readRequest(await buffer(process.stdin)));
    process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));
  }
}

function readRequest(bytes: Uint8Array): CodeGeneratorRequest {
  try {
    return fromBinary(CodeGeneratorRequestSchema, bytes);
  } catch (cause) {
    throw new Error(`stdin holds no CodeGeneratorRequest (${(cause as Error).message}); ${USAGE}`, { cause });
  }
}
