/**
 * The generator's own options; protoplugin knows those that all of its plugins have (`target`, `import_extension`, …).
 */

export interface GeneratorOptions {
  /** Behind the name of the .proto file, as `_pb` is of protoc-gen-es. Default: `_connect`. */
  readonly suffix: string;
  /** What the code imports instead of the package, for example a package that re-exports it. Default: `nestjs-connect`. */
  readonly runtime: string;
}

interface RawOption {
  readonly key: string;
  readonly value: string;
}

const KNOWN =
  'target, import_extension, suffix, runtime, paths, js_import_style, ts_nocheck, elide_plugin_version, keep_empty_files, ' +
  'rewrite_imports, map_imports';

/** @throws Error When an option is unknown, or has a value that it cannot have. */
export function parseOptions(options: readonly RawOption[]): GeneratorOptions {
  let suffix = '_connect';
  let runtime = 'nestjs-connect';
  for (const { key, value } of options) {
    switch (key) {
      case 'suffix':
        suffix = checkedSuffix(value);
        break;
      case 'runtime':
        runtime = checkedRuntime(value);
        break;
      case 'paths':
        checkPaths(value);
        break;
      default:
        throw new Error(`there is no option "${key}"; known are ${KNOWN}`);
    }
  }
  return { suffix, runtime };
}

function checkedSuffix(value: string): string {
  if (!/^[\w.-]+$/.test(value)) {
    throw new Error(`suffix is "${value}": expected letters, digits, "_", "-" and ".", such as "_connect"`);
  }
  if (value === '_pb') {
    throw new Error('suffix is "_pb": these files belong to protoc-gen-es, and would be overwritten');
  }
  return value;
}

function checkedRuntime(value: string): string {
  if (value.trim() === '') {
    throw new Error('runtime is empty: expected the name of a package, such as "nestjs-connect"');
  }
  return value;
}

/** Other generators need to be told what is the only way here. */
function checkPaths(value: string): void {
  if (value !== 'source_relative') {
    throw new Error(`paths is "${value}": files are always written beside their source, "source_relative"`);
  }
}
