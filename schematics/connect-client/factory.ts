/**
 * `nest g connect-client NAME`: a class around the generated client of a service, a spec, its registration, and a channel in
 * `ConnectClientsModule`. The service's proto is that of `connect-service NAME`; it is written if it is not there.
 */
import { type AppRule, importExtension, writeNewFile } from '../app/app-tree.js';
import { type Element, type ElementOptions, importPath, readServiceElement } from '../app/element.js';
import { formatFiles } from '../app/format.js';
import { type Registration, registerNearby } from '../app/nearest-module.js';
import { ensureProto } from '../app/proto.js';
import { clientTemplate, entryTemplate, specTemplate } from './templates.js';

/** @throws Error For names that no service can have, here or when the rule runs. */
export function connectClient(options: ElementOptions): AppRule {
  return async (tree, { logger }) => {
    const element = readServiceElement(options);
    const { fileName, folder } = element;
    const file = `${folder}/${fileName}.client`;
    const spec = `${file}.${options.specFileSuffix ?? 'spec'}.ts`;
    const extension = importExtension(tree);
    const names = {
      generated: `${element.serviceName}Client`,
      mock: `create${element.serviceName}Mock`,
      className: `${element.className}Client`,
      generatedImport: importPath(file, `${element.generated}_connect`, extension),
      clientImport: importPath(file, file, extension),
    };

    ensureProto(tree, element, ['Say']);
    writeNewFile(tree, logger, `${file}.ts`, clientTemplate(names));
    if (options.spec !== false) {
      writeNewFile(tree, logger, spec, specTemplate(names));
    }
    const registrations = [registerChannel(element), registerClass(names.className, file)];
    const module = options.skipImport === true ? [] : registerNearby(tree, logger, folder, registrations);
    if (options.format === true) {
      await formatFiles(tree, logger, [`${file}.ts`, spec, ...module]);
    }
  };
}

function registerClass(className: string, file: string): Registration {
  return {
    property: 'providers',
    element: className,
    imports: [{ name: className, from: { file } }],
    byHand: `list ${className} under providers`,
  };
}

/** One more entry where the module registers clients already. */
function registerChannel(element: Element): Registration {
  const generated = `${element.serviceName}Client`;
  const variable = `${element.fileName.replaceAll(/[-.]/g, '_').toUpperCase()}_URL`;
  const entry = entryTemplate(generated, variable);
  const mention = new RegExp(String.raw`\b${generated}\b`);
  return {
    property: 'imports',
    element: `ConnectClientsModule.register([\n  ${entry.replaceAll('\n', '\n  ')},\n])`,
    isSame: (present) => mention.test(present),
    into: { call: 'ConnectClientsModule.register', element: entry },
    imports: [
      { name: 'ConnectClientsModule', from: { package: 'nestjs-connect' } },
      { name: generated, from: { file: `${element.generated}_connect` } },
    ],
    byHand: `add ConnectClientsModule.register([{ url, services: [${generated}] }]) to imports`,
  };
}
