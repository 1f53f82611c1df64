/**
 * What an application says of its clients before it has any: which services, under which names.
 */
import { type DescService } from '@bufbuild/protobuf';
import { type ModulesContainer } from '@nestjs/core';
import { ConnectConfigError } from '../connect-config.error.js';
import { LIFECYCLE_HOOKS } from '../lifecycle-hooks.js';
import { descOf, type GeneratedClient, isGeneratedClient } from './generated-client.js';

/** Which clients an entry of {@link ConnectClientsModule} provides. */
export interface ClientServices {
  /** For a second entry with the same service: `@InjectConnectClient(ElizaService, name)`. Default: no name. */
  readonly name?: string | undefined;
  /**
   * Services behind the one channel of the entry; each has a client and an Rx client. At least one. A generated client
   * class, such as `ElizaServiceClient`, stands for its service, and can itself be injected; not in an entry with a name.
   */
  readonly services: readonly (DescService | GeneratedClient)[];
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
  const typeNames = new Set(services.map((listed) => descOf(listed).typeName));
  return `the client${named} of ${[...typeNames].join(', ')}`;
}

/** @throws ConnectConfigError When an entry has no services, something else among them, or one that it cannot provide. */
export function checkEntries(entries: readonly ClientServices[]): void {
  entries.forEach(({ name, services }, index) => {
    const where = `clients[${index}] of ConnectClientsModule`;
    if (!Array.isArray(services) || services.length === 0) {
      throw new ConnectConfigError(
        `${where} has no services: list what is called over its channel, as in services: [ElizaService]`,
      );
    }
    const wrong = services.findIndex(
      (listed: Partial<DescService> | undefined) => !isGeneratedClient(listed) && listed?.kind !== 'service',
    );
    if (wrong !== -1) {
      throw new ConnectConfigError(
        `services[${wrong}] of ${where} is ${describeStranger(services[wrong])}: expected a service, or a client class, of the generated code. ` +
          'If it is imported from there, an import cycle may have kept it undefined.',
      );
    }
    services.forEach((listed) => checkProvidable(listed, name, where));
  });
}

function checkProvidable(
  listed: DescService | GeneratedClient,
  name: string | undefined,
  where: string,
): void {
  refuseMethodsOfNest(descOf(listed), where);
  if (name !== undefined && isGeneratedClient(listed)) {
    throw nameless(listed, name, where);
  }
}

/** Methods that Nest calls of whatever its factories return, which would ask the service. `then` would never be answered. */
const METHODS_OF_NEST: ReadonlyMap<string, string> = new Map([
  ['then', 'makes its client look like a promise'],
  ...Array.from(LIFECYCLE_HOOKS, (hook) => [hook, 'Nest would call as a lifecycle hook'] as const),
]);

function refuseMethodsOfNest({ typeName, methods }: DescService, where: string): void {
  const method = methods.find(({ localName }) => METHODS_OF_NEST.has(localName));
  if (method !== undefined) {
    throw new ConnectConfigError(
      `${where} lists ${typeName}, whose method ${method.name} ${METHODS_OF_NEST.get(method.localName)}: such a client cannot be ` +
        'injected. Inject an object that holds one, made with createClient().',
    );
  }
}

/** A class is a token for one client; which entry's, it could not tell. */
function nameless(
  { name: className, service }: GeneratedClient,
  name: string,
  where: string,
): ConnectConfigError {
  return new ConnectConfigError(
    `${where} is named ${JSON.stringify(name)}, but lists ${className}, which is injected without a name. List the service, ` +
      `services: [${service.name}], and inject it with @InjectConnectClient(${service.name}, ${JSON.stringify(name)}).`,
  );
}

/** @throws ConnectConfigError When two entries of the application provide the same client. */
export function refuseDuplicates(modules: ModulesContainer): void {
  const known = new Map<string, Registration>();
  for (const registration of findRegistrations(modules)) {
    for (const service of providedServices(registration.entry)) {
      const key = describeEntry({ ...registration.entry, services: [service] });
      const other = known.get(key);
      if (other !== undefined) {
        throw duplicate(key, service, [other, registration], modules);
      }
      known.set(key, registration);
    }
  }
}

/** A service's two classes, or one beside its descriptor, are no two clients; the same one listed twice is. */
function providedServices({ services }: ClientServices): DescService[] {
  return services
    .filter((listed, index) => {
      const before = services
        .slice(0, index)
        .filter((other) => descOf(other).typeName === descOf(listed).typeName);
      return before.length === 0 || before.some((other) => styleOf(other) === styleOf(listed));
    })
    .map(descOf);
}

function styleOf(listed: DescService | GeneratedClient): GeneratedClient['style'] | undefined {
  return isGeneratedClient(listed) ? listed.style : undefined;
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
