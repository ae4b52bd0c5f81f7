// How Node itself loads the tests: hooks for node:module's register(). TypeScript is compiled, `./x.js` means `./x.ts`
// as it does to the compiler, and what the tests consist of is evaluated anew for every test file.
import { fileURLToPath } from 'node:url';
import { compile } from './swc.mjs';

const TESTS = new URL('../', import.meta.url).href;
/** `?file=7`: a module of the seventh test file of this process, and of no other. */
const FILE = /\?file=\d+$/;
const TYPESCRIPT = /\.ts(\?|$)/;
const JEST_GLOBALS = 'jest-globals:';
const NAMES = 'afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest, test';

/** The client library, by the names that it is published under, as tsconfig.json maps them. */
const CLIENT = new URL('../../packages/client/src/', import.meta.url);
const OWN = /^@authgraph\/client(?:\/([a-z]+))?$/;

const compiled = new Map();

export async function resolve(specifier, context, next) {
  const { parentURL = '' } = context;
  const [file = ''] = FILE.exec(parentURL) ?? [];
  const own = OWN.exec(specifier);
  if (own)
    return { url: new URL(`${own[1] ?? 'index'}.ts`, CLIENT).href, format: 'module', shortCircuit: true };
  if (specifier === '@jest/globals') return { url: JEST_GLOBALS + file, shortCircuit: true };
  if (!specifier.startsWith('.') || !TYPESCRIPT.test(parentURL)) return next(specifier, context);
  const found = await next(specifier.replace(/\.js$/, '.ts'), context);
  return found.url.startsWith(TESTS) ? { ...found, url: found.url + file } : found;
}

export async function load(url, context, next) {
  const isGlobals = url.startsWith(JEST_GLOBALS);
  if (!isGlobals && !TYPESCRIPT.test(url)) return next(url, context);
  const source = isGlobals ? `export const { ${NAMES} } = globalThis;` : compiledOnce(fileURLToPath(url));
  return { format: 'module', source, shortCircuit: true };
}

function compiledOnce(path) {
  if (!compiled.has(path)) compiled.set(path, compile(path).code);
  return compiled.get(path);
}
