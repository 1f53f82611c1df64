import { shared } from './jest.config.js';

export default {
  ...shared,
  testMatch: ['<rootDir>/test/backpressure/**/*.spec.ts'],
  testTimeout: 60_000,
  maxWorkers: 1,
};
