import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import type { limits } from '../../src/domain/limits.js';
import { during, type Step } from '../../src/domain/tracing.js';
import { openLog } from '../../src/log.js';
import { instruments, type Instrument } from '../../src/observability/instruments.js';
import { createStateless } from '../../src/stateless.js';
import { ask, startApp, type TestApp } from '../harness/app.js';
import { codeOf, refresh, signIn } from '../harness/calls.js';
import { foreignClaims, hs256, VERIFY_FOREIGN } from '../harness/foreign-issuer.js';
import { lookInto } from '../harness/look.js';
import { scrape, type Page } from '../harness/metrics.js';
import { ownerOf, verify, type Person } from '../harness/people.js';
import { startReceiver, type Receiver } from '../harness/receiver.js';
import { startRedis, type RedisServer } from '../harness/redis.js';
import { sql } from '../harness/sql.js';
import { spansAt, type Span } from '../harness/spans.js';
import { until } from '../harness/until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const readText = (path: string) => readFileSync(`${ROOT}/${path}`, 'utf8');

let app: TestApp;
let redis: RedisServer;
let collector: Receiver;
let owner: Person;
beforeAll(async () => {
  [redis, collector] = await Promise.all([startRedis(), startReceiver()]);
  app = await startApp({
    METRICS_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    REDIS_URL: redis.url,
    TRUSTED_PROXIES: '127.0.0.1/32',
  });
  owner = await ownerOf(app);
});
afterAll(async () => {
  await app.close();
  await Promise.all([collector.close(), redis.stop()]);
});

const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

/** How much a number has grown by what was done meanwhile. */
async function growth(
  name: string,
  labels: Record<string, string | number>,
  work: () => Promise<unknown>,
  at: TestApp = app,
): Promise<number> {
  const before = (await scrape(at)).value(name, labels);
  await work();
  // An answer is over a moment after it was read.
  return until(`${name} has grown`, async () => (await scrape(at)).value(name, labels) - before || undefined);
}

