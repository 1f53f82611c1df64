/**
 * What `nest g SCHEMATIC NAME` says, as the names of files, classes and protobuf packages.
 */
import { posix } from 'node:path';

/** What the Nest CLI passes. It always sends more (`collection`, `type`, `crud` …), which `schema.json` lists. */
export interface ElementOptions {
  readonly name: string;
  /** Below the source root. */
  readonly path?: string;
  readonly sourceRoot?: string;
  readonly flat?: boolean;
  readonly spec?: boolean;
  readonly specFileSuffix?: string;
  readonly skipImport?: boolean;
  readonly format?: boolean;
  readonly language?: string;
}

/** For `billing/InvoiceLine` … */
export interface Element {
  /** `invoice-line` */
  readonly fileName: string;
  /** `InvoiceLine` */
  readonly className: string;
  /** `InvoiceLineService` */
  readonly serviceName: string;
  /** `src/billing/invoice-line` */
  readonly folder: string;
  /** `proto/billing/invoice_line/v1/invoice_line.proto` */
  readonly protoFile: string;
  /** `billing.invoice_line.v1` */
  readonly protoPackage: string;
  /** `src/gen/billing/invoice_line/v1/invoice_line`: what is generated, but for its ending. */
  readonly generated: string;
}

const SEGMENT = /^[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*$/;

/** @throws Error When a class or a package cannot be called so, or the app is not in TypeScript. */
export function readElement({
  name,
  path = '',
  sourceRoot = 'src',
  flat,
  language,
}: ElementOptions): Element {
  if (language !== undefined && !/^(?:ts|typescript)$/i.test(language)) {
    throw new Error(
      `nestjs-connect writes TypeScript only, and nest-cli.json says "language": "${language}"`,
    );
  }
  const segments = `${path}/${name}`
    .split('/')
    .filter((segment) => segment !== '')
    .map(toKebabCase);
  const wrong = segments.find((segment) => !SEGMENT.test(segment));
  if (wrong !== undefined || segments.length === 0) {
    throw new Error(
      `"${name}" cannot be the name of a class and of a protobuf package: expected letters, digits, "-", "_" and ".", ` +
        'beginning with a letter, and "/" between folders, such as billing/invoice-line',
    );
  }
  const fileName = segments.at(-1) ?? '';
  const snakes = segments.map((segment) => segment.replaceAll(/[-.]/g, '_'));
  const protoPath = [...snakes, 'v1', snakes.at(-1)].join('/');
  return {
    fileName,
    className: toClassName(fileName),
    serviceName: `${toClassName(fileName)}Service`,
    folder: posix.join(sourceRoot, ...(flat === true ? segments.slice(0, -1) : segments)),
    protoFile: `proto/${protoPath}.proto`,
    protoPackage: [...snakes, 'v1'].join('.'),
    generated: posix.join(sourceRoot, 'gen', protoPath),
  };
}

/**
 * Like {@link readElement}, for what has a service.
 *
 * @throws Error Also when the service cannot be called so.
 */
export function readServiceElement(options: ElementOptions): Element {
  const element = readElement(options);
  if (element.serviceName === 'ConnectService') {
    throw new Error(
      `"${options.name}" makes a service ConnectService, which is the name of the decorator: choose another name`,
    );
  }
  return element;
}

/** @returns For example `"../gen/eliza/v1/eliza_pb.js"`. */
export function importPath(fromFile: string, toFile: string, extension: '.js' | ''): string {
  const path = posix.relative(posix.dirname(fromFile), toFile) + extension;
  return path.startsWith('.') ? path : `./${path}`;
}

/** @returns Of a file name, for example `InvoiceLine` of `invoice-line`. */
export function toClassName(fileName: string): string {
  return fileName
    .split(/[-_.]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** As Nest's own schematics do. */
function toKebabCase(text: string): string {
  return text
    .trim()
    .replaceAll(/([a-z\d])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/\s/g, '-');
}
