import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { pino, type Logger } from 'pino';
import type { Config } from './config.js';
import type { App } from './context.js';
import { startEmbeddedPostgres } from './db/embedded.js';
import { migrate } from './db/migrate.js';
import { connectPostgres } from './db/postgres.js';
import { connectRedis } from './db/redis.js';
import { openRoles } from './domain/access.js';
import type { Clock } from './domain/clock.js';
import { openLimiters } from './domain/limits.js';
import { openPostman } from './domain/mail.js';
import { ensureOwner, type FirstOwner } from './domain/owner.js';
import { openHashQueue } from './domain/passwords.js';
import { openFeed, purgeRevocations } from './domain/revocations.js';
import { purgeSessions } from './domain/sessions.js';
import { openKeyring, rememberVerifiedTokens } from './domain/tokens.js';
import { openDoors } from './http.js';
import { openGraphQL } from './http/graphql.js';
import { DOCUMENT_LIMITS, documentLimits } from './permissions/document-limits.js';
import { credentialMutations } from './permissions/table.js';
import { buildSchema } from './schema/index.js';

/** A running service. */
export interface RunningApp {
  url: string;
  /** Where the data is: the embedded PostgreSQL, or the one that DATABASE_URL names. */
  database: 'embedded' | 'external';
  /** The owner made for an empty database, at its first start only. */
  firstOwner: FirstOwner | undefined;
  log: Logger;
  /** Not ready any more → no new connections → what is in flight ends, within ten seconds → everything is closed. */
  close(): Promise<void>;
}

/** How long a balancer may take to see that we are not ready any more, in milliseconds; until then all is answered. */
const LEAVE_MS = 3000;
/** How long requests in flight may take to end, in milliseconds. */
const DRAIN_MS = 10_000;
const PURGE_EVERY_MS = 60_000;

/** The machine's own time. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** Puts the service together, brings its database up to date and listens. */
export async function createApp(config: Config, clock: Clock = systemClock): Promise<RunningApp> {
  const closing: (() => unknown)[] = [];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    return await assemble(config, clock, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  config: Config,
  clock: Clock,
  closing: (() => unknown)[],
  close: () => Promise<void>,
): Promise<RunningApp> {
  const log = pino({
    level: config.log.level,
    base: null,
    redact: ['password', '*.password', 'err.config', 'err.parameters', 'err.bindings'],
  });
  const databaseUrl = config.data.databaseUrl ?? (await embedded(config, log, closing));
  await migrate(databaseUrl);
  const db = connectPostgres(databaseUrl, config.data.poolSize);
  closing.push(() => db.destroy());

  const redis = config.data.redisUrl
    ? connectRedis(config.data.redisUrl, (error) =>
        log.warn({ err: error }, 'Redis is away; the service goes on without it'),
      )
    : undefined;
  closing.push(() => redis?.disconnect());
  const feed = await openFeed({ db, databaseUrl, redis, redisUrl: config.data.redisUrl, clock, log });
  closing.push(() => feed.close());
  const keyring = await openKeyring({ db, feed, config, log });
  closing.push(() => keyring.close());
  const hashes = openHashQueue(config.passwords.hashCost);
  const firstOwner = await ensureOwner({ db, config, hashes });
  const postman = openPostman(db, config, log);
  closing.push(() => postman.close());

  const roles = await openRoles({ db, feed });
  const app: App = {
    config,
    clock,
    log,
    db,
    feed,
    keyring,
    roles,
    verified: rememberVerifiedTokens(),
    hashes,
    limiters: openLimiters(config, redis),
    postman,
  };
  closing.push(keepTidy(app));
  const url = await serve(app, closing);
  return {
    url,
    database: config.data.databaseUrl === undefined ? 'embedded' : 'external',
    firstOwner,
    log,
    close,
  };
}

async function embedded(config: Config, log: Logger, closing: (() => unknown)[]): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    dataDir: config.data.dir,
    log: (message) => log.info(message),
  });
  closing.push(() => postgres.stop());
  return postgres.url;
}

function keepTidy(app: App): () => void {
  const purge = () =>
    Promise.all([purgeSessions(app), purgeRevocations(app)]).catch((error: unknown) =>
      app.log.warn({ err: error }, 'nothing could be purged'),
    );
  const timer = setInterval(() => void purge(), PURGE_EVERY_MS).unref();
  return () => clearInterval(timer);
}

async function serve(app: App, closing: (() => unknown)[]): Promise<string> {
  const limits = documentLimits({ ...DOCUMENT_LIMITS, credentialMutations });
  const graphql = await openGraphQL(app, buildSchema(), [limits]);
  closing.push(() => graphql.close());
  const doors = openDoors(app, graphql);
  const { server } = doors;
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(app.config.http.port, app.config.http.host, resolve),
  );
  closing.push(async () => {
    doors.drain();
    if (app.config.production) await delay(LEAVE_MS);
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    await closed;
    clearTimeout(timer);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
