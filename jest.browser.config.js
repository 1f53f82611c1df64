import { shared } from './jest.config.js';

export default { ...shared, testMatch: ['<rootDir>/test/browser/**/*.spec.ts'], testTimeout: 30_000 };
