import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, startApp, testEnvironment, type Answer, type Asking } from '../harness/app.js';
import { codeOf, refresh, revoke, signIn, whoAmI } from '../harness/calls.js';
import { authenticator, challengeOf, factorsOf, finish } from '../harness/factors.js';
import { join, newcomer, verify, type Person } from '../harness/people.js';
import { startProgram, type Program } from '../harness/program.js';
import { startReceiver, type Receiver } from '../harness/receiver.js';
import { scrape } from '../harness/metrics.js';
import { Evidence, evidence } from '../harness/secrets.js';
import { sql } from '../harness/sql.js';
import { until } from '../harness/until.js';
import { postRaw } from './raw.js';

const secret = () => randomBytes(24).toString('base64url');
const key = () => randomBytes(32).toString('base64');

/** Everything that must never be seen in what the process prints, by what it is. */
const secrets: Record<string, string> = {
  'database password': secret(),
  'Redis password': secret(),
  'SMTP password': secret(),
  'gateway secret': secret(),
  'encryption key': key(),
  pepper: key(),
  'owner password': `Owner-${secret()}`,
  'collector password': secret(),
};

/** The service as people run it: the built program, saying all that it ever says. */
let program: Program;
let door: {
  url: string;
  databaseUrl: string;
  graphql: (query: string, variables?: Record<string, unknown>, asking?: Asking) => Promise<Answer>;
};
let dropDatabase: () => Promise<void>;
/** Takes its traces. */
let collector: Receiver;
/** All of its metrics, at the end. */
let metrics = '';

