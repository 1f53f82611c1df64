import { shared } from './jest.config.js';

export default {
  ...shared,
  testMatch: ['<rootDir>/test/faults/**/*.spec.ts'],
  testTimeout: 60_000,
  maxWorkers: 1,
};
