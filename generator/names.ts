/**
 * The names that a service gives to what is generated for it.
 *
 * Two services of one file can ask for the same: `Eliza` has an `ElizaRxClient`, and so has `ElizaRx`. The later one gets a
 * `$`, as protoc-gen-es does it: no name of a .proto file holds one.
 */
import { type DescFile, type DescService } from '@bufbuild/protobuf';

const AFFIXES = {
  handler: ['', 'Handler'],
  base: ['', 'Base'],
  client: ['', 'Client'],
  rxClient: ['', 'RxClient'],
  mocked: ['', 'Mocked'],
  createMock: ['create', 'Mock'],
  createRxMock: ['create', 'RxMock'],
} as const;

export type ServiceNames = Readonly<Record<keyof typeof AFFIXES, string>>;

/** @throws Error When two methods of a service have one name in TypeScript. */
export function nameServices({ services }: DescFile): ReadonlyMap<DescService, ServiceNames> {
  const taken = new Set<string>();
  return new Map(
    services.map((service) => {
      refuseSameNames(service);
      const names = Object.entries(AFFIXES).map(([what, [before, after]]) => [
        what,
        claim(`${before}${service.name}${after}`, taken),
      ]);
      // The keys are those of AFFIXES.
      return [service, Object.fromEntries(names) as ServiceNames];
    }),
  );
}

function claim(ideal: string, taken: Set<string>): string {
  let name = ideal;
  for (let salt = 1; taken.has(name); salt++) {
    name = salt === 1 ? `${ideal}$` : `${ideal}$${salt - 1}`;
  }
  taken.add(name);
  return name;
}

function refuseSameNames({ typeName, methods }: DescService): void {
  methods.forEach((method, index) => {
    const other = methods.slice(0, index).find(({ localName }) => localName === method.localName);
    if (other !== undefined) {
      throw new Error(
        `${typeName} has the methods ${other.name} and ${method.name}, which are both "${method.localName}" in TypeScript: ` +
          'rename one of them',
      );
    }
  });
}
