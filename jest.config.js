import { swc } from './test/runner/swc.mjs';

/** @type {import('jest').Config} */
export default {
  // How a test file and the service are loaded, in a third of the time: see there.
  runtime: '<rootDir>/test/runner/runtime.cjs',
  testEnvironment: 'node',
  // The classes of Node's own realm are lent to Jest's, and must not be emptied with it.
  testEnvironmentOptions: { globalsCleanup: 'off' },
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // As tsconfig.json maps them.
    '^@authgraph/client$': '<rootDir>/packages/client/src/index.ts',
    '^@authgraph/client/(.*)$': '<rootDir>/packages/client/src/$1.ts',
  },
  setupFiles: ['reflect-metadata'],
  setupFilesAfterEnv: ['<rootDir>/test/harness/quiet-console.ts'],
  globalSetup: '<rootDir>/test/harness/global-setup.mjs',
  globalTeardown: '<rootDir>/test/harness/global-teardown.mjs',
  // Two, because every test file brings servers of its own along.
  maxWorkers: 2,
  // A test file that has been run stays in memory: a process that has grown that much is replaced by a fresh one.
  workerIdleMemoryLimit: '2GB',
  testTimeout: 30_000,
  coverageProvider: 'v8',
  coverageDirectory: 'coverage',
  coverageReporters: ['text-summary', 'lcov'],
  collectCoverageFrom: ['src/**/*.ts', 'migrations/**/*.ts'],
  coverageThreshold: { global: { lines: 90 } },
};
