import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createApp, systemClock } from '../../src/app.js';
import { loadConfig, type Config } from '../../src/config.js';
import { openLog } from '../../src/log.js';
import { migrate } from '../../src/db/migrate.js';
import type { Clock } from '../../src/domain/clock.js';
import { lookBack } from './look-back.js';
import { createDatabase } from './postgres.js';
import { makeTempDir } from './process.js';
import { evidence, logSink, requireNothingSecretSeen } from './secrets.js';

/** What one GraphQL request answered. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever it has asked for
export interface Answer<T = Record<string, any>> {
  status: number;
  headers: Headers;
  data: T;
  errors: {
    message: string;
    path?: (string | number)[];
    extensions: {
      code: string;
      fields?: { name: string; message: string }[];
      retryAfterSeconds?: number;
      requestId?: string;
    };
  }[];
  /** The text as it came. */
  body: string;
}

export interface Asking {
  bearer?: string;
  headers?: Record<string, string>;
}

/** A service under test, reached over HTTP. */
export interface TestApp {
  url: string;
  /** Where its metrics are, if anywhere. */
  metricsUrl: string | undefined;
  /** A PostgreSQL connection string, to look at what is stored. */
  databaseUrl: string;
  dataDir: string;
  owner: { email: string; username: string; password: string };
  graphql(query: string, variables?: Record<string, unknown>, asking?: Asking): Promise<Answer>;
  /** A further process-like instance on the same database. */
  replica: (overrides?: Record<string, string>) => Promise<TestApp>;
  close: () => Promise<void>;
}

const owner = { email: 'owner@example.test', username: 'owner', password: 'Owner-of-this-very-house-1' };
const secrets = () => randomBytes(32).toString('base64');

/** A clock that tests can move; it goes on by itself as well. */
export function movableClock(): Clock & { advance(seconds: number): void } {
  let offset = 0;
  return {
    now: () => systemClock.now() + offset,
    monotonic: () => systemClock.monotonic() + offset,
    advance: (seconds) => {
      offset += seconds * 1000;
    },
  };
}

/** Sends one operation. */
export async function ask(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
  { bearer, headers = {} }: Asking = {},
): Promise<Answer> {
  const credentials = {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...headers,
  };
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...credentials },
    body: JSON.stringify({ query, variables }),
  });
  const body = await response.text();
  const parsed = JSON.parse(body) as Partial<Answer>;
  evidence.exchange(query, variables, credentials, parsed);
  return {
    status: response.status,
    headers: response.headers,
    data: parsed.data ?? {},
    errors: parsed.errors ?? [],
    body,
  };
}

interface Environment {
  env: Record<string, string> & { DATABASE_URL: string; DATA_DIR: string };
  drop: () => Promise<void>;
}

/** What a service under test is configured with, save what a test overrides. */
export async function testEnvironment(overrides: Record<string, string> = {}): Promise<Environment> {
  const database = overrides['DATABASE_URL']
    ? { url: overrides['DATABASE_URL'], drop: () => Promise.resolve() }
    : await createDatabase({
        template: {
          name: 'authgraph_migrated',
          build: async (url) => {
            await migrate(url);
          },
        },
      });
  const env = {
    PORT: '0',
    PUBLIC_URL: 'https://auth.example.test',
    DATA_DIR: makeTempDir(),
    DATABASE_URL: database.url,
    OWNER_EMAIL: owner.email,
    OWNER_USERNAME: owner.username,
    OWNER_PASSWORD: owner.password,
    PASSWORD_HASH_COST: LEAST_COST,
    LOG_LEVEL: 'silent',
    ENCRYPTION_KEYS: secrets(),
    PASSWORD_PEPPERS: secrets(),
    ...overrides,
  };
  evidence.environment(env);
  return { env, drop: () => database.drop() };
}

/** The least that the service takes. */
const LEAST_COST = '10';
/** bcrypt's own least. */
const CHEAPEST = 4;

/**
 * The tests hash some thousand passwords, which at the least cost that the service takes is a fifth of all their time. A
 * test that is about hashing says what cost it wants, in `overrides`, and gets it.
 */
function configOf(env: Record<string, string>, isDear: boolean): Config {
  const config = loadConfig(env);
  return isDear ? config : { ...config, passwords: { ...config.passwords, hashCost: CHEAPEST } };
}

/** Starts a service of its own on a fresh, migrated database; `overrides` are environment variables. */
export async function startApp(
  overrides: Record<string, string> = {},
  clock: Clock = systemClock,
): Promise<TestApp> {
  const { env, drop } = await testEnvironment(overrides);
  const replicas: TestApp[] = [];
  const one = async (own: Record<string, string>, isDear: boolean): Promise<TestApp> => {
    // Whatever it can say, it says: to be searched.
    const config = configOf(own['LOG_LEVEL'] === 'silent' ? { ...own, LOG_LEVEL: 'trace' } : own, isDear);
    const running = await createApp(config, clock, openLog(config, logSink));
    const close = () => running.close();
    return {
      url: running.url,
      metricsUrl: running.metricsUrl,
      databaseUrl: env.DATABASE_URL,
      dataDir: env.DATA_DIR,
      owner,
      graphql: (query, variables, asking) => ask(running.url, query, variables, asking),
      async replica(more = {}) {
        const its = { ...own, DATA_DIR: join(env.DATA_DIR, `replica-${replicas.length}`), ...more };
        const added = await one(its, isDear || 'PASSWORD_HASH_COST' in more);
        replicas.push(added);
        return added;
      },
      close,
    };
  };
  const app = await one(env, 'PASSWORD_HASH_COST' in overrides);
  const close = async () => {
    for (const running of [...replicas, { close: app.close }]) await running.close();
    await lookBack(app);
    await drop();
    requireNothingSecretSeen();
  };
  return { ...app, close };
}
