// Jest evaluates every module of the service and of its packages again for every test file, which took two thirds of a
// small file's time. Here Node loads them, once a process, as it does in production; only the test file and test/harness
// are new for each test file. So modules of src/ share their state between test files: they must hold none but caches.
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { register } = require('node:module');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { runInNewContext } = require('node:vm');
const { default: Runtime } = require('jest-runtime');

/** Array, Date, Error, String …: what `instanceof` and `expect.any` compare by. */
const CLASSES = runInNewContext('Object.getOwnPropertyNames(globalThis)').filter(
  (name) => /^[A-Z]/.test(name) && typeof globalThis[name] === 'function',
);

let isHooked = false;
let files = 0;
let compile;

/** Once a process. */
async function hook() {
  if (isHooked) return;
  isHooked = true;
  require('reflect-metadata');
  ({ compile } = await import('./swc.mjs'));
  register(pathToFileURL(require.resolve('./hooks.mjs')));
}

module.exports = class NativeRuntime extends Runtime {
  constructor(...args) {
    super(...args);
    const [, environment, , , , { collectCoverage }, , { watch, watchAll }] = args;
    // Coverage counts only what Jest itself has loaded, and what Node has loaded stays as it was when it is edited.
    this.isNative = !collectCoverage && !watch && !watchAll;
    if (!this.isNative) return;
    this.file = ++files;
    this.console = globalThis.console;
    globalThis.console = environment.global.console;
    // Expectations run in Jest's realm, and what they look at comes from Node's: both get the same classes.
    for (const name of CLASSES) environment.global[name] = globalThis[name];
  }

  async unstable_importModule(from, moduleName) {
    if (!this.isNative) return super.unstable_importModule(from, moduleName);
    await hook();
    Object.assign(globalThis, this.requireModuleOrMock(from, '@jest/globals'));
    return import(`${pathToFileURL(from).href}?file=${this.file}`);
  }

  getSourceMaps() {
    return this.isNative ? sourceMaps : super.getSourceMaps();
  }

  teardown() {
    if (this.isNative) globalThis.console = this.console;
    super.teardown();
  }
};

/** By the URL of a script, the file that its map is in, as Jest wants it: made when a stack is first to be printed. */
class SourceMaps extends Map {
  get(url) {
    if (!/^file:.*\.ts(\?|$)/.test(url)) return undefined;
    if (!this.has(url)) this.set(url, writeMap(fileURLToPath(url)));
    return super.get(url);
  }
}

const sourceMaps = new SourceMaps();
let folder;

function writeMap(path) {
  // Named as test/harness/process.ts names its folders, which are tidied up even after a crash.
  folder ??= mkdtempSync(join(tmpdir(), `authgraph-test-${process.pid}-`));
  const file = join(folder, `${sourceMaps.size}.map`);
  writeFileSync(file, compile(path).map);
  return file;
}

process.once('exit', () => folder !== undefined && rmSync(folder, { recursive: true, force: true }));