beforeAll(async () => {
  const { env, drop } = await testEnvironment();
  dropDatabase = drop;
  collector = await startReceiver();
  const database = new URL(env.DATABASE_URL);
  database.password = secrets['database password']!;
  program = await startProgram({
    ...env,
    LOG_LEVEL: 'trace',
    DATABASE_URL: database.href,
    // Nobody listens there, so that both are complained about.
    REDIS_URL: `redis://:${secrets['Redis password']}@127.0.0.1:1`,
    SMTP_URL: `smtp://mailer:${secrets['SMTP password']}@127.0.0.1:1`,
    METRICS_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secrets['collector password']}`,
    GATEWAY_SECRETS: secrets['gateway secret']!,
    ENCRYPTION_KEYS: secrets['encryption key']!,
    PASSWORD_PEPPERS: secrets['pepper']!,
    OWNER_PASSWORD: secrets['owner password']!,
  });
  const { url } = program;
  door = {
    url,
    databaseUrl: env.DATABASE_URL,
    graphql: (query, variables, asking) => ask(url, query, variables, asking),
  };
});
afterAll(async () => {
  program.signal('SIGKILL');
  await dropDatabase();
  await collector.close();
});

const keep = (name: string, person: Person) => {
  secrets[`${name}’s password`] = person.password;
  secrets[`${name}’s access token`] = person.access;
  secrets[`${name}’s signature`] = person.access.split('.')[2]!;
  secrets[`${name}’s refresh token`] = person.refresh;
};

describe('what the service prints at the highest log level, counts and traces', () => {
  it('while people come and go', async () => {
    const ana = await join(door);
    keep('Ana', ana);
    const bob = await join(door);
    keep('Bob', bob);
    const next = await refresh(door, ana.refresh);
    keep('Ana later', { ...ana, access: next.access, refresh: next.refresh });
    const after = await refresh(door, next.refresh);
    // A thief with the first one: the session ends.
    expect((await refresh(door, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    await verify(door, after.access);
    await whoAmI(door, bob.access);
    await revoke(door, bob.refresh);
  });

  it('while they mistype', async () => {
    const carla = await join(door);
    keep('Carla', carla);
    secrets['wrong password'] = `Wrong-${secret()}`;
    expect(codeOf(await signIn(door, carla.username, secrets['wrong password']))).toBe('INVALID_CREDENTIALS');
    const change =
      'mutation ($a: String!, $b: String!) { changePassword(currentPassword: $a, newPassword: $b) { passwordChangedAt } }';
    secrets['new password'] = `New-${secret()}`;
    await door.graphql(
      change,
      { a: secrets['wrong password'], b: secrets['new password'] },
      { bearer: carla.access },
    );
    await door.graphql(
      change,
      { a: [carla.password], b: { new: secrets['new password'] } },
      { bearer: carla.access },
    );
    await door.graphql(
      `mutation { signIn(input: { login: "x", password: ${secrets['wrong password'].replaceAll(/[^A-Za-z]/g, '')} }) { __typename } }`,
    );
    await door.graphql(
      `mutation { signIn(input: { login: "carla", password: "${secrets['wrong password']}", x: 1 }) { __typename } }`,
    );
    await door.graphql(change.replace('passwordChangedAt', 'password'), {
      a: carla.password,
      b: carla.password,
    });
    await fetch(`${door.url}/graphql?access_token=${carla.access}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"password":"${carla.password}"`,
    });
    await fetch(`${door.url}/verify-email?token=${carla.refresh}`);
    await fetch(`${door.url}/${carla.access}`);
    await postRaw(door.url, '{ me { id } }', [
      `Authorization: Basic ${carla.access}`,
      `Cookie: token=${carla.refresh}`,
    ]);
    await postRaw(door.url, '{ me { id } }', [`Authorization: Bearer ${carla.access}, ${carla.refresh}`]);
    await postRaw(door.url, '{ me { id } }', [`X-Gateway-Secret: ${secrets['gateway secret']}x`]);
  });

  it('while they set up and use a second factor', async () => {
    const erna = await join(door);
    keep('Erna', erna);
    const enrolled = await factorsOf(door, erna).enroll(erna.password);
    const { secret, qrCode } = enrolled.data['enrollTotp'] as Record<string, string>;
    Object.assign(secrets, {
      'TOTP secret': secret,
      'otpauth URI': 'otpauth:',
      'QR code': qrCode!.slice(-60),
    });
    const device = authenticator(secret!);
    const { data } = await factorsOf(door, erna).confirm(device.code());
    const codes = data['confirmTotp'].codes as string[];
    const challenge = await challengeOf(door, erna);
    Object.assign(secrets, {
      'MFA challenge': challenge,
      'recovery code': codes[0],
      'another one': codes[1],
    });
    expect(codeOf(await finish(door, challenge, `${codes[1]}x`))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(door, challenge, codes[0]!))).toBeUndefined();
    await door.graphql(`mutation { stepUp(code: "${codes[1]}", nothing: 1) { accessToken } }`);
  });

  it('while things break in ways that nobody foresaw: the caller is told an id, the log holds it, neither holds the account', async () => {
    await sql(door, "alter table users add constraint unforeseen check (username <> 'dora')");
    const dora = newcomer({ username: 'dora' });
    secrets['Dora’s password'] = dora.password;
    secrets['Dora’s address'] = dora.email;
    const { errors, headers } = await door.graphql(
      'mutation ($i: SignUpInput!) { signUp(input: $i) { __typename } }',
      { i: dora },
    );
    expect(errors[0]).toMatchObject({
      message: 'Something went wrong on our side.',
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    });
    const { requestId } = errors[0]!.extensions;
    expect(requestId).toBe(headers.get('x-request-id'));
    const line = await until('it is logged', () =>
      program
        .output()
        .split('\n')
        .find((text) => text.includes(requestId!) && text.includes('"level":50')),
    );
    // What a developer needs is there.
    expect(JSON.parse(line)).toMatchObject({
      level: 50,
      requestId,
      path: ['signUp'],
      err: {
        code: '23514',
        stack: expect.stringContaining('enrol'),
      },
    });
  });

  it('while PostgreSQL loses a table', async () => {
    const eve = await join(door);
    keep('Eve', eve);
    await sql(door, 'alter table refresh_tokens rename to gone');
    expect(codeOf(await signIn(door, eve.username, eve.password))).toBe('INTERNAL_SERVER_ERROR');
    expect((await refresh(door, eve.refresh)).code).toBe('INTERNAL_SERVER_ERROR');
    await sql(door, 'alter table gone rename to refresh_tokens');
  });

  it('when it is told to stop', async () => {
    const metricsUrl = /Metrics +(\S+)/.exec(program.output())?.[1];
    metrics = (await scrape({ metricsUrl })).text;
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
    await until('all of it is read', () => program.output().includes('"msg":"stopping"'));
  });

  it('is complaints where there is cause', () => {
    expect(program.output()).toContain('Redis is away');
    expect(program.output()).toContain('could not be handed over');
  });

  it('is JSON, line by line, but for the welcome', () => {
    const lines = program
      .output()
      .split('\n')
      .filter((line) => line !== '');
    const others = lines.filter((line) => !line.startsWith('{'));
    expect(others.every((line) => line.startsWith('  '))).toBe(true);
    for (const line of lines.filter((text) => text.startsWith('{')))
      expect(JSON.parse(line)).toMatchObject({
        level: expect.any(Number),
        time: expect.any(Number),
        msg: expect.any(String),
      });
  });

  it('holds no secret of anybody, in no form', () => {
    expect(Object.keys(secrets).length).toBeGreaterThan(20);
    const forms = (value: string) => [
      value,
      encodeURIComponent(value),
      Buffer.from(value).toString('base64').replace(/=+$/, ''),
    ];
    const traces = collector.received.map(({ body }) => body).join('\n');
    expect(traces).toContain('Mutation.signUp');
    expect(metrics).toContain('Mutation.signUp');
    const seen = [program.output(), metrics, traces].join('\n');
    const found = Object.entries(secrets).filter(([, value]) =>
      forms(value).some((form) => seen.includes(form)),
    );
    expect(found.map(([name]) => name)).toEqual([]);
    // Nor hashes of passwords, nor anything that reads like a token of ours.
    expect(seen).not.toMatch(/\$2[aby]\$|agr_[\w-]{10}|eyJ[\w-]{10}|ags_[\w-]{10}|BEGIN \w+ ?PRIVATE/);
    // The welcome names the owner's address; the log names nobody's.
    expect(seen.replace(/^ {2}Owner account.*$/m, '')).not.toContain('@example.test');
  });
});

describe('the search that every test file ends with', () => {
  const seen = (text: string) => {
    const evidence = new Evidence();
    const query = 'mutation ($p: String!, $c: String!) { disableMfa(password: $p, code: $c) }';
    const answer = { data: { signIn: { accessToken: 'head.claims.Signature-7-of-it' } } };
    evidence.exchange(query, { p: 'Quite-secret-Words-7', c: '314159' }, {}, answer);
    evidence.environment({ REDIS_URL: 'redis://:Hidden-redis-word-7@localhost:1', PORT: '4000' });
    evidence.text('log', text);
    return evidence.findings().length;
  };

  it.each([
    ['a password', 'tried Quite-secret-Words-7'],
    ['a password in base64', Buffer.from('Quite-secret-Words-7').toString('base64')],
    ['a token that was handed out', '{"bearer":"head.claims.Signature-7-of-it"}'],
    ['a code', 'the code 314159 was tried'],
    ['a password of the configuration', 'redis://:Hidden-redis-word-7@localhost:1'],
  ])('finds %s', (_what, text) => {
    expect(seen(text)).toBe(1);
  });

  it('is not led astray by what only looks alike', () => {
    expect(seen('Quite-secret, 3141592, 0.314159, "code", "password"')).toBe(0);
  });

  it('fails the file whose service has stored one where others see it', async () => {
    const app = await startApp();
    const password = `Stored-${secret()}`;
    await signIn(app, 'nobody-here', password);
    const stored = JSON.stringify({ reason: password });
    await sql(
      app,
      `insert into audit_events (id, type, outcome, details) values (gen_random_uuid(), 'sign_in.failed', 'FAILURE', '${stored}')`,
    );
    await expect(app.close()).rejects.toThrow('Something secret was seen in 1 places:\n  audit row');
    evidence.secrets.delete(password);
  });

  it('reads what the services of the test say', () => {
    expect(evidence.kinds()).toEqual(expect.arrayContaining(['log', 'error', 'audit row']));
  });
});
