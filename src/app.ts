import 'reflect-metadata';
import type { Logger } from 'pino';
import { systemClock } from './clock.js';
import { ConfigError, type Config } from './config.js';
import { contextOf, type App } from './context.js';
import { shareSessions } from './db/at-once.js';
import { keepPostgres } from './db/kept-postgres.js';
import { migrate, pendingMigrations } from './db/migrate.js';
import { connectPostgres } from './db/postgres.js';
import { chooseRole, openLogin, ownsNothing, type Working } from './db/rights.js';
import { closeRedis, connectRedis } from './db/redis.js';
import { openStanding, type Duty } from './db/standing.js';
import { rememberAccess } from './domain/access.js';
import { openAlerts, purgeAlerts } from './domain/alerts.js';
import { signWith } from './domain/audit.js';
import { openCatalogue, type Catalogue } from './domain/catalogue.js';
import type { Clock } from './domain/clock.js';
import { openIssuers } from './domain/issuers.js';
import { openSealer } from './domain/ledger.js';
import { openLimiters, purgeLimits } from './domain/limits.js';
import { openPostman, openTemplates } from './domain/mail.js';
import { purgeChallenges } from './domain/mfa.js';
import { preparePasskeys, purgePasskeyChallenges } from './domain/passkeys.js';
import { purgeAddressChanges } from './domain/address-changes.js';
import { purgeOneTimeTokens } from './domain/one-time.js';
import { ensureOwner, ownerPasswordFault, type FirstOwner } from './domain/owner.js';
import { openHashPool } from './domain/passwords.js';
import { openFeed, purgeRevocations } from './domain/revocations.js';
import { openServiceTokens } from './domain/service-tokens.js';
import { purgeSessions } from './domain/sessions.js';
import { openKeyring, rememberVerifiedTokens } from './domain/tokens.js';
import { openWitness, purgeSightings } from './domain/witness.js';
import { openDoors } from './http.js';
import { openLog } from './log.js';
import { observeFields, openObservability, type Observability } from './observability.js';
import { openGraphQL } from './http/graphql.js';
import { listen } from './http/listen.js';
import { openLocations } from './http/location.js';
import { decisive, DOCUMENT_LIMITS, documentLimits } from './permissions/document-limits.js';
import { credentialMutations } from './permissions/table.js';
import type { Running } from './running.js';
import { buildSchema } from './schema/index.js';

export { systemClock } from './clock.js';

/** A running service. */
export interface RunningApp extends Running {
  /** Where the data is: the embedded PostgreSQL, or the one that DATABASE_URL names. */
  database: 'embedded' | 'external';
  /** The owner made for an empty database, at its first start only. */
  firstOwner: FirstOwner | undefined;
}

/** How what was opened is closed, last first. */
type Closing = ((isReplaced?: boolean) => unknown)[];

const PURGE_EVERY_MS = 60_000;

