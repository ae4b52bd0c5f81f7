import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { Clock } from './domain/clock.js';
import type { Issuers } from './domain/issuers.js';
import { silentMeters, type Meters } from './domain/meters.js';
import type { HashPool } from './domain/passwords.js';
import type { Feed } from './domain/revocations.js';
import type { Keyring } from './domain/tokens.js';
import type { Tracer } from './domain/tracing.js';
import { readBacklog } from './observability/backlog.js';
import { answerSupervisor } from './observability/crew.js';
import { openFamilies, type Families } from './observability/families.js';
import { countInto } from './observability/meters.js';
import { servePage } from './observability/page.js';
import { readPool, watchPool } from './observability/pools.js';

export { serveCrew } from './observability/crew.js';
export { observeFields } from './observability/fields.js';

/** What is looked at when somebody reads the numbers; a service without accounts has little of it. */
export interface Observed {
  clock: Clock;
  issuers: Issuers;
  /** Where what waits is read. */
  vital?: Knex;
  redis?: { readonly status: string } | undefined;
  feed?: Pick<Feed, 'age'>;
  hashes?: Pick<HashPool, 'load'>;
  keyring?: Pick<Keyring, 'signingSince'>;
}

/** The service's numbers and traces. */
export interface Observability {
  readonly meters: Meters;
  /** Undefined where no traces are made. */
  readonly tracer: Tracer | undefined;
  /** Where the numbers are, if anywhere; a worker's are where its supervisor says. */
  readonly url: string | undefined;
  /** Follows what goes through these pools, by their names; before they are used. */
  readonly watchPools: (pools: Readonly<Record<string, Knex>>) => void;
  /** From now on these are looked at as well. */
  readonly watch: (parts: Observed) => void;
  close(): Promise<void>;
}

/**
 * Opens what METRICS_PORT and OTEL_EXPORTER_OTLP_ENDPOINT ask for. What is not asked for is not loaded, and costs nothing.
 * @throws when METRICS_PORT is taken
 */
export async function openObservability(
  config: Pick<Config, 'metrics' | 'traces' | 'stateless'>,
  log: Logger,
): Promise<Observability> {
  const numbers = config.metrics && (await openNumbers(config.metrics, config.stateless.on));
  const traces = config.traces && (await openTraces(config.traces, log));
  return {
    meters: numbers?.meters ?? silentMeters,
    tracer: traces,
    url: numbers?.url,
    watchPools(pools) {
      if (!numbers && !traces) return;
      for (const [name, pool] of Object.entries(pools)) watchPool(numbers?.families, name, pool);
      numbers?.read(() => {
        for (const [name, pool] of Object.entries(pools)) readPool(numbers.families, name, pool);
      });
    },
    watch(parts) {
      numbers?.read(readerOf(numbers.families, parts));
    },
    async close() {
      await Promise.all([traces?.close(), numbers?.close()]);
    },
  };
}

/** Takes down how something stands. */
type Reader = () => void | Promise<void>;

async function openTraces(to: NonNullable<Config['traces']>, log: Logger) {
  const { openTraces: open } = await import('./observability/traces.js');
  return open(to, log);
}

async function openNumbers(at: NonNullable<Config['metrics']>, isStateless: boolean) {
  const { openRegistry } = await import('./observability/registry.js');
  const families = openFamilies();
  families.authgraph_build_info.set(1, versionOf(), process.version, isStateless ? 'stateless' : 'accounts');
  const registry = openRegistry(Object.values(families));
  const readers: Reader[] = [];
  const write = async () => {
    for (const read of readers) await read();
    return registry.text();
  };
  const { worker } = cluster;
  const page = worker ? answerSupervisor(worker, write) : await servePage(at, write);
  return {
    families,
    meters: countInto(families),
    url: page.url,
    /** Calls this before each reading. */
    read: (reader: Reader) => void readers.push(reader),
    close: () => page.close(),
  };
}

/** Reads everything that is a state rather than an event. */
function readerOf(families: Families, parts: Observed): Reader {
  const { clock, vital, redis, feed, hashes, keyring, issuers } = parts;
  const backlog = vital && readBacklog(families, vital);
  return async () => {
    if (feed) families.authgraph_revocation_feed_age_seconds.set(Math.max(0, feed.age()) / 1000);
    if (redis) families.authgraph_redis_up.set(redis.status === 'ready' ? 1 : 0);
    if (keyring)
      families.authgraph_signing_key_age_seconds.set((clock.now() - keyring.signingSince().getTime()) / 1000);
    if (hashes) readHashes(families, hashes);
    for (const { issuer, ageMs } of issuers.ages())
      families.authgraph_issuer_keys_age_seconds.set(ageMs / 1000, issuer);
    await backlog?.();
  };
}

function readHashes(families: Families, hashes: Pick<HashPool, 'load'>): void {
  const { waiting, busy, size } = hashes.load();
  families.authgraph_hash_queue_waiting.set(waiting);
  families.authgraph_hash_processes_busy.set(busy);
  families.authgraph_hash_processes_limit.set(size);
}

const isBuilt = !import.meta.url.endsWith('.ts');

function versionOf(): string {
  const file = new URL(isBuilt ? '../../package.json' : '../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
