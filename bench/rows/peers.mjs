// Rows of other servers, described by files: DIR/targets/*.json. bench/README.md documents what stands in one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../stage/processes.mjs';
import { populate, probe } from './row.mjs';

/** What a job of a row file may be called. */
const LOADED = ['verify', 'signin', 'refresh', 'signup'];

/** The descriptions in a folder, by file, each { file, name, … } or { file, name, skipped } with the reason. */
export function readPeers(dir, wanted) {
  const folder = join(dir, 'targets');
  if (!existsSync(folder)) throw new Error(`${dir} has no folder targets with row files`);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => described(folder, file))
    .filter(({ name }) => wanted === undefined || wanted.includes(name));
}

function described(folder, file) {
  const name = file.slice(0, -'.json'.length);
  try {
    const row = { name, ...JSON.parse(readFileSync(join(folder, file), 'utf8')) };
    // What others write of themselves stays theirs.
    return { ...row, about: undefined, kind: kindOf(row), skipped: mistakeOf(row) };
  } catch (error) {
    return { name, skipped: `${file} is no JSON: ${error.message}` };
  }
}

/** What is asked without naming a token or a session verifies nothing: a measure for others, and nobody to be ahead of. */
function kindOf({ jobs: { verify } = {} }) {
  return verify && !JSON.stringify(verify).includes('{{') ? 'reference' : 'peer';
}

function mistakeOf({ name, start, url, jobs }) {
  if (name === 'authgraph') return 'it is this service, which has a row already';
  if (!start && !url) return 'it has neither "start" nor "url"';
  if (start && !Array.isArray(start.cmd)) return '"start" has no list "cmd"';
  const loaded = Object.entries(jobs ?? {}).filter(([job]) => LOADED.includes(job));
  if (loaded.length === 0) return `it has none of the jobs ${LOADED.join(', ')}`;
  const pathless = loaded.find(([, { path }]) => typeof path !== 'string');
  return pathless && `its job ${pathless[0]} has no path`;
}

/** Starts one, with its people and sessions. @throws Error that says why it cannot be measured */
export async function startPeer(stage, dir, description, { people, sessions }) {
  const row = { ...description, ...(await started(stage, dir, description)) };
  try {
    await populate(row, people, sessions);
    row.facts = await probe(row);
    return row;
  } catch (error) {
    await row.stop();
    throw error;
  }
}

async function started(stage, dir, { name, start, url }) {
  if (!start) return { url, stop: () => undefined };
  const { stores } = stage;
  if (!stores.redisUrl) throw new Error(`Redis is missing: ${stores.redisMissing}`);
  return startServer({
    command: start.cmd,
    cwd: join(dir, start.cwd ?? '.'),
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production' },
      DATABASE_URL: await stores.databaseFor(name),
      REDIS_URL: stores.redisUrl,
      REDIS_PREFIX: `${name}:`,
      ...start.env,
    },
    log: join(stage.dir, `peer-${name}.log`),
    ready: start.ready,
  });
}
