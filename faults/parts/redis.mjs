// Redis as operators run it: one server, a master that Sentinels watch, a Cluster.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderFor, freePort, home, isThere, start, until } from './processes.mjs';

export const lacksRedis = () =>
  isThere('redis-server') && isThere('redis-cli') ? undefined : 'no redis-server';

/** Each look starts a process for each server, in milliseconds. */
const LOOK_EVERY_MS = 200;
/** So far above its port the servers of a Cluster talk to each other. */
const BUS = 10_000;
let count = 0;

/** One redis-server on a port of its own. @param settings of redis.conf */
export async function openRedis(settings = {}, ...flags) {
  const port = await freePort(BUS);
  const folder = folderFor(`redis${++count}`);
  const all = { port, bind: '127.0.0.1', save: '""', appendonly: 'no', dir: folder, ...settings };
  const file = join(folder, 'redis.conf');
  writeFileSync(
    file,
    Object.entries(all)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  );
  const ask = (...words) =>
    execFileSync('redis-cli', ['-p', port, ...words], { encoding: 'utf8', timeout: 5000, stdio: 'pipe' });
  let running;
  const launch = () => {
    const launched = start(['redis-server', file, ...flags], { log: join(home, 'redis.log') });
    void launched.ended.then(() => (launched.hasEnded = true));
    running = launched;
  };
  const server = {
    port,
    url: `redis://127.0.0.1:${port}`,
    ask,
    async start() {
      launch();
      await until('Redis answers', () => {
        // Somebody's connection has one of its ports, for a moment.
        if (running.hasEnded) launch();
        try {
          return ask('ping').includes('PONG');
        } catch {
          return false;
        }
      });
    },
    async kill() {
      running.child.kill('SIGKILL');
      await running.ended;
    },
    pause: () => running.child.kill('SIGSTOP'),
    resume: () => running.child.kill('SIGCONT'),
  };
  await server.start();
  return server;
}

const several = (count, open) => Promise.all(Array.from({ length: count }, open));

/** A master, two replicas, three Sentinels. */
export async function openSentinels() {
  const master = await openRedis();
  const follow = { replicaof: `127.0.0.1 ${master.port}` };
  const servers = [master, ...(await several(2, () => openRedis(follow)))];
  const watch = [
    ['monitor mymaster 127.0.0.1', `${master.port} 2`],
    ['down-after-milliseconds mymaster', '500'],
    ['failover-timeout mymaster', '2000'],
  ].map(([name, value]) => [`sentinel ${name}`, value]);
  const sentinels = await several(3, () => openRedis(Object.fromEntries(watch), '--sentinel'));
  const masterPort = () =>
    Number(sentinels[0].ask('sentinel', 'get-master-addr-by-name', 'mymaster').split('\n')[1]);
  await until('the Sentinels know each other', () =>
    sentinels.every((one) => /sentinels=3/.test(one.ask('info', 'sentinel'))),
  );
  await until('the replicas are known', () =>
    sentinels.every((one) => /slaves=2/.test(one.ask('info', 'sentinel'))),
  );
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/mymaster`,
    master: () => servers.find(({ port }) => port === masterPort()),
    /** Waits until another one than this is the master. */
    successorOf: (old) => until('there is another master', () => masterPort() !== old.port),
    async close() {
      await Promise.all([...sentinels, ...servers].map((one) => (one.resume(), one.kill())));
    },
  };
}

/** Three masters with a replica each. */
export async function openCluster() {
  const settings = {
    'cluster-enabled': 'yes',
    // On a busy machine a server is silent for longer than a second, and then nobody has a majority.
    'cluster-node-timeout': 2000,
    'cluster-replica-validity-factor': 0,
    'cluster-config-file': 'nodes.conf',
  };
  const servers = await several(6, () => openRedis(settings));
  const places = servers.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...places, '--cluster-replicas', '1', '--cluster-yes']);
  const isMaster = ({ ask }) => ask('role').startsWith('master');
  const isWhole = ({ ask }) => /cluster_state:ok/.test(ask('cluster', 'info'));
  await until('the Cluster stands', () => servers.every(isWhole));
  await until('each master has a replica', () => servers.filter(isMaster).length === 3);
  return {
    url: `redis+cluster://${places.slice(0, 3).join(',')}`,
    servers,
    masters: () => servers.filter(isMaster),
    /** Waits until all slots are served again without this one. */
    healedWithout: (lost) =>
      until(
        'a replica has taken over',
        () => {
          const others = servers.filter((one) => one !== lost);
          return others.filter(isMaster).length === 3 && others.every(isWhole);
        },
        90_000,
        LOOK_EVERY_MS,
      ),
    close: () => Promise.all(servers.map((one) => one.kill())),
  };
}

/** How often one name of a limit was counted, over all servers: whether Redis is in use at all. */
export const countersIn = (servers) =>
  servers.reduce(
    (sum, { ask }) =>
      sum + ask('--scan', '--pattern', 'authgraph:limit:*').split('\n').filter(Boolean).length,
    0,
  );
