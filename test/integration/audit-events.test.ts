import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { AUDIT_ENV, AUDIT_KEY, run } from '../harness/audit.js';
import { codeOf, faultsOf, signIn } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, joinAs, ownerOf, type Person } from '../harness/people.js';

let app: TestApp;
let look: Look;
let owner: Person;
let ana: Person;
beforeAll(async () => {
  app = await startApp(AUDIT_ENV);
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  ana = await join(app);
  await signIn(app, ana.username, 'a wrong password');
  await actingAs(app, owner).suspendUser(ana.id);
  await actingAs(app, owner).reinstateUser(ana.id);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

interface Event {
  id: string;
  occurredAt: string;
  type: string;
  outcome: string;
  actor: string | null;
  subject: string | null;
  requestId: string | null;
  details: unknown;
}
const FIELDS = 'id occurredAt type outcome actor subject ipAddress userAgent requestId details';

const ask = (
  variables: object = {},
  { access }: Person = owner,
  selection = `nodes { ${FIELDS} }`,
): Promise<Answer> =>
  app.graphql(
    `query ($first: Int, $after: String, $filter: AuditFilter) { auditEvents(first: $first, after: $after, filter: $filter) { ${selection} } }`,
    { ...variables },
    { bearer: access },
  );
const nodesOf = ({ data, body }: Answer): Event[] => {
  if (!data['auditEvents']) throw new Error(body);
  return data['auditEvents'].nodes as Event[];
};

describe('auditEvents', () => {
  it('shows what happened, newest first, with everything that was recorded', async () => {
    const events = nodesOf(await ask({ filter: { subject: ana.id } }));
    expect(events.map(({ type }) => type).sort()).toEqual([
      'account.created',
      'account.reinstated',
      'account.suspended',
      'session.ended',
      'sign_in.failed',
      'sign_in.succeeded',
    ]);
    const times = events.map(({ occurredAt }) => occurredAt);
    expect(times).toEqual([...times].sort().reverse());
    expect(events.find(({ type }) => type === 'sign_in.failed')).toEqual({
      id: expect.any(String),
      occurredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      type: 'sign_in.failed',
      outcome: 'FAILURE',
      actor: null,
      subject: ana.id,
      ipAddress: '127.0.0.1',
      userAgent: 'node',
      requestId: expect.any(String),
      details: { reason: 'credentials' },
    });
  });

  it('is for holders of audit:read alone', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const higher = await joinAs(app, owner, 'HIGHER_STAFF');
    expect(codeOf(await ask({}, ana))).toMatch(/UNAUTHENTICATED|FORBIDDEN/);
    expect(codeOf(await ask({}, staff))).toBe('FORBIDDEN');
    expect(codeOf(await ask({}, higher))).toBeUndefined();
    expect(codeOf(await app.graphql('{ auditEvents { totalCount } }'))).toMatch(/UNAUTHENTICATED|FORBIDDEN/);
  });

  const every = async () =>
    look<{
      type: string;
      actor: string | null;
      subject: string | null;
      outcome: string;
      request_id: string | null;
    }>('select * from audit_events order by occurred_at desc, id desc');

  it('takes each filter, and all of them at once', async () => {
    const all = await every();
    const { request_id: requestId } = all.find(({ type }) => type === 'account.suspended') ?? {};
    const filters: [filter: object, keeps: (event: (typeof all)[0]) => boolean][] = [
      [{ type: 'sign_in.succeeded' }, (event) => event.type === 'sign_in.succeeded'],
      [
        { types: ['sign_in.failed', 'account.created'] },
        ({ type }) => ['sign_in.failed', 'account.created'].includes(type),
      ],
      [{ actor: owner.id }, ({ actor }) => actor === owner.id],
      [{ subject: ana.id }, ({ subject }) => subject === ana.id],
      [{ outcome: 'FAILURE' }, ({ outcome }) => outcome === 'FAILURE'],
      [{ requestId }, (event) => event.request_id === requestId],
      [
        {
          actor: owner.id,
          subject: ana.id,
          type: 'account.suspended',
          outcome: 'SUCCESS',
          types: ['account.suspended'],
        },
        ({ actor, subject, type }) =>
          actor === owner.id && subject === ana.id && type === 'account.suspended',
      ],
    ];
    for (const [filter, keeps] of filters) {
      const answer = await ask(
        { first: 100, filter },
        owner,
        'totalCount nodes { type actor subject outcome }',
      );
      const wanted = all.filter(keeps);
      expect(wanted.length).toBeGreaterThan(0);
      expect(nodesOf(answer)).toEqual(
        wanted.map(({ type, actor, subject, outcome }) => ({ type, actor, subject, outcome })),
      );
      expect(answer.data['auditEvents'].totalCount).toBe(wanted.length);
    }
  });

  it('takes times: from this moment on, and before that one', async () => {
    const [newest, , third] = nodesOf(await ask({ filter: { subject: ana.id } }));
    const [from, to] = [third?.occurredAt, newest?.occurredAt];
    const between = nodesOf(
      await ask({ filter: { subject: ana.id, occurredAfter: from, occurredBefore: to } }),
    );
    expect(between.every(({ occurredAt }) => occurredAt >= from! && occurredAt < to!)).toBe(true);
    expect(between.map(({ id }) => id)).toContain(third?.id);
    expect(between.map(({ id }) => id)).not.toContain(newest?.id);
  });

  it('finds nothing, and does not stumble, where a filter cannot match', async () => {
    for (const filter of [
      { type: 'no.such.type' },
      { subject: "' or 1=1 --" },
      { actor: 'a\u0000b' },
      { requestId: '\ud800' },
      { types: [] },
    ])
      expect(nodesOf(await ask({ filter }))).toEqual([]);
    expect(faultsOf(await ask({ filter: { types: Array(51).fill('x') } }))).toEqual(['types']);
    expect(faultsOf(await ask({ first: 101 }))).toEqual(['first']);
    expect(faultsOf(await ask({ after: 'nonsense' }))).toEqual(['after']);
  });

  it('gives fifty unless asked for another number, and pages to the last one without losing or repeating any', async () => {
    await look(
      "insert into audit_events (id, type, outcome, subject, occurred_at) select gen_random_uuid(), 'refresh.rotated', 'SUCCESS', 'pages', now() - (n / 10) * interval '1 second' from generate_series(1, 130) n",
    );
    expect(nodesOf(await ask({ filter: { subject: 'pages' } }))).toHaveLength(50);
    const ids: string[] = [];
    let after: string | null = null;
    do {
      const answer: Answer = await ask(
        { first: 40, after, filter: { subject: 'pages' } },
        owner,
        'nodes { id } pageInfo { hasNextPage endCursor }',
      );
      ids.push(...nodesOf(answer).map(({ id }) => id));
      const { hasNextPage, endCursor } = answer.data['auditEvents'].pageInfo;
      after = hasNextPage ? endCursor : null;
    } while (after !== null);
    const wanted = await look(
      "select id from audit_events where subject = 'pages' order by occurred_at desc, id desc",
    );
    expect(ids).toEqual(wanted.map(({ id }) => id));
  });
});

describe('the indexes of the record', () => {
  it('serve every filter: no page is found by reading the whole table', async () => {
    await look(
      `insert into audit_events (id, type, outcome, actor, subject, request_id, occurred_at)
       select gen_random_uuid(), 'refresh.rotated', 'SUCCESS', 'a' || n % 5000, 's' || n % 5000, 'r' || n, now() - n * interval '1 second' from generate_series(1, 50000) n`,
    );
    await look('analyze audit_events');
    for (const condition of [
      'true',
      "type = 'sign_in.failed'",
      "actor = 'a17'",
      "subject = 's17'",
      "outcome = 'DENIED'",
      "request_id = 'r17'",
      "occurred_at < now() - interval '10 hours'",
      "type = any('{sign_in.failed,account.created}')",
      "(occurred_at, id) < (now() - interval '5 hours', '00000000-0000-0000-0000-000000000000')",
    ]) {
      const plan = await look(
        `explain (analyze, format json) select * from audit_events where ${condition} order by occurred_at desc, id desc limit 51`,
      );
      const text = JSON.stringify(plan);
      expect([condition, text.includes('Seq Scan')]).toEqual([condition, false]);
    }
  });
});

describe('npm run audit:export', () => {
  const env = () => ({ ENCRYPTION_KEYS: AUDIT_KEY, DATABASE_URL: app.databaseUrl, DATA_DIR: app.dataDir });

  it('writes one JSON object a line, oldest first, all of them', async () => {
    const { code, lines } = await run('audit-export', env(), ['--subject', ana.id]);
    expect(code).toBe(0);
    const events = lines.map((line) => JSON.parse(line) as Event);
    expect(events.reverse()).toEqual(nodesOf(await ask({ first: 100, filter: { subject: ana.id } })));
    const all = await run('audit-export', env());
    const [{ n } = { n: 0 }] = await look<{ n: number }>('select count(*)::int as n from audit_events');
    expect(Math.abs(all.lines.length - n)).toBeLessThanOrEqual(2);
  });

  it('takes times and types, and says how it wants to be asked', async () => {
    const typed = await run('audit-export', env(), ['--type', 'sign_in.failed', '--type', 'account.created']);
    expect(new Set(typed.lines.map((line) => (JSON.parse(line) as Event).type))).toEqual(
      new Set(['sign_in.failed', 'account.created']),
    );
    expect((await run('audit-export', env(), ['--from', '2999-01-01T00:00:00Z'])).lines).toEqual([]);
    expect(await run('audit-export', env(), ['--from', 'yesterday'])).toMatchObject({ code: 2, lines: [] });
  });
});
