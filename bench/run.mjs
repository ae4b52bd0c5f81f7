// One run: rows are started, measured in turns and stopped, set by set. Answers { cells, skipped, failed }.
import { growth, processes, durationOf, sideBySide } from './groups.mjs';
import { measureGroup } from './measure.mjs';
import { median } from './numbers.mjs';
import { readPeers, startPeer } from './rows/peers.mjs';
import { startReferences } from './rows/references.mjs';
import { startBare, startService } from './rows/service.mjs';
import { tableOf } from './report/text.mjs';
import { inWords, say, step } from './stage/progress.mjs';

/** Measures what the options ask for on a stage { dir, stores, progress }. */
export async function run(stage, options) {
  const results = { cells: [], skipped: [], failed: [] };
  const wants = (name) => options.jobs.includes(name);
  const sets = [
    [options.jobs.some((name) => !['growth', 'processes', 'start'].includes(name)), openSideBySide],
    [wants('growth'), openGrowth],
    [wants('processes'), openProcesses],
  ];
  for (const [isWanted, open] of sets)
    if (isWanted) await kept(results, () => measureSet(stage, options, open, results));
  if (wants('start'))
    await kept(results, async () => results.cells.push(await measureStarts(stage, options)));
  return results;
}

/** What was measured before something broke is not lost by that; the run ends as one that has broken a promise. */
async function kept(results, work) {
  try {
    await work();
  } catch (error) {
    skip(results.failed, 'authgraph', error.message);
  }
}

/** Opens a set of rows, measures its groups, and stops the rows whatever happens. */
async function measureSet(stage, options, open, results) {
  const rows = [];
  try {
    const groups = (await open(stage, options, { rows, skipped: results.skipped })).filter(
      ({ name, cells }) => cells.length > 0 && isAsked(name, options),
    );
    say(`${groups.map(({ name }) => name).join(', ')}: about ${inWords(durationOf(groups, options))}`);
    for (const group of groups) results.cells.push(...(await measureOne(stage, group, options)));
  } finally {
    await Promise.all(rows.map((row) => row.stop()));
  }
}

const isAsked = (name, { jobs }) => jobs.includes(name.split(':')[0]);

async function measureOne(stage, group, options) {
  say(`${group.name}: ${group.cells.length} rows, about ${inWords(durationOf([group], options))}`);
  const { rounds, warmUp, connections } = options;
  const { postgresPid } = stage.stores;
  const cells = await measureGroup(group, { rounds, warmUp, connections, postgresPid, progress: step });
  // At once, since a run that is broken off has not been in vain.
  console.log(tableOf(group.name, cells));
  return cells;
}

async function openSideBySide(stage, options, { rows, skipped }) {
  const keep = (row) => (rows.push(row), row);
  step('starting the service');
  const about = 'the service on PostgreSQL alone';
  const own = keep(await startService(stage, { name: 'authgraph', about }, options));
  const withRedis = await startWithRedis(stage, options, skipped);
  if (withRedis) keep(withRedis);
  const references = await startReferences(stage, own);
  rows.push(...references);
  const peers = [];
  for (const peer of await startPeers(stage, options, skipped)) peers.push(keep(peer));
  return sideBySide({ own, withRedis, references, peers }, options);
}

async function startWithRedis(stage, options, skipped) {
  const name = 'authgraph + Redis';
  if (options.rows && !options.rows.includes(name)) return undefined;
  if (stage.stores.redisUrl)
    return startService(stage, { name, about: 'the service on PostgreSQL and Redis', redis: true }, options);
  skip(skipped, name, `Redis is missing: ${stage.stores.redisMissing}`);
  return undefined;
}

async function startPeers(stage, options, skipped) {
  const started = [];
  for (const peer of options.peers ? readPeers(options.peers, options.rows) : []) {
    step(`starting ${peer.name}`);
    try {
      if (peer.skipped) throw new Error(peer.skipped);
      started.push(await startPeer(stage, options.peers, peer, options));
    } catch (error) {
      skip(skipped, peer.name, error.message);
    }
  }
  return started;
}

/** Never silently; what is kept of the reason names no paths. */
function skip(skipped, row, reason) {
  say(`SKIPPED ${row}: ${reason}`);
  skipped.push({ row, reason: reason.split('\n')[0].replace(/(\/[^\s/:]+){2,}/g, '…') });
}

async function openGrowth(stage, options, { rows }) {
  for (const accounts of options.accounts) {
    step(`starting the service with ${accounts} accounts`);
    const variant = {
      name: `authgraph, ${accounts} accounts`,
      about: `${accounts} accounts in all`,
      accounts,
    };
    rows.push({ ...(await startService(stage, variant, options)), variant: { accounts } });
  }
  return growth(rows, options);
}

async function openProcesses(stage, options, { rows }) {
  for (const workers of options.processes) {
    step(`starting the service with ${workers} processes`);
    const variant = { name: `authgraph, ${workers} processes`, about: `WEB_CONCURRENCY=${workers}`, workers };
    rows.push({ ...(await startService(stage, variant, options)), variant: { workers } });
  }
  return processes(rows, options);
}

/** From the start of the process to the first /health/ready that says so, against a database that is migrated. */
async function measureStarts(stage, { starts }) {
  say(`start: ${starts} times`);
  const variant = { name: 'authgraph start' };
  const first = await startBare(stage, variant);
  await first.stop();
  const times = [];
  while (times.length < starts) {
    const row = await startBare(stage, variant, first.databaseUrl);
    times.push(row.readyMs);
    await row.stop();
  }
  const what = { group: 'start', row: 'authgraph', kind: 'own', job: 'start' };
  return { ...what, readyMs: median(times), rounds: times.map((readyMs) => ({ readyMs })) };
}
