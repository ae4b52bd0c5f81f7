// Holds packages/client against what is published of it: it builds; Node alone loads it by each of its names, as a module and by
// require; what is shipped is there, with its license; and it needs nothing that it does not name.
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { main, root, Unprepared } from './prepare.mjs';

const folder = join(root, 'packages', 'client');
const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const names = Object.keys(about.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => join(about.name, entry));
const SPECIFIER = /(?:\bfrom|\bimport)\s*\(?\s*'([^'.][^']*)'/g;

await main(() => {
  run('scripts/build-client.mjs');
  const faults = [...names.flatMap(faultsOfLoading), ...faultsOfPack(), ...faultsOfNeeds()];
  if (faults.length > 0)
    throw new Unprepared(`packages/client:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
});

function run(script) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Unprepared(stdout + stderr);
}

/** From inside of the package its own name leads by `exports`, as it does for whoever installed it. */
function faultsOfLoading(name) {
  const ways = [
    ['--input-type=module', '--eval', `await import('${name}')`],
    ['--input-type=commonjs', '--eval', `require('${name}')`],
  ];
  return ways.flatMap((args) => {
    const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    return status === 0 ? [] : [`${args[2]}: ${stderr.split('\n').find((line) => line.includes('Error'))}`];
  });
}

function faultsOfPack() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  const shipped = new Set(JSON.parse(stdout)[0].files.map(({ path }) => path));
  const due = Object.values(about.exports).flatMap(({ types, default: code }) => (code ? [types, code] : []));
  const wanted = ['LICENSE', 'README.md', ...due.map((path) => path.replace('./', ''))];
  const missing = wanted.filter((path) => !shipped.has(path)).map((path) => `${path} is not shipped`);
  const extra = [...shipped].filter((path) => !/^(dist\/|LICENSE$|README\.md$|package\.json$)/.test(path));
  return [...missing, ...extra.map((path) => `${path} is shipped`)];
}

/** Packages that what is shipped imports, and package.json does not name. */
function faultsOfNeeds() {
  const named = new Set(Object.keys({ ...about.dependencies, ...about.peerDependencies }));
  const files = readdirSync(join(folder, 'dist'), { recursive: true }).filter((path) =>
    /\.(js|d\.ts)$/.test(path),
  );
  const needs = files.flatMap((path) => {
    const text = readFileSync(join(folder, 'dist', path), 'utf8');
    return [...text.matchAll(SPECIFIER)].map(([, specifier]) => packageOf(specifier));
  });
  return [...new Set(needs)]
    .filter((need) => !named.has(need) && !need.startsWith('node:') && !builtinModules.includes(need))
    .map((need) => `${need} is imported, and not named in package.json`);
}

function packageOf(specifier) {
  const parts = specifier.startsWith('@') ? 2 : 1;
  return specifier.split('/').slice(0, parts).join('/');
}
