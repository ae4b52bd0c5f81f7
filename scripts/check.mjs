// `npm run check [-- name …]`: all that must hold besides the tests. Two checks run at once; each speaks when it is done.
import { spawn } from 'node:child_process';
import { prepare, root } from './prepare.mjs';

const bin = (path, ...args) => [`node_modules/${path}`, ...args];

/** The slow ones first. */
const CHECKS = {
  lint: bin('eslint/bin/eslint.js', '.', '--max-warnings', '0'),
  types: bin('typescript/lib/tsc.js', '-p', 'tsconfig.json', '--noEmit'),
  format: bin('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
  'import law': bin(
    'dependency-cruiser/bin/dependency-cruise.mjs',
    '--output-type',
    'err-long',
    ...folders(),
  ),
  'client package': ['scripts/client-check.mjs'],
  'dead code': bin('knip/bin/knip.js'),
  schema: ['scripts/schema-print.mjs', '--check'],
  'sample operations': ['scripts/operations-check.mjs'],
  'docs of permissions': ['scripts/docs-permissions.mjs', '--check'],
  codegen: bin('@graphql-codegen/cli/cjs/bin.js', '--config', 'codegen.yml', '--check', '--errors-only'),
};
const AT_ONCE = 2;

await prepare();
const asked = process.argv.slice(2);
const waiting = Object.entries(CHECKS).filter(([name]) => asked.length === 0 || asked.includes(name));
const failed = [];
await Promise.all(Array.from({ length: AT_ONCE }, work));
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}. One alone: npm run check -- "${failed[0]}"`);
  process.exitCode = 1;
}

async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await check(...next);
}

async function check(name, args) {
  const started = performance.now();
  const { code, output } = await run(args);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)`);
  if (code === 0) return;
  console.log(output.trimEnd());
  failed.push(name);
}

function run(args) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code: code ?? 1, output })));
}

/** What the import law speaks about. */
function folders() {
  return ['src', 'migrations', 'gateway', 'bench', 'faults', 'test', 'packages'];
}
