/**
 * What an application says of its clients before it has any: which services, under which names.
 */
import { type DescService } from '@bufbuild/protobuf';
import { type ModulesContainer } from '@nestjs/core';
import { ConnectConfigError } from '../connect-config.error.js';

/** Which clients an entry of {@link ConnectClientsModule} provides. */
export interface ClientServices {
  /** For a second entry with the same service: `@InjectConnectClient(ElizaService, name)`. Default: no name. */
  readonly name?: string | undefined;
  /** Services behind the one channel of the entry; each has a client and an Rx client. At least one. */
  readonly services: readonly DescService[];
}

type Module = ModulesContainer extends Map<string, infer M> ? M : never;

/** An entry, and the module that it is in. */
interface Registration {
  readonly entry: ClientServices;
  readonly index: number;
  readonly module: Module;
}

/** The provider with a module's entries, for whoever looks for them in all modules. */
export const CLIENT_ENTRIES = Symbol.for('nestjs-connect:client entries');

/** @returns The entry for messages, for example `the client of eliza.v1.ElizaService`. */
export function describeEntry({ name, services }: ClientServices): string {
  const named = name === undefined ? '' : ` ${JSON.stringify(name)}`;
  return `the client${named} of ${services.map(({ typeName }) => typeName).join(', ')}`;
}

/** @throws ConnectConfigError When an entry has no services, or something else among them. */
export function checkEntries(entries: readonly ClientServices[]): void {
  entries.forEach(({ services }, index) => {
    const where = `clients[${index}] of ConnectClientsModule`;
    if (!Array.isArray(services) || services.length === 0) {
      throw new ConnectConfigError(
        `${where} has no services: list what is called over its channel, as in services: [ElizaService]`,
      );
    }
    const wrong = services.findIndex(
      (service: Partial<DescService> | undefined) => service?.kind !== 'service',
    );
    if (wrong !== -1) {
      throw new ConnectConfigError(
        `services[${wrong}] of ${where} is ${describeStranger(services[wrong])}: expected a service of the generated code. ` +
          'If it is imported from there, an import cycle may have kept it undefined.',
      );
    }
  });
}

/** @throws ConnectConfigError When two entries of the application provide the same client. */
export function refuseDuplicates(modules: ModulesContainer): void {
  const known = new Map<string, Registration>();
  for (const registration of findRegistrations(modules)) {
    for (const service of registration.entry.services) {
      const key = describeEntry({ ...registration.entry, services: [service] });
      const other = known.get(key);
      if (other !== undefined) {
        throw duplicate(key, service, [other, registration], modules);
      }
      known.set(key, registration);
    }
  }
}

function findRegistrations(modules: ModulesContainer): Registration[] {
  return [...modules.values()].flatMap((module) => {
    const entries = module.providers.get(CLIENT_ENTRIES)?.instance as readonly ClientServices[] | undefined;
    return (entries ?? []).map((entry, index) => ({ entry, index, module }));
  });
}

function duplicate(
  client: string,
  { name: service }: DescService,
  registrations: readonly Registration[],
  modules: ModulesContainer,
): ConnectConfigError {
  const places = registrations.map(
    ({ index, module }) => `clients[${index}] of ConnectClientsModule${placeOf(module, modules)}`,
  );
  return new ConnectConfigError(
    `${client} is registered twice: by ${places.join(', and by ')}. Give one of them a name of its own, ` +
      `{ name: "other", services: [${service}], … } and @InjectConnectClient(${service}, "other"); or register it in one module, ` +
      'and import that.',
  );
}

/** @returns Nothing for what was loaded lazily. */
function placeOf(module: Module, modules: ModulesContainer): string {
  if (module.isGlobal) {
    return ', global'; // For Nest all modules import it.
  }
  const importers = [...modules.values()].filter(({ imports }) => imports.has(module));
  return importers.length === 0 ? '' : ` in ${importers.map(({ name }) => name).join(' and ')}`;
}

function describeStranger(value: unknown): string {
  return typeof value === 'function' ? `the class or function ${value.name}` : String(value);
}