describe('the page of metrics', () => {
  let page: Page;
  beforeAll(async () => {
    await verify(app, owner.access);
    page = await scrape(app);
  });

  it('has every metric of the table, with its type and its labels and no others, and those of the process', () => {
    const own = [...page.types].filter(([name]) => name.startsWith('authgraph_'));
    const described = Object.entries(instruments).map(([name, { type }]) => [name, type]);
    expect(own.sort()).toEqual(described.sort());
    for (const sample of page.samples.filter(({ name }) => name.startsWith('authgraph_'))) {
      const { labels } = instrumentOf(sample.name);
      const { le: _bound, ...rest } = sample.labels;
      expect([sample.name, Object.keys(rest)]).toEqual([sample.name, labels]);
    }
    for (const name of [
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_gc_duration_seconds',
    ])
      expect(page.types.has(name)).toBe(true);
  });

  it('has histograms that add up', () => {
    const name = 'authgraph_graphql_field_duration_seconds';
    const labels = { field: 'Query.verifyToken', code: 'OK' };
    const buckets = page.samples.filter(
      (sample) => sample.name === `${name}_bucket` && sample.labels['field'] === labels.field,
    );
    const counts = buckets.map(({ value }) => value);
    expect(counts).toEqual([...counts].sort((one, other) => one - other));
    expect(buckets.at(-1)?.labels['le']).toBe('+Inf');
    expect(counts.at(-1)).toBe(page.value(`${name}_count`, labels));
    expect(page.value(`${name}_sum`, labels)).toBeGreaterThan(0);
  });

  it('is there under its own name alone, to be read', async () => {
    const at = new URL(app.metricsUrl ?? '');
    const status = async (path: string, method = 'GET') =>
      (await fetch(new URL(path, at), { method })).status;
    expect([
      await status('/metrics', 'HEAD'),
      await status('/metrics', 'POST'),
      await status('/'),
      await status('/graphql', 'POST'),
    ]).toEqual([200, 405, 404, 404]);
    expect((await fetch(`${app.url}/metrics`)).status).toBe(404);
  });

  it('is nowhere unless it is asked for', async () => {
    const quiet = await app.replica({ METRICS_PORT: '' });
    expect(quiet.metricsUrl).toBeUndefined();
    await quiet.close();
  });

  it('holds no word of a caller, however it calls', async () => {
    const [word, token] = [8, 9].map((bytes) => `w${randomBytes(bytes).toString('hex')}`) as [string, string];
    await app.graphql(`query ${word} { ${word}: verifyToken(token: "${token}") { valid } }`);
    await app.graphql(`{ ${word} }`, {}, { bearer: token, headers: { 'x-service-token': token } });
    await signIn(app, word, `${word}-long-enough`, from('203.0.113.9'));
    await refresh(app, token);
    await fetch(`${app.url}/${word}?${word}`, { method: 'PATCH', headers: { 'x-request-id': word } });
    await fetch(`${app.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: word }),
    });
    const { text } = await scrape(app);
    expect(text).not.toMatch(new RegExp(`${word}|${token}`));
    expect(text).not.toContain('203.0.113.9');
  });
});

/** The table's row of a number on the page. */
function instrumentOf(name: string): Instrument {
  const found = Object.entries(instruments).find(
    ([known, { type }]) =>
      known === name || (type === 'histogram' && name.replace(/_(bucket|sum|count)$/, '') === known),
  );
  if (!found) throw new Error(`${name} is no metric of the table`);
  return found[1];
}

describe('the numbers move with the world', () => {
  const verifications = 'authgraph_token_verifications_total';

  it('a token that is refused counts under its reason, a good one as valid', async () => {
    expect(await growth(verifications, { outcome: 'MALFORMED' }, () => verify(app, 'x'))).toBe(1);
    expect(await growth(verifications, { outcome: 'VALID' }, () => verify(app, owner.access))).toBe(1);
    const ask = () =>
      app.graphql('query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid } }', {
        r: [{ token: 'x' }, { token: owner.access, requires: ['no:such'] }],
      });
    expect(await growth(verifications, { outcome: 'MISSING_PERMISSION' }, ask)).toBe(1);
  });

  it('so does a credential that came with a request', async () => {
    const refused = 'authgraph_credentials_refused_total';
    const work = () => app.graphql('{ me { id } }', {}, { bearer: 'x' });
    expect(await growth(refused, { reason: 'MALFORMED' }, work)).toBe(1);
  });

  it('what is answered counts by field and code, by path and status', async () => {
    const fields = 'authgraph_graphql_field_duration_seconds_count';
    const denied = { field: 'Query.users', code: 'UNAUTHENTICATED' };
    expect(await growth(fields, denied, () => app.graphql('{ users { totalCount } }'))).toBe(1);
    const errors = 'authgraph_graphql_errors_total';
    const broken = () => app.graphql('{ users { nonsense } }');
    expect(await growth(errors, { code: 'GRAPHQL_VALIDATION_FAILED' }, broken)).toBe(1);
    const requests = 'authgraph_http_request_duration_seconds_count';
    const lost = () => fetch(`${app.url}/nowhere`);
    expect(await growth(requests, { door: 'none', status: 404 }, lost)).toBe(1);
  });

  it('a refresh is rotated, replayed, or used again by a thief, whose session ends', async () => {
    const refreshes = 'authgraph_refreshes_total';
    const { refresh: first } = await ownerOf(app);
    let second = '';
    const rotate = async () => (second = (await refresh(app, first)).refresh);
    expect(await growth(refreshes, { outcome: 'ROTATED' }, rotate)).toBe(1);
    expect(await growth(refreshes, { outcome: 'REPLAYED' }, () => refresh(app, first))).toBe(1);
    await refresh(app, second);
    const stolen = () => refresh(app, first);
    expect(await growth(refreshes, { outcome: 'REFRESH_TOKEN_REUSED' }, stolen)).toBe(1);
    expect(await growth(refreshes, { outcome: 'REFRESH_TOKEN_INVALID' }, () => refresh(app, 'x'))).toBe(1);
  });

  it('a wrong password counts as a secret that was wrong', async () => {
    const checks = 'authgraph_secret_checks_total';
    const guess = () => signIn(app, 'nobody-at-all', 'a-guess-of-somebody', from('203.0.113.10'));
    expect(await growth(checks, { outcome: 'wrong' }, guess)).toBe(1);
    expect(await growth(checks, { outcome: 'right' }, () => ownerOf(app))).toBe(1);
  });

  it('a limit gives, and then refuses; Redis was asked about what it counts', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '0.00001', METRICS_PORT: '0' });
    const fetchKeys = () => fetch(`${strict.url}/.well-known/jwks.json`, from('203.0.113.11'));
    expect([(await fetchKeys()).status, (await fetchKeys()).status]).toEqual([200, 429]);
    await refresh(strict, 'x', from('203.0.113.11'));
    const page = await scrape(strict);
    const decided = (limit: keyof typeof limits, decision: string) =>
      page.value('authgraph_limit_decisions_total', { limit, decision });
    expect([decided('documentsFromAddress', 'given'), decided('documentsFromAddress', 'refused')]).toEqual([
      1, 1,
    ]);
    expect(decided('refreshFromAddress', 'given')).toBe(1);
    const asked = { command: 'evalsha', outcome: 'answered' };
    expect(page.value('authgraph_redis_command_duration_seconds_count', asked)).toBe(1);
    expect(page.value('authgraph_redis_up')).toBe(1);
    await strict.close();
  });

  it('a revocation that another replica made is seen to arrive', async () => {
    const other = await app.replica({ METRICS_PORT: '' });
    const { access } = await ownerOf(app);
    const arrival = async () => {
      await other.graphql('mutation { signOut }', {}, { bearer: access });
      await until('it has arrived', async () => !(await verify(app, access)).valid);
    };
    const arrived = await growth('authgraph_revocation_propagation_seconds_count', {}, arrival);
    expect(arrived).toBeGreaterThanOrEqual(1);
    const page = await scrape(app);
    const soon = page.value('authgraph_revocation_propagation_seconds_bucket', { le: 2.5 });
    expect(soon).toBe(page.value('authgraph_revocation_propagation_seconds_count'));
    expect(page.value('authgraph_revocation_feed_age_seconds')).toBeLessThan(10);
    await other.close();
  });

  it('a queue of passwords shows while it waits, and what it waited when it is over', async () => {
    const slow = await app.replica({
      PASSWORD_HASH_PROCESSES: '1',
      PASSWORD_HASH_COST: '10',
      METRICS_PORT: '0',
    });
    const guesses = [1, 2, 3, 4, 5, 6].map((at) => signIn(slow, `nobody-${at}`, 'a-guess-of-somebody'));
    const page = await until('they queue', async () => {
      const now = await scrape(slow);
      return now.value('authgraph_hash_queue_waiting') > 0 ? now : undefined;
    });
    expect(page.value('authgraph_hash_processes_limit')).toBe(1);
    expect(page.value('authgraph_hash_processes_busy')).toBeLessThanOrEqual(1);
    await Promise.all(guesses);
    const after = await scrape(slow);
    expect(after.value('authgraph_hash_queue_waiting')).toBe(0);
    expect(after.value('authgraph_hash_duration_seconds_count', { kind: 'check' })).toBe(6);
    expect(after.value('authgraph_hash_wait_seconds_sum')).toBeGreaterThan(0.1);
    await slow.close();
  }, 90_000);

  it('a pool that is used up shows who waits for it, and who got nothing', async () => {
    const small = await app.replica({ DATABASE_POOL_SIZE: '2', METRICS_PORT: '0' });
    const look = await lookInto(app.databaseUrl);
    await look('begin');
    await look('lock table users in access exclusive mode');
    const calls = [1, 2, 3, 4].map((at) => signIn(small, `nobody-${at}`, 'a-guess-of-somebody'));
    const requests = { pool: 'requests' };
    await until('they wait for a connection', async () => {
      const page = await scrape(small);
      return (
        page.value('authgraph_db_pool_waiting', requests) === 2 &&
        page.value('authgraph_db_pool_connections', { ...requests, state: 'used' }) === 2 &&
        page.value('authgraph_db_pool_limit', requests) === 2
      );
    });
    // Whoever waits for the lock is told so after a second and a half, by PostgreSQL.
    const codes = (await Promise.all(calls)).map(codeOf);
    expect(new Set(codes)).toEqual(new Set(['SERVICE_UNAVAILABLE']));
    await look('rollback');
    await look.close();
    const page = await scrape(small);
    expect(page.value('authgraph_db_query_errors_total', { ...requests, class: '55' })).toBeGreaterThan(0);
    expect(
      page.value('authgraph_db_query_duration_seconds_count', { ...requests, operation: 'commit' }),
    ).toBeGreaterThan(0);
    await small.close();
  });

  it('what waits in the database is told by its age, and the age of the key that signs', async () => {
    const fresh = await app.replica({ METRICS_PORT: '0' });
    await sql(
      app,
      `insert into mail_outbox (id, recipient, subject, body_sealed, created_at, next_try_at)
       values (gen_random_uuid(), 'ana@example.test', 'x', 'x', now() - interval '1 hour', now() + interval '1 hour')`,
    );
    const page = await scrape(fresh);
    expect(page.value('authgraph_backlog_waiting', { kind: 'mail' })).toBe(1);
    expect(page.value('authgraph_backlog_oldest_seconds', { kind: 'mail' })).toBeGreaterThan(3500);
    expect(page.value('authgraph_backlog_waiting', { kind: 'webhook' })).toBe(0);
    expect(page.value('authgraph_signing_key_age_seconds')).toBeGreaterThan(0);
    await sql(app, 'delete from mail_outbox');
    await fresh.close();
  });
});

describe('a trace', () => {
  const TRACE = '0af7651916cd43dd8448eb211c80319c';
  const PARENT = 'b7ad6b7169203331';
  const sampled = { traceparent: `00-${TRACE}-${PARENT}-01` };
  let spans: Span[];
  const named = (name: string) => spans.find((span) => span.name === name);
  const parentOf = (span: Span | undefined) => spans.find(({ spanId }) => spanId === span?.parentSpanId);

  beforeAll(async () => {
    await ask(
      app.url,
      'mutation EnterTheHouse($i: SignInInput!) { signIn(input: $i) { __typename } }',
      { i: { login: app.owner.username, password: app.owner.password } },
      { headers: { ...sampled, 'x-forwarded-for': '203.0.113.12' } },
    );
    spans = await until('the trace has arrived', () => {
      const found = spansAt(collector).filter(({ traceId }) => traceId === TRACE);
      return found.some(({ kind }) => kind === 2) ? found : undefined;
    });
  });

  it('is part of the gateway’s, and goes down from the request to the operation, the field, the door', () => {
    const request = named('POST /graphql');
    expect(request).toMatchObject({
      parentSpanId: PARENT,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/graphql',
        'http.response.status_code': 200,
      },
    });
    const door = named('signin.signIn');
    const field = parentOf(door);
    const operation = parentOf(field);
    expect(field?.name).toBe('Mutation.signIn');
    expect(operation).toMatchObject({
      name: 'mutation EnterTheHouse',
      attributes: { 'graphql.operation.type': 'mutation', 'graphql.operation.name': 'EnterTheHouse' },
    });
    expect(parentOf(operation)).toBe(request);
  });

  it('says what took its time: the password, SQL with its placeholders, what is written, Redis', () => {
    for (const name of ['passwords.hash', 'SELECT users', 'WITH users'])
      expect([name, parentOf(named(name))?.name]).toEqual([name, 'signin.signIn']);
    expect(named('SELECT users')?.attributes['db.query.text']).toMatch(/\$1/);
    expect(named('EVALSHA signInFromAddress')?.attributes['db.system.name']).toBe('redis');
    expect(named('INSERT limit_counters')?.kind).toBe(3);
  });

  it('holds nothing of what was sent', () => {
    const text = JSON.stringify(spans);
    for (const word of [app.owner.username, app.owner.password, app.owner.email, '203.0.113.12'])
      expect(text).not.toContain(word);
  });

  it('marks a refusal by its code, and a failure of ours as an error', async () => {
    const traceId = randomBytes(16).toString('hex');
    const traceparent = `00-${traceId}-${PARENT}-01`;
    await ask(app.url, '{ users { totalCount } }', {}, { headers: { traceparent } });
    const field = await until('it has arrived', () =>
      spansAt(collector).find((span) => span.traceId === traceId && span.name === 'Query.users'),
    );
    expect(field).toMatchObject({ attributes: { 'error.type': 'UNAUTHENTICATED' }, status: 0 });
  });

  it('is not made where the gateway has decided against it, nor joined where its word is none', async () => {
    const unsampled = randomBytes(16).toString('hex');
    await verifyWith(`00-${unsampled}-${PARENT}-00`);
    for (const wrong of [
      `00-${'0'.repeat(32)}-${PARENT}-01`,
      `ff-${TRACE}-${PARENT}-01`,
      'x',
      `00-${TRACE}-x-01`,
    ])
      await verifyWith(wrong);
    const marker = randomBytes(16).toString('hex');
    await verifyWith(`00-${marker}-${PARENT}-01`);
    await until('the last one has arrived', () =>
      spansAt(collector).some(({ traceId }) => traceId === marker),
    );
    const all = spansAt(collector);
    expect(all.some(({ traceId }) => traceId === unsampled)).toBe(false);
    expect(all.filter(({ traceId, kind }) => traceId === TRACE && kind === 2)).toHaveLength(1);
  });

  const verifyWith = (traceparent: string) =>
    ask(app.url, '{ verifyToken(token: "x") { valid } }', {}, { headers: { traceparent } });

  it('is named in every line of the log that belongs to it', () => {
    const lines: string[] = [];
    const config = loadConfig({ ...KEYS, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' });
    const log = openLog(config, { write: (line) => void lines.push(line) });
    const ids = { trace_id: TRACE, span_id: PARENT };
    const step: Step = { ids, begin: () => step, note: () => undefined, end: () => undefined };
    during(step, () => log.info('inside'));
    log.info('outside');
    expect(JSON.parse(lines[0]!)).toMatchObject({ ...ids, msg: 'inside' });
    expect(lines[1]).not.toContain('trace_id');
  });
});

const KEYS = {
  ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
  PASSWORD_PEPPERS: randomBytes(32).toString('base64'),
};

describe('a service without accounts, in production', () => {
  const CLINIC = 'https://clinic.example.test';
  const secret = randomBytes(32).toString('hex');
  const gatewaySecret = randomBytes(24).toString('base64url');

  it('counts as well, and joins the traces of the gateway, and of nobody else', async () => {
    const running = await createStateless(
      loadConfig({
        NODE_ENV: 'production',
        PORT: '0',
        HOST: '127.0.0.1',
        METRICS_PORT: '0',
        LOG_LEVEL: 'silent',
        STATELESS: 'on',
        TRUSTED_ISSUERS: JSON.stringify([{ issuer: CLINIC, audiences: 'clinic', secret }]),
        GATEWAY_SECRETS: gatewaySecret,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a%20clinic',
      }),
    );
    const token = hs256(foreignClaims(CLINIC, {}), secret);
    const [believed, unbelieved] = [1, 2].map(() => randomBytes(16).toString('hex'));
    const carrying = (traceId?: string) => ({ traceparent: `00-${traceId ?? ''}-b7ad6b7169203331-01` });
    await ask(
      running.url,
      VERIFY_FOREIGN,
      { token },
      {
        headers: { ...carrying(believed), 'x-gateway-secret': gatewaySecret },
      },
    );
    await fetch(`${running.url}/.well-known/jwks.json`, { headers: carrying(unbelieved) });
    const page = await scrape(running);
    expect(page.value('authgraph_token_verifications_total', { outcome: 'VALID' })).toBe(1);
    expect(page.samples.find(({ name }) => name === 'authgraph_build_info')?.labels['mode']).toBe(
      'stateless',
    );
    // What is left is sent before it ends.
    await running.close();
    const traces = new Set(spansAt(collector).map(({ traceId }) => traceId));
    expect([traces.has(believed ?? ''), traces.has(unbelieved ?? '')]).toEqual([true, false]);
    expect(collector.received.at(-1)?.headers['x-tenant']).toBe('a clinic');
  });
});

describe('what comes with it', () => {
  const OWN = /\bauthgraph_[a-z_]+\b/g;
  const FOREIGN = /\b(?:nodejs|process)_[a-z0-9_]+\b/g;
  const files = ['deploy/grafana/authgraph.json', 'deploy/prometheus/alerts.yaml'];

  it.each(files)('%s asks for nothing that the page does not have', async (path) => {
    const { types } = await scrape(app);
    const text = readText(path);
    const asked = [...(text.match(OWN) ?? []), ...(text.match(FOREIGN) ?? [])];
    const known = (name: string) =>
      types.has(name) || types.get(name.replace(/_(bucket|sum|count)$/, '')) === 'histogram';
    expect(asked.length).toBeGreaterThan(10);
    expect([...new Set(asked)].filter((name) => !known(name))).toEqual([]);
  });

  it('the dashboard shows every metric of the table', () => {
    const text = readText(files[0]!);
    expect(Object.keys(instruments).filter((name) => !text.includes(name))).toEqual([]);
  });

  it('docs/observability.md tells of each metric with its labels, and of no other', () => {
    const rows = [
      ...readText('docs/observability.md').matchAll(/^\| `(authgraph_\w+)` \| (\w+) \|(.*?)\|/gm),
    ];
    const told = rows.map(([, name, type, labels = '']) => [
      name,
      type,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    ]);
    const table = Object.entries(instruments).map(([name, { type, labels }]) => [name, type, [...labels]]);
    expect(told.sort()).toEqual(table.sort());
  });

  it('every alert has a severity, says how long it lasts, and leads to what to do about it', () => {
    const alerts = readText(files[1]!)
      .split(/^ +- alert: /m)
      .slice(1);
    expect(alerts.length).toBeGreaterThan(10);
    const headings = new Set(
      [...readText('docs/troubleshooting.md').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        anchorOf(heading),
      ),
    );
    for (const alert of alerts) {
      const [name = ''] = alert.split('\n');
      expect([name, alert]).toEqual([name, expect.stringMatching(/\n +for: \d+[smh]\n/)]);
      expect(alert).toMatch(/\n +severity: (critical|warning|info)\n/);
      const [, anchor = ''] = /\n +runbook_url: \S*docs\/troubleshooting\.md#(\S+)/.exec(alert) ?? [];
      expect([name, headings.has(anchor)]).toEqual([name, true]);
    }
  });

  const anchorOf = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');

  it('the ports and paths of the scrape example are those of the documentation', () => {
    expect(existsSync(`${ROOT}/deploy/prometheus/prometheus.yaml`)).toBe(true);
    expect(readText('deploy/prometheus/prometheus.yaml')).toContain(':9464');
    expect(readText('docs/observability.md')).toContain('METRICS_PORT=9464');
  });
});
