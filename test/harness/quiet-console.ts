import { afterAll, afterEach, beforeEach } from '@jest/globals';
import { format } from 'node:util';
import { requireNothingSecretSeen } from './secrets.js';

/** A test that prints fails: what is worth saying belongs in an expectation or in the log, where tests can read it. */
const METHODS = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;

let printed: string[] = [];

for (const method of METHODS) {
  // eslint-disable-next-line no-console -- this is what keeps others from it
  console[method] = (...words: unknown[]) => void printed.push(`console.${method}: ${format(...words)}`);
}

beforeEach(() => {
  printed = [];
});

afterEach(() => {
  if (printed.length > 0) throw new Error(`This test printed to the console:\n${printed.join('\n')}`);
});

// Where no service of the file’s own is closed, which looks for itself.
afterAll(() => requireNothingSecretSeen());
