import { readFileSync } from 'node:fs';
import { transformSync } from '@swc/core';

/** The same TypeScript as tsconfig.json describes, compiled file by file. */
export const swc = {
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: false, useDefineForClassFields: false },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

/** The JavaScript of a TypeScript file, and the source map of it, as texts. */
export function compile(path) {
  const options = { ...swc, filename: path, swcrc: false, configFile: false, sourceMaps: true };
  return transformSync(readFileSync(path, 'utf8'), options);
}
