const swc = [
  '@swc/jest',
  {
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      keepClassNames: true,
    },
    module: { type: 'es6' },
  },
];

/** What every jest run here shares; `jest.interop.config.js` adds the suites that need foreign programs. */
export const shared = {
  // One worker for each core: jest leaves one free, which on two cores is half of the machine.
  maxWorkers: '100%',
  globalSetup: '<rootDir>/test/support/temporary-files.mjs',
  testEnvironment: 'node',
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': swc },
  moduleNameMapper: {
    '^nestjs-connect$': '<rootDir>/lib/index.ts',
    '^nestjs-connect/(client|testing)$': '<rootDir>/lib/$1/index.ts',
    // The array: the rule also hits node_modules, where the .js file itself is meant.
    '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'],
  },
};

export default {
  ...shared,
  testMatch: ['<rootDir>/{lib,generator,schematics,sample,conformance,test}/**/*.spec.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/interop/',
    '<rootDir>/test/browser/',
    '<rootDir>/test/faults/',
    '<rootDir>/test/backpressure/',
  ],
};
