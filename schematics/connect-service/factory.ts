/**
 * `nest g connect-service NAME`: a proto, the class that answers its calls, a spec, and its registration.
 */
import { type AppRule, importExtension, writeNewFile } from '../app/app-tree.js';
import { type ElementOptions, importPath, readServiceElement } from '../app/element.js';
import { formatFiles } from '../app/format.js';
import { registerNearby } from '../app/nearest-module.js';
import { ensureProto } from '../app/proto.js';
import { rpcTemplate, specTemplate } from './templates.js';

/** @throws Error For names that no service can have, here or when the rule runs. */
export function connectService(options: ElementOptions): AppRule {
  return async (tree, { logger }) => {
    const element = readServiceElement(options);
    const { fileName, folder, generated } = element;
    const file = `${folder}/${fileName}.rpc`;
    const spec = `${file}.${options.specFileSuffix ?? 'spec'}.ts`;
    const className = `${element.className}Rpc`;
    const extension = importExtension(tree);
    const names = {
      service: element.serviceName,
      className,
      generatedImport: importPath(file, `${generated}_pb`, extension),
      rpcImport: importPath(file, file, extension),
    };

    ensureProto(tree, element, ['Say', 'Introduce', 'Converse']);
    writeNewFile(tree, logger, `${file}.ts`, rpcTemplate(names));
    if (options.spec !== false) {
      writeNewFile(tree, logger, spec, specTemplate(names));
    }
    const registration = {
      property: 'controllers',
      element: className,
      imports: [{ name: className, from: { file } }],
      byHand: `list ${className} under controllers`,
    } as const;
    const module = options.skipImport === true ? [] : registerNearby(tree, logger, folder, [registration]);
    if (options.format === true) {
      await formatFiles(tree, logger, [`${file}.ts`, spec, ...module]);
    }
  };
}
