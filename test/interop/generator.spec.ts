/**
 * `protoc-gen-nestjs-connect` under every program that runs such generators: each makes the golden files of generator/golden,
 * byte for byte.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { BUF, describeWith, type Outcome, type Program, PYTHON, run } from './support/programs.js';

const GENERATOR = 'dist/generator/protoc-gen-nestjs-connect.mjs';
const GOLDEN = 'generator/golden';
const PROTOS = `${GOLDEN}/proto`;

/** The folders of gen/, and the options that they are made with. */
const TARGETS = [
  ['ts', 'target=ts,import_extension=js,elide_plugin_version=true'],
  ['js', 'target=js+dts,import_extension=js,elide_plugin_version=true'],
] as const;

const BUILT: Program = { name: 'the generator', paths: [GENERATOR], remedy: 'run "npm run build"' };

/** Debian's, for example. */
const PROTOC: Program = {
  name: 'protoc',
  paths: (process.env['PATH'] ?? '').split(delimiter).map((folder) => `${folder}/protoc`),
  remedy: 'install it with the system (Debian: protobuf-compiler)',
};

/** A package of Python's; its presence is what counts. */
const GRPC_TOOLS: Program = {
  name: 'grpcio-tools',
  paths: ['.tools/python/grpc_tools'],
  remedy: 'run "node tools/install-interop.mjs" (needs Python\'s pip)',
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-generator-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
}

async function contents(path: string, names: readonly string[]): Promise<Record<string, string>> {
  const read = names.map(async (name) => [name, await readFile(join(path, name), 'utf8')] as const);
  return Object.fromEntries(await Promise.all(read));
}

/** @returns The golden files of `protos`. */
async function golden(target: string, protos: readonly string[]): Promise<Record<string, string>> {
  const sources = protos.map((name) => name.replace('.proto', '_connect.'));
  const all = await filesIn(`${GOLDEN}/gen/${target}`);
  const names = all.filter((name) => sources.some((source) => name.startsWith(source)));
  expect(names.length).toBeGreaterThan(1);
  return contents(`${GOLDEN}/gen/${target}`, names);
}

/** @returns What a program has written, all of it. */
async function written({ code, stderr }: Outcome): Promise<Record<string, string>> {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return contents(folder, await filesIn(folder));
}

async function goldenProtos(): Promise<string[]> {
  return (await filesIn(PROTOS)).filter((name) => name.endsWith('.proto'));
}

function protocArgs(parameter: string, protos: readonly string[]): string[] {
  return [
    `--proto_path=${PROTOS}`,
    `--plugin=protoc-gen-nestjs-connect=${GENERATOR}`,
    `--nestjs-connect_out=${folder}`,
    `--nestjs-connect_opt=${parameter}`,
    ...protos,
  ];
}

describeWith([BUILT, BUF], 'buf generate', () => {
  it.each(TARGETS)('makes the golden files: %s', async (target, parameter) => {
    const plugin = { local: [GENERATOR], out: '.', opt: parameter.split(',') };
    const template = JSON.stringify({ version: 'v2', plugins: [plugin] });
    const outcome = await run(BUF, ['generate', GOLDEN, '--template', template, '--output', folder]);
    expect(await written(outcome)).toEqual(await golden(target, await goldenProtos()));
  });

  it('shows what the generator has to say', async () => {
    const template = JSON.stringify({
      version: 'v2',
      plugins: [{ local: [GENERATOR], out: '.', opt: ['sufix=_rpc'] }],
    });
    const { code, stderr } = await run(BUF, ['generate', GOLDEN, '--template', template, '--output', folder]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('invalid option "sufix=_rpc": there is no option "sufix"');
  });
});

describeWith([BUILT, PYTHON, GRPC_TOOLS], 'protoc of grpcio-tools', () => {
  /** As `python3 -m grpc_tools.protoc` does it. */
  const PROGRAM =
    'import sys; sys.path.insert(0, ".tools/python"); from grpc_tools import protoc; ' +
    'sys.exit(protoc.main(sys.argv + ["--proto_path=.tools/python/grpc_tools/_proto"]))';

  it.each(TARGETS)('makes the golden files, of all syntaxes: %s', async (target, parameter) => {
    const protos = await goldenProtos();
    const outcome = await run(PYTHON, ['-c', PROGRAM, ...protocArgs(parameter, protos)]);
    expect(await written(outcome)).toEqual(await golden(target, protos));
  });
});

describeWith([BUILT, PROTOC], "the system's protoc", () => {
  // Editions are younger than what systems have.
  const PROTO3 = ['acme/talk/v1/talk.proto', 'acme/promise/v1/promise.proto', 'acme/shared/v1/shared.proto'];

  it.each(TARGETS)('makes the golden files of proto3: %s', async (target, parameter) => {
    expect(PROTO3.map((name) => existsSync(`${PROTOS}/${name}`))).toEqual(PROTO3.map(() => true));
    const outcome = await run(PROTOC, protocArgs(parameter, PROTO3));
    expect(await written(outcome)).toEqual(await golden(target, PROTO3));
  });
});