/** Puts the service together, brings its database up to date and listens. */
export async function createApp(
  config: Config,
  clock: Clock = systemClock,
  log: Logger = openLog(config),
): Promise<RunningApp> {
  const closing: Closing = [];
  const close = async (isReplaced?: boolean) => {
    for (const step of closing.splice(0).reverse()) await step(isReplaced);
  };
  try {
    return await assemble(config, clock, log, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  config: Config,
  clock: Clock,
  log: Logger,
  closing: Closing,
  close: RunningApp['close'],
): Promise<RunningApp> {
  requireOwnerPassword(config);
  // Closed last: stopping is worth watching, too.
  const observability = await openObservability(config, log);
  closing.push(() => observability.close());
  const working = await openDatabase(config, log, closing);
  const app = await openParts(config, clock, log, working, closing, observability);
  const { url, open } = await serve(app, closing);
  await preparePasskeys(app);
  // Last, so that a password is made up only where it can be shown.
  const firstOwner = await ensureOwner(app);
  open();
  const database = config.data.databaseUrl === undefined ? 'embedded' : 'external';
  return { url, database, firstOwner, metricsUrl: observability.url, log, close };
}

/** The most powerful account of all is held to the policy like any other, in development as well. */
function requireOwnerPassword(config: Config): void {
  const fault = ownerPasswordFault(config);
  if (fault !== undefined) throw new ConfigError([`OWNER_PASSWORD: ${fault}`]);
}

/** Brings the database up to date as its owner, and answers how the service works with it from then on. */
async function openDatabase(config: Config, log: Logger, closing: Closing): Promise<Working> {
  const { databaseUrl, ownerUrl } = config.data;
  if (databaseUrl === undefined) {
    const postgres = await keepPostgres(config.data.dir, log);
    closing.push(() => postgres.stop());
    await migrate(postgres.url);
    return chooseRole(await openLogin(postgres.url));
  }
  await (ownerUrl === databaseUrl && (await ownsNothing(databaseUrl))
    ? requireMigrated(databaseUrl)
    : migrate(ownerUrl ?? databaseUrl));
  const working = await chooseRole(databaseUrl);
  if (working.isStrong)
    log.warn('the database user of DATABASE_URL may change the audit record; see docs/operations.md');
  return working;
}

/** A user who may not migrate finds everything in place, or says who has to do it. */
async function requireMigrated(databaseUrl: string): Promise<void> {
  const pending = await pendingMigrations(databaseUrl);
  if (pending.length > 0)
    throw new ConfigError([
      'the schema is older than this version, and the user of DATABASE_URL may not change it: run npm run db:migrate as its owner, or set DATABASE_OWNER_URL',
    ]);
}

/** Opens everything that outlives a request, in the order in which the parts need each other. */
async function openParts(
  config: Config,
  clock: Clock,
  log: Logger,
  { url: databaseUrl, role }: Working,
  closing: Closing,
  { meters, tracer, watch, watchPools }: Observability,
): Promise<App> {
  const templates = openTemplates(config);
  const locate = openLocations(config.location.databaseFile);
  const db = connectPostgres(databaseUrl, config.data.poolSize, { role });
  // Revocations, keys and readiness wait behind nobody, however busy the service is.
  const vital = connectPostgres(databaseUrl, 2, { role });
  // Counting waits for no connection that somebody holds who is waiting to be counted.
  const counting = connectPostgres(databaseUrl, 2, { role });
  if (config.data.directUrl !== undefined) for (const pool of [db, vital, counting]) shareSessions(pool);
  watchPools({ requests: db, vital, counting });
  signWith(db, config.encryptionKeys);
  signWith(vital, config.encryptionKeys);
  closing.push(() => Promise.all([db.destroy(), vital.destroy(), counting.destroy()]));
  const { redis: redisPlace } = config.data;
  const redis = redisPlace === undefined ? undefined : connectRedis(redisPlace, log);
  closing.push(() => redis && closeRedis(redis));
  const standing = openStanding(config.data.directUrl ?? databaseUrl);
  closing.push(() => standing.close());
  const feed = await openFeed({ db: vital, standing, redis, redisPlace, clock, log, meters });
  closing.push(() => feed.close());
  const keyring = await openKeyring({ db: vital, feed, config, log });
  closing.push(() => keyring.close());
  const issuers = openIssuers({ issuers: config.issuers, own: config.tokens.issuer, clock, log });
  closing.push(() => issuers.close());
  const named = { defaultRole: config.accounts.defaultRole, mfaRole: config.mfa.requiredFrom };
  const catalogue = await openCatalogue({ db: vital, feed }, named);
  requireRole(catalogue, 'DEFAULT_ROLE', named.defaultRole);
  requireRole(catalogue, 'MFA_REQUIRED_FROM', named.mfaRole);
  const serviceTokens = openServiceTokens({ db, feed, catalogue, clock, log });
  closing.push(() => serviceTokens.close());
  const postman = openPostman({ db, duty: standing, config, log });
  closing.push(() => postman.close());
  const sealer = await openSealer({ db, duty: standing, config, clock, log });
  closing.push(() => sealer.close());
  const witness = openWitness({ db, log });
  closing.push(() => witness.close());
  const { hashProcesses, hashCost } = config.passwords;
  const hashes = openHashPool({ size: hashProcesses, cost: hashCost, log, meters });
  closing.push(() => hashes.close());
  const limiters = openLimiters({ config, clock, log, redis, db: counting, meters });
  closing.push(() => limiters.returns.flush());
  watch({ clock, vital, redis, feed, hashes, keyring, issuers });
  const app = {
    config,
    clock,
    log,
    db,
    vital,
    feed,
    keyring,
    issuers,
    catalogue,
    remembered: rememberAccess(),
    serviceTokens,
    verified: rememberVerifiedTokens(),
    hashes,
    limiters,
    postman,
    templates,
    witness,
    locate,
    meters,
    tracer,
  };
  const alerts = openAlerts({ ...app, duty: standing });
  closing.push(() => alerts.close());
  closing.push(keepTidy(app, standing));
  return app;
}

function requireRole(catalogue: Catalogue, variable: string, name: string | undefined): void {
  if (name !== undefined && !catalogue.role(name))
    throw new ConfigError([`${variable}: there is no role named ${name}`]);
}

/** Removes what is over, in one process for all. */
function keepTidy(app: App, duty: Duty): () => void {
  const purge = () =>
    Promise.all([
      purgeSessions(app),
      purgeRevocations(app),
      purgeOneTimeTokens(app),
      purgeAddressChanges(app),
      purgeChallenges(app),
      purgePasskeyChallenges(app),
      purgeSightings(app),
      purgeLimits(app),
      purgeAlerts(app),
    ]).catch((error: unknown) => app.log.warn({ err: error }, 'nothing could be purged'));
  const timer = setInterval(() => duty.isOnDuty && void purge(), PURGE_EVERY_MS).unref();
  return () => clearInterval(timer);
}

async function serve(app: App, closing: Closing): Promise<{ url: string; open: () => void }> {
  const limits = decisive(documentLimits({ ...DOCUMENT_LIMITS, credentialMutations }));
  const schema = observeFields(buildSchema(), app);
  const graphql = await openGraphQL(app, schema, [limits], (request, client) =>
    contextOf(app, request, client),
  );
  closing.push(() => graphql.close());
  const doors = openDoors(app, graphql);
  const { url, close } = await listen(doors, app.config);
  closing.push(close);
  return { url, open: doors.open };
}
