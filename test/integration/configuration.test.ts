import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig, variables } from '../../src/config.js';
import { makeTempDir } from '../harness/process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const key = () => randomBytes(32).toString('base64');

/** What a production deployment needs, and nothing else. */
const production = (): Record<string, string> => ({
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://auth.example.test',
  ENCRYPTION_KEYS: key(),
  PASSWORD_PEPPERS: key(),
  GATEWAY_SECRETS: randomBytes(24).toString('base64url'),
});
const development = (given: Record<string, string> = {}) => ({
  ENCRYPTION_KEYS: key(),
  PASSWORD_PEPPERS: key(),
  ...given,
});

/** What is said about an environment that is not taken. */
function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}

describe('whoever sets something wrong', () => {
  it.each<[string, string]>([
    ['NODE_ENV', 'prod'],
    ['NODE_ENV', 'Production'],
    ['PORT', 'http'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '4000.5'],
    ['DATABASE_URL', 'mysql://localhost/auth'],
    ['DATABASE_URL', 'localhost:5432'],
    ['DATABASE_POOL_SIZE', '1'],
    ['REDIS_URL', 'http://localhost'],
    ['REDIS_URL', 'localhost'],
    ['REDIS_URL', 'redis+sentinel://localhost:26379'],
    ['REDIS_URL', 'redis+cluster://a,,b'],
    ['REDIS_URL', 'redis+cluster://a/mymaster'],
    ['PUBLIC_URL', 'auth.example.test'],
    ['PUBLIC_URL', 'ftp://auth.example.test'],
    ['PUBLIC_URL', 'https://user:password@auth.example.test'],
    ['PUBLIC_URL', 'https://auth.example.test/?a=b'],
    ['PUBLIC_URL', 'https://auth.example.test/#a'],
    ['WEBAUTHN_RP_ID', '127.0.0.1'],
    ['WEBAUTHN_RP_ID', 'https://example.test'],
    ['WEBAUTHN_RP_ID', 'example.test:8443'],
    ['WEBAUTHN_ORIGINS', 'app.example.test'],
    ['WEBAUTHN_ORIGINS', 'http://app.example.test'],
    ['WEBAUTHN_ORIGINS', 'https://app.example.test/sign-in'],
    ['WEBAUTHN_ORIGINS', 'android:apk-key-hash:short'],
    ['OWNER_EMAIL', 'owner'],
    ['OWNER_USERNAME', 'o'],
    ['OWNER_PASSWORD', 'short'],
    ['GATEWAY_SECRETS', ','],
    ['ENCRYPTION_KEYS', ' , '],
    ['ENCRYPTION_KEYS', 'secret'],
    ['ENCRYPTION_KEYS', Buffer.alloc(32).toString('base64')],
    ['ENCRYPTION_KEYS', randomBytes(31).toString('base64')],
    ['ENCRYPTION_KEYS', 'not base64 at all, however long it is, as one sees!'],
    ['PASSWORD_PEPPERS', ','],
    ['PASSWORD_PEPPERS', `${key()},pepper`],
    ['LIMITS_SCALE', '0'],
    ['LIMITS_SCALE', 'much'],
    ['PASSWORD_HASH_COST', '9'],
    ['PASSWORD_HASH_COST', '17'],
    ['PASSWORD_HASH_PROCESSES', '0'],
    ['PASSWORD_MIN_LENGTH', '5'],
    ['PASSWORD_BLOCKLIST', 'maybe'],
    ['SMTP_URL', 'mail.example.test'],
    ['ACCESS_TOKEN_TTL_SECONDS', '59'],
    ['ACCESS_TOKEN_TTL_SECONDS', '7201'],
    ['ACCESS_TOKEN_TTL_SECONDS', '15m'],
    ['ACCESS_TOKEN_CLAIMS', 'fat'],
    ['REFRESH_TOKEN_TTL_SECONDS', '0'],
    ['SESSION_TTL_SECONDS', '-1'],
    ['REFRESH_REPLAY_WINDOW_SECONDS', '301'],
    ['TOKEN_ISSUER', 'authgraph'],
    ['SIGNING_ALGORITHM', 'HS256'],
    ['SIGNING_ALGORITHM', 'none'],
    ['SIGNING_KEY_LEAD_SECONDS', '0'],
    ['SIGNING_KEY_ROTATION_SECONDS', 'monthly'],
    ['SIGNING_KEY_KEEP_SECONDS', '0'],
    ['SIGN_UP_REQUIRED', 'lastName,shoeSize'],
    ['MIN_AGE', '-1'],
    ['REQUIRE_EMAIL_VERIFICATION', 'yes'],
    ['DEFAULT_ROLE', 'OWNER'],
    ['FRONTEND_URL', '*'],
    ['FRONTEND_URL', 'https://app.example.test,app2.example.test'],
    ['FRONTEND_URL', 'null'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', 'gateway'],
    ['WEBHOOK_ALLOW_PRIVATE_NETWORK', 'maybe'],
    ['LOCATION_HEADER', 'x location'],
    ['LOG_LEVEL', 'loud'],
    ['METRICS_PORT', 'prometheus'],
    ['METRICS_PORT', '65536'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'Bearer of-something'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=%E0%A4%A'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '2'],
    ['OTEL_BSP_SCHEDULE_DELAY', 'soon'],
  ])('in %s (%s) is told its name, and not what was in it', (name, value) => {
    const mistakes = mistakesOf(development({ [name]: value }));
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatch(new RegExp(`^${name}: .{5,}`));
    if (value.length > 6) expect(mistakes[0]).not.toContain(value);
  });

  it.each<[Record<string, string>, string | undefined]>([
    [{ WEBHOOK_URL: 'https://hook.example.test' }, 'together'],
    [{ WEBHOOK_SECRET: 'whsec_' + key() }, 'together'],
    [{ WEBHOOK_URL: 'hook', WEBHOOK_SECRET: 'whsec_' + key() }, 'http or https URL'],
    [{ WEBHOOK_URL: 'http://hook.example.test', WEBHOOK_SECRET: 'whsec_' + key() }, 'must be https'],
    [{ WEBHOOK_URL: 'https://hook.example.test', WEBHOOK_SECRET: key().slice(0, 23) }, '24 or more'],
    [{ WEBHOOK_URL: 'https://hook.example.test', WEBHOOK_SECRET: 'whsec_AAAA' }, '24 or more'],
    [{ WEBHOOK_URL: 'https://hook.example.test', WEBHOOK_SECRET: `whsec_${'?'.repeat(40)}` }, '24 or more'],
    [{ WEBHOOK_URL: 'https://hook.example.test', WEBHOOK_SECRET: key().slice(0, 24) }, undefined],
    [{ WEBHOOK_URL: 'https://hook.example.test', WEBHOOK_SECRET: 'x'.repeat(48) }, '24 or more'],
    [
      {
        WEBHOOK_URL: 'http://hook.example.test',
        WEBHOOK_SECRET: 'whsec_' + key(),
        WEBHOOK_ALLOW_PRIVATE_NETWORK: 'on',
      },
      undefined,
    ],
  ])('about the webhook (%j) is told what', (given, said) => {
    const mistakes = mistakesOf(development(given));
    expect(mistakes).toHaveLength(said === undefined ? 0 : 1);
    if (said !== undefined) expect(mistakes[0]).toMatch(new RegExp(`^WEBHOOK_.*${said}`));
  });

  it('in many places is told all of them at once', () => {
    const wrong = { PORT: 'x', REDIS_URL: 'x', LOG_LEVEL: 'x', MIN_AGE: 'x', ENCRYPTION_KEYS: 'x' };
    const names = mistakesOf({ ...development(), ...wrong }).map((mistake) => mistake.split(':')[0]);
    expect(names.sort()).toEqual(Object.keys(wrong).sort());
  });

  it('for production is told that as well, together with the rest', () => {
    const mistakes = mistakesOf({ NODE_ENV: 'production', PORT: 'x', LIMITS_SCALE: '-1' });
    for (const name of [
      'PORT',
      'LIMITS_SCALE',
      'PUBLIC_URL',
      'ENCRYPTION_KEYS',
      'PASSWORD_PEPPERS',
      'GATEWAY_SECRETS',
    ])
      expect(mistakes.filter((mistake) => mistake.startsWith(name))).toHaveLength(1);
  });
});

describe('production', () => {
  it('starts with what it needs', () => {
    expect(mistakesOf(production())).toEqual([]);
    expect(loadConfig(production())).toMatchObject({ production: true, http: { host: '::' } });
  });

  it.each(['PUBLIC_URL', 'ENCRYPTION_KEYS', 'PASSWORD_PEPPERS', 'GATEWAY_SECRETS'])(
    'does not start without %s',
    (name) => {
      const { [name]: _left, ...rest } = production();
      expect(mistakesOf(rest)).toEqual([expect.stringContaining(name)]);
      expect(mistakesOf({ ...rest, [name]: '' })).toEqual([expect.stringContaining(name)]);
    },
  );

  it.each([
    'short',
    'a'.repeat(40),
    'change-me-change-me-0123456789',
    `${randomBytes(24).toString('base64url')},short`,
  ])('does not start with a secret of the gateway that is easy to guess: %#', (secrets) => {
    const mistakes = mistakesOf({ ...production(), GATEWAY_SECRETS: secrets });
    expect(mistakes).toEqual([expect.stringContaining('GATEWAY_SECRETS')]);
    expect(mistakes[0]).not.toContain(secrets);
  });

  it('does not start at an address that is not https', () => {
    expect(mistakesOf({ ...production(), PUBLIC_URL: 'http://auth.example.test' })).toEqual([
      'PUBLIC_URL must be https in production',
    ]);
  });

  it('makes up no secrets and writes no file', () => {
    const folder = makeTempDir();
    loadConfig({ ...production(), DATA_DIR: join(folder, 'data') });
    expect(() => statSync(join(folder, 'data'))).toThrow('ENOENT');
  });
});

describe('passkeys', () => {
  const webauthn = (env: Record<string, string> = {}) => loadConfig(development(env)).webauthn;

  it('belong to the pages of the front end, else to those of the service, and never to an address', () => {
    expect(webauthn()).toEqual({ rpId: 'localhost', origins: ['http://localhost:4000'] });
    expect(webauthn({ PUBLIC_URL: 'https://auth.example.test/' })).toEqual({
      rpId: 'auth.example.test',
      origins: ['https://auth.example.test'],
    });
    const FRONTEND_URL = 'https://example.test,https://evil.test,https://notexample.test';
    expect(webauthn({ PUBLIC_URL: 'https://auth.example.test', FRONTEND_URL })).toEqual({
      rpId: 'example.test',
      origins: ['https://example.test', 'https://auth.example.test'],
    });
    expect(webauthn({ PUBLIC_URL: 'http://192.0.2.7:4000' }).rpId).toBe('localhost');
  });

  it('belong to what is set, on pages that are set', () => {
    const WEBAUTHN_ORIGINS = `https://App.Example.test/,http://localhost:5173,android:apk-key-hash:${'a'.repeat(43)}`;
    expect(mistakesOf(development({ WEBAUTHN_RP_ID: 'example.test', WEBAUTHN_ORIGINS }))).toEqual([
      expect.stringMatching(/^WEBAUTHN_ORIGINS: each must be on example.test/),
    ]);
    const origins = WEBAUTHN_ORIGINS.replace('http://localhost:5173,', '');
    expect(webauthn({ WEBAUTHN_RP_ID: 'Example.test', WEBAUTHN_ORIGINS: origins })).toEqual({
      rpId: 'example.test',
      origins: ['https://app.example.test', `android:apk-key-hash:${'a'.repeat(43)}`],
    });
    expect(mistakesOf(development({ WEBAUTHN_RP_ID: 'example.test' }))).toEqual([
      expect.stringMatching(/^WEBAUTHN_ORIGINS must say/),
    ]);
  });
});

describe('development', () => {
  const secretsIn = (folder: string) => join(folder, 'secrets.json');
  const bytesOf = (folder: string, env: Record<string, string> = {}) => {
    const { encryptionKeys, passwords } = loadConfig({ DATA_DIR: folder, ...env });
    return [...encryptionKeys, ...passwords.peppers].map((secret) => secret.toString('base64'));
  };

  it('makes secrets once, that only its user can read, and keeps them', () => {
    const folder = join(makeTempDir(), 'data');
    const made = bytesOf(folder);
    expect(new Set(made).size).toBe(2);
    expect(statSync(secretsIn(folder)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(bytesOf(folder)).toEqual(made);
    expect(bytesOf(join(makeTempDir(), 'data'))).not.toEqual(made);
  });

  it('prefers what it is given, one by one', () => {
    const folder = makeTempDir();
    const [given] = [key()];
    const [encryptionKey, pepper] = bytesOf(folder, { ENCRYPTION_KEYS: given });
    expect(encryptionKey).toBe(given);
    expect(bytesOf(folder)[1]).toBe(pepper);
  });

  it('ten processes that start at once in one folder agree', async () => {
    const folder = join(makeTempDir(), 'data');
    const script = `import { loadConfig } from ${JSON.stringify(join(ROOT, 'dist/src/config.js'))};
      process.stdout.write(loadConfig(process.env).encryptionKeys[0].toString('base64'));`;
    const one = () => run(['--input-type=module', '-e', script], { DATA_DIR: folder });
    const answers = await Promise.all(Array.from({ length: 10 }, one));
    expect(answers.map(({ stderr }) => stderr)).toEqual(Array(10).fill(''));
    expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1);
  });

  it.each(['', '{', '{}', '{"encryptionKeys":[],"peppers":[]}', 'null'])(
    'says so when that file is damaged, rather than make new ones for old data: %s',
    (text) => {
      const folder = makeTempDir();
      writeFileSync(secretsIn(folder), text);
      expect(mistakesOf({ DATA_DIR: folder })).toEqual([expect.stringMatching(/secrets\.json is damaged/)]);
      expect(readFileSync(secretsIn(folder), 'utf8')).toBe(text);
    },
  );

  it('is not open to the network unless asked', () => {
    expect(loadConfig(development()).http.host).toBe('127.0.0.1');
    expect(loadConfig(development({ HOST: '0.0.0.0' })).http.host).toBe('0.0.0.0');
  });
});

describe('what is not set', () => {
  it('is what the issue promises', () => {
    expect(loadConfig(development())).toMatchObject({
      production: false,
      http: {
        port: 4000,
        publicUrl: 'http://127.0.0.1:4000',
        frontendOrigins: [],
        trustedProxies: [],
        gatewaySecrets: [],
      },
      data: { dir: join(process.cwd(), '.data'), databaseUrl: undefined, redis: undefined },
      passwords: { hashCost: 12, minLength: 8, blocklist: true },
      tokens: { issuer: 'http://127.0.0.1:4000', audience: 'authgraph', ttlSeconds: 900, claims: 'default' },
      sessions: { ttlSeconds: 2_592_000, refreshTtlSeconds: 604_800, replayWindowSeconds: 60 },
      signingKeys: { algorithm: 'ES256', leadSeconds: 900, rotationSeconds: 2_592_000 },
      accounts: {
        required: ['lastName', 'country', 'birthDate'],
        minAge: 13,
        requireEmailVerification: false,
        defaultRole: undefined,
      },
      limits: { scale: 1 },
      log: { level: 'info' },
    });
  });

  it('is the same as what is set to nothing, save what SIGN_UP_REQUIRED asks for', () => {
    const { SIGN_UP_REQUIRED: _required, ...others } = variables;
    const empty = Object.fromEntries(Object.keys(others).map((name) => [name, '']));
    const secrets = development();
    expect(loadConfig({ ...empty, ...secrets })).toEqual(loadConfig(secrets));
  });
});

describe('what is set', () => {
  it('is read as people write it', () => {
    const config = loadConfig(
      development({
        PORT: '4123',
        PUBLIC_URL: 'https://auth.example.test/base//',
        FRONTEND_URL: ' https://app.example.test/ , http://localhost:3000/x,',
        TRUSTED_PROXIES: '10.0.0.0/8, ::1,192.0.2.7',
        SIGN_UP_REQUIRED: 'country',
        PASSWORD_BLOCKLIST: 'off',
        REQUIRE_EMAIL_VERIFICATION: '1',
      }),
    );
    expect(config.http).toMatchObject({
      port: 4123,
      publicUrl: 'https://auth.example.test/base',
      frontendOrigins: ['https://app.example.test', 'http://localhost:3000'],
      trustedProxies: ['10.0.0.0/8', '::1', '192.0.2.7'],
    });
    expect(config.tokens.issuer).toBe('https://auth.example.test/base');
    expect(config.accounts).toMatchObject({ required: ['country'], requireEmailVerification: true });
    expect(config.passwords.blocklist).toBe(false);
  });

  it.each([
    ['redis://r:1/2', { kind: 'single', url: 'redis://r:1/2' }],
    [
      'rediss+sentinel://ana:a%3Ab@one:1,[::1],two/mymaster/3?sentinelPassword=x%2Fy',
      {
        ...{ kind: 'sentinel', name: 'mymaster', db: 3, hasTls: true, username: 'ana', password: 'a:b' },
        nodes: [
          { host: 'one', port: 1 },
          { host: '::1', port: 26379 },
          { host: 'two', port: 26379 },
        ],
        sentinelPassword: 'x/y',
      },
    ],
    [
      'redis+cluster://:a:b%@one,two:7000/',
      {
        ...{ kind: 'cluster', hasTls: false, username: undefined, password: 'a:b%' },
        nodes: [
          { host: 'one', port: 6379 },
          { host: 'two', port: 7000 },
        ],
      },
    ],
  ])('knows where Redis is: %s', (REDIS_URL, place) => {
    expect(loadConfig(development({ REDIS_URL })).data.redis).toEqual(place);
  });

  it('can keep tokens of a retired key good for no less than they live', () => {
    const { signingKeys } = loadConfig(
      development({ SIGNING_KEY_KEEP_SECONDS: '1', ACCESS_TOKEN_TTL_SECONDS: '600' }),
    );
    expect(signingKeys.keepSeconds).toBeGreaterThanOrEqual(600);
  });

  it('lets SIGN_UP_REQUIRED ask for nothing', () => {
    expect(loadConfig(development({ SIGN_UP_REQUIRED: '' })).accounts.required).toEqual([]);
  });
});

describe('the program', () => {
  it('prints every mistake, no stack, where to read on, and ends with 1', async () => {
    const { code, stdout, stderr } = await run([join(ROOT, 'dist/src/main.js')], {
      NODE_ENV: 'production',
      PORT: 'x',
      PUBLIC_URL: 'http://auth.example.test',
      DATA_DIR: makeTempDir(),
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('The configuration has 5 mistakes:\n  - PORT: ');
    expect(stderr).toContain('PUBLIC_URL must be https');
    expect(stderr).toContain('docs/configuration.md');
    expect(stderr).not.toMatch(/\bat .*\.js:\d/);
  });
});

/** Runs this Node to its end with nothing of our own environment. */
function run(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, args, { env: { PATH: process.env['PATH'], ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

describe('the documents', () => {
  const names = Object.keys(variables).sort();

  it('docs/configuration.md explains every variable, once, and no other', () => {
    const explained = [...read('docs/configuration.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(
      ([, name]) => name!,
    );
    expect(explained.sort()).toEqual(names);
  });

  it('.env.example lists every variable, once, and no other', () => {
    const listed = [...read('.env.example').matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name!);
    expect(listed.sort()).toEqual(names);
  });

  it('.env.example sets nothing by itself, and what it shows is the default or is taken', () => {
    const text = read('.env.example');
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
    const shown = Object.fromEntries(
      [...text.matchAll(/^#([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
    );
    const secrets = development({ GATEWAY_SECRETS: randomBytes(24).toString('base64url') });
    expect(mistakesOf({ ...shown, ...secrets })).toEqual([]);
  });

  it('docs/configuration.md gives the defaults that the program has', () => {
    const rows = [...read('docs/configuration.md').matchAll(/^\| `([A-Z_]+)` \| ([^|]*) \|/gm)];
    const told = Object.fromEntries(rows.map(([, name, value]) => [name!, value!.trim()]));
    for (const [name, shape] of Object.entries(variables)) {
      const fallback: unknown = shape.safeParse(undefined).data;
      if (fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)) continue;
      const text =
        typeof fallback === 'boolean' ? (fallback ? 'on' : 'off') : [fallback].flat().map(String).join();
      expect(`${name} ${told[name]}`).toBe(`${name} \`${text}\``);
    }
  });
});
