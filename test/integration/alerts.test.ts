import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadConfig } from '../../src/config.js';
import { connectPostgres } from '../../src/db/postgres.js';
import { purgeAlerts, rules } from '../../src/domain/alerts.js';
import { actingAs, MALFORMED, settle, UNKNOWN } from '../harness/administration.js';
import { readAlerts, signedInBefore, watched, type Alert } from '../harness/alerts.js';
import { startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, refresh, signIn } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import { join, joinAs, ownerOf, roleId, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

let app: TestApp;
let look: Look;
let owner: Person;
let house: ReturnType<typeof actingAs>;
const settings = { LIMITS_SCALE: '100', TRUSTED_PROXIES: '127.0.0.1', REFRESH_REPLAY_WINDOW_SECONDS: '0' };
beforeAll(async () => {
  app = await startApp(settings);
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } });
const alertsOf = async (type: string, subject?: string): Promise<Alert[]> => {
  const nodes = (await readAlerts(app, owner)).data['securityAlerts'].nodes as Alert[];
  return nodes.filter((alert) => alert.type === type && (subject === undefined || alert.subject === subject));
};
/** The alerts of a type about somebody, once everything was looked at. */
const raisedOf = async (type: string, subject?: string): Promise<Alert[]> => {
  await watched(look);
  return alertsOf(type, subject);
};
const failAt = async (person: Person, times: number, ip = '198.51.100.1') => {
  for (let at = 0; at < times; at++) await signIn(app, person.username, 'wrong-Password-1', from(ip));
};
const DAY_MS = 86_400_000;
const daysAgo = (days: readonly number[], hour = new Date().getUTCHours()) =>
  days.map((day) => new Date(new Date(Date.now() - (day + 1) * DAY_MS).setUTCHours(hour, 30, 0, 0)));
const range = (count: number) => Array.from({ length: count }, (_, at) => at);
const mailsTo = async ({ email }: Person, subject: string) =>
  (await mailsIn(app)).filter((mail) => mail.to === email && mail.subject === subject);

describe('a list of names that is gone through', () => {
  it('raises one alert, however many addresses and accounts it is spread over', async () => {
    const fail = (count: number) =>
      look(
        `insert into audit_events (id, type, outcome, ip_address, details)
         select gen_random_uuid(), 'sign_in.failed', 'FAILURE', '10.' || n / 250 || '.' || n % 250 || '.1', '{}'
         from generate_series(1, $1) n`,
        [count],
      );
    await fail(900);
    expect(await raisedOf('credential_stuffing')).toEqual([]);
    await fail(150);
    const [alert, ...more] = await raisedOf('credential_stuffing');
    expect(alert).toMatchObject({ severity: 'HIGH', subject: null });
    expect(alert?.details).toMatchObject({ networks: 900 });
    await fail(150);
    expect([...more, ...(await raisedOf('credential_stuffing'))]).toHaveLength(1);
  });
});

describe('repeated failures on one account', () => {
  it('raise one alert at the fifth, and none more for those that follow', async () => {
    const ana = await join(app);
    await failAt(ana, 7);
    const [alert, ...more] = await raisedOf('repeated_failures_account', ana.id);
    expect(alert).toMatchObject({ severity: 'MEDIUM', status: 'OPEN' });
    expect(alert?.details.failures).toBeGreaterThanOrEqual(5);
    await failAt(ana, 3);
    expect([...more, ...(await raisedOf('repeated_failures_account', ana.id))]).toHaveLength(1);
  });

  it('count wherever a secret is asked for', async () => {
    const ana = await join(app);
    await failAt(ana, 3);
    for (const _ of range(2)) await actingAs(app, ana).deleteMe('wrong-Password-1');
    expect(await raisedOf('repeated_failures_account', ana.id)).toHaveLength(1);
  });

  it('raise nothing while they are four, however often somebody else fails', async () => {
    const [ana, ben] = [await join(app), await join(app)];
    await failAt(ana, 4);
    await failAt(ben, 4);
    expect(await raisedOf('repeated_failures_account', ana.id)).toEqual([]);
  });

  it('raise nothing when they lie further apart than a quarter of an hour', async () => {
    const ana = await join(app);
    for (const minutes of range(10))
      await look(
        `insert into audit_events (id, occurred_at, type, outcome, subject) values ($1, now() - $2 * interval '4 minutes', 'sign_in.failed', 'FAILURE', $3)`,
        [randomUUID(), minutes, ana.id],
      );
    expect(await raisedOf('repeated_failures_account', ana.id)).toEqual([]);
  });
});

describe('repeated failures from one address', () => {
  const failuresFrom = async (network: string) =>
    (await raisedOf('repeated_failures_address')).filter(({ details }) => details.network === network);
  const guess = async (logins: readonly string[], ip: string) => {
    for (const login of logins) await signIn(app, login, 'wrong-Password-1', from(ip));
  };
  /** As they would stand in the record: hashes take their time. */
  const guessed = async (count: number, ip: (at: number) => string, people: readonly Person[] = []) => {
    for (const at of range(count))
      await look(
        `insert into audit_events (id, type, outcome, ip_address, subject) values ($1, 'sign_in.failed', 'FAILURE', $2, $3)`,
        [randomUUID(), ip(at), people[at % people.length]?.id ?? null],
      );
  };

  it('raise an alert at the twentieth, known logins or not', async () => {
    await guessed(16, () => '203.0.113.7');
    await guess(['nobody1', 'nobody2', 'nobody3', 'nobody4', 'nobody5'], '203.0.113.7');
    const found = await failuresFrom('203.0.113.7/32');
    expect(found.map(({ severity, subject }) => ({ severity, subject }))).toEqual([
      { severity: 'MEDIUM', subject: null },
    ]);
  });

  it('are worse when they are those of several accounts; a /64 counts as one address', async () => {
    const people: Person[] = [];
    for (const _ of range(5)) people.push(await join(app));
    await guessed(16, (at) => `2001:db8:5:6::${at + 1}`, people);
    await guess(
      people.map(({ username }) => username),
      '2001:db8:5:6:7:8:9:a',
    );
    const severities = (await failuresFrom('2001:db8:5:6::/64')).map(({ severity }) => severity);
    expect(severities).toEqual(['HIGH']);
  });

  it('raise nothing while they are nineteen, or when they come from many addresses', async () => {
    await guessed(16, () => '203.0.113.8');
    await guess(['nobody1', 'nobody2', 'nobody3'], '203.0.113.8');
    await guessed(25, (at) => `203.0.114.${at}`);
    expect(await failuresFrom('203.0.113.8/32')).toEqual([]);
    const networks = (await alertsOf('repeated_failures_address')).map(({ details }) =>
      String(details.network),
    );
    expect(networks.filter((network) => network.startsWith('203.0.114.'))).toEqual([]);
  });
});

describe('a spent refresh token that comes again', () => {
  it('raises an alert, and its owner is told by mail', async () => {
    const ana = await join(app);
    await refresh(app, ana.refresh);
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    await refresh(app, ana.refresh);
    const alerts = await raisedOf('refresh_reuse', ana.id);
    expect(alerts).toMatchObject([{ severity: 'HIGH', details: { session: ana.sessionId } }]);
    const mail = await until('the owner was told', async () => {
      const mails = await mailsTo(ana, 'A session of yours was ended');
      return mails.length > 0 ? mails : undefined;
    });
    expect(mail).toHaveLength(1);
  });

  it('raises nothing while each is spent once', async () => {
    const ana = await join(app);
    const next = await refresh(app, ana.refresh);
    await refresh(app, next.refresh);
    expect(await raisedOf('refresh_reuse', ana.id)).toEqual([]);
  });
});

describe('power that grows', () => {
  it('raises an alert when somebody is made staff, and a worse one for an owner', async () => {
    const made = { STAFF: 'MEDIUM', HIGHER_STAFF: 'MEDIUM', OWNER: 'HIGH' };
    const people = new Map<string, Person>();
    for (const role of Object.keys(made)) people.set(role, await joinAs(app, owner, role));
    await watched(look);
    for (const [role, severity] of Object.entries(made))
      expect(await alertsOf('role_escalation', people.get(role)?.id)).toMatchObject([
        { severity, details: { actor: owner.id, before: ['USER'], after: [role] } },
      ]);
  });

  it('raises an alert when a role is given a permission of the platform', async () => {
    const made = await house.createRole({ name: 'porter', rank: 5, permissions: [] });
    const id = made.data['createRole'].id as string;
    await house.updateRole(id, { permissions: ['users:read'] });
    expect(await raisedOf('role_escalation', id)).toMatchObject([
      { severity: 'MEDIUM', details: { role: 'porter', gained: ['users:read'] } },
    ]);
  });

  it('raises an alert when somebody is given a low role that carries such a permission', async () => {
    const made = await house.createRole({ name: 'reader', rank: 5, permissions: ['audit:read'] });
    const ana = await join(app);
    await house.setUserRoles(ana.id, [made.data['createRole'].id as string]);
    expect(await raisedOf('role_escalation', ana.id)).toMatchObject([
      { details: { gained: ['audit:read'] } },
    ]);
  });

  it('raises nothing when it shrinks or stays, or is another role’s name alone', async () => {
    const ana = await joinAs(app, owner, 'HIGHER_STAFF');
    await raisedOf('role_escalation', ana.id);
    await house.setUserRoles(ana.id, [await roleId(app, owner, 'STAFF')]);
    await house.setUserRoles(ana.id, []);
    const made = await house.createRole({ name: 'guest', rank: 3, permissions: ['users:read'] });
    const id = made.data['createRole'].id as string;
    await house.updateRole(id, { description: 'Looks around.', permissions: [], rank: 4 });
    expect(await raisedOf('role_escalation', ana.id)).toHaveLength(1);
    expect(await raisedOf('role_escalation', id)).toEqual([]);
  });
});

/** An account that has never signed in, with somebody's password: sign-ups are sign-ins, and happen now. */
const newAccount = async (name: string) => {
  const model = await join(app);
  const [row] = await look<{ hash: string }>('select password_hash as hash from users where id = $1', [
    model.id,
  ]);
  const id = await settle(look, name, { password_hash: row?.hash });
  return { id, username: name, email: `${name}@example.test`, password: model.password };
};
const signsIn = async (person: { username: string; password: string }, ip: string) => {
  const answer = await signIn(app, person.username, person.password, from(ip));
  expect(codeOf(answer)).toBeUndefined();
  return answer.data['signIn'] as { accessToken: string; refreshToken: string; session: { id: string } };
};

describe('a sign-in at an unusual hour', () => {
  const hourFromNow = (hours: number) => (new Date().getUTCHours() + 24 + hours) % 24;

  it('raises an alert where the account has a history of other hours', async () => {
    const ana = await newAccount('early-ana');
    await signedInBefore(look, ana.id, daysAgo(range(10), hourFromNow(9)));
    await signedInBefore(look, ana.id, daysAgo(range(10), hourFromNow(-4)));
    const { session } = await signsIn(ana, '127.0.0.1');
    expect(await raisedOf('unusual_hours', ana.id)).toMatchObject([
      { severity: 'LOW', details: { session: session.id } },
    ]);
    await signsIn(ana, '127.0.0.1');
    expect(await raisedOf('unusual_hours', ana.id)).toHaveLength(1);
  });

  it('raises nothing near a usual hour, nor where there is too little to judge by', async () => {
    const cases = { near: [20, 10, -1], young: [20, 6, 9], rare: [19, 19, 9] } as const;
    for (const [name, [count, days, hours]] of Object.entries(cases)) {
      const ana = await newAccount(`ana-${name}`);
      const times = daysAgo(range(days), hourFromNow(hours));
      await signedInBefore(
        look,
        ana.id,
        range(count).map((at) => times[at % days] as Date),
      );
      await signsIn(ana, '127.0.0.1');
    }
    const subjects = (await raisedOf('unusual_hours')).map(({ subject }) => subject);
    const names = await look<{ username: string }>('select username from users where id::text = any($1)', [
      subjects,
    ]);
    expect(names).toEqual([{ username: 'early-ana' }]);
  });
});

describe('a sign-in from a new place', () => {
  it('raises an alert for a network that the account never used, and its owner is told by one mail', async () => {
    const ana = await join(app);
    for (const _ of range(3)) await signsIn(ana, '198.51.100.20');
    expect(await raisedOf('new_place', ana.id)).toEqual([]);
    await signsIn(ana, '203.0.113.20');
    await signsIn(ana, '203.0.113.21');
    expect(await raisedOf('new_place', ana.id)).toMatchObject([
      { severity: 'LOW', details: { network: '203.0.0.0/16' } },
    ]);
    const [mail, ...more] = await until('the owner was told', async () => {
      const mails = await mailsTo(ana, 'A sign-in from a new place');
      return mails.length > 0 ? mails : undefined;
    });
    expect(mail?.text).toContain('203.0.113.20');
    expect(more).toEqual([]);
  });

  it('raises nothing for an address nearby, for an old one, or for an account without a history', async () => {
    const [ana, ben] = [await join(app), await join(app)];
    for (const ip of ['198.51.100.20', '203.0.113.1', '198.51.7.8', '203.0.113.200']) await signsIn(ana, ip);
    await signsIn(ben, '203.0.113.9');
    await signsIn(ben, '198.51.100.20');
    const places = (await raisedOf('new_place')).filter(({ subject }) =>
      [ana.id, ben.id].includes(subject ?? ''),
    );
    expect(places).toEqual([]);
  });

  it('goes by the location where the deployment knows it', async () => {
    const located = await startApp({ ...settings, LOCATION_HEADER: 'x-location' });
    const inside = await lookInto(located.databaseUrl);
    const ana = await join(located);
    const goes = (place: string, ip: string) =>
      signIn(located, ana.username, ana.password, {
        headers: { 'x-forwarded-for': ip, 'x-location': place },
      });
    for (const at of range(3)) await goes('Lisbon, Portugal', `198.5${at}.100.1`);
    await goes('Lisbon, Portugal', '203.0.113.1');
    await goes('Oslo, Norway', '198.51.100.1');
    await watched(inside);
    expect(await inside("select severity, details->>'location' as location from security_alerts")).toEqual([
      { severity: 'MEDIUM', location: 'Oslo, Norway' },
    ]);
    const mail = await until('the owner was told', async () =>
      (await mailsIn(located)).find(({ subject }) => subject === 'A sign-in from a new place'),
    );
    expect(mail.text).toContain('Oslo, Norway');
    await inside.close();
    await located.close();
  });
});

describe('one session in two networks', () => {
  const uses = (access: string, ip: string) =>
    app.graphql('{ me { id } }', {}, { bearer: access, ...from(ip) });
  const sightings = (session: string, count: number) =>
    until('the witness has written', async () => {
      const rows = await look('select network from session_sightings where session_id = $1', [session]);
      return rows.length >= count;
    });
  const moveBack = (session: string, network: string, first: number, last: number) =>
    look(
      `update session_sightings set first_seen_at = now() - $3 * interval '1 second', last_seen_at = now() - $4 * interval '1 second'
       where session_id = $1 and network = $2`,
      [session, network, first, last],
    );

  it('raises one alert, low, when it moves from one to the other within minutes', async () => {
    const ana = await join(app);
    const { accessToken, session } = await signsIn(ana, '198.51.100.30');
    for (const ip of ['198.51.100.30', '203.0.113.30', '192.0.2.30']) await uses(accessToken, ip);
    await sightings(session.id, 3);
    const alerts = await raisedOf('token_two_networks', ana.id);
    expect(alerts).toMatchObject([{ severity: 'LOW', details: { session: session.id } }]);
    expect(alerts[0]?.details.networks).toHaveLength(2);
  });

  it('raises another when it is used from both by turns', async () => {
    const ana = await join(app);
    const { accessToken, session } = await signsIn(ana, '198.51.100.31');
    for (const ip of ['198.51.100.31', '203.0.113.31']) await uses(accessToken, ip);
    await sightings(session.id, 2);
    await moveBack(session.id, '198.51.100.31', 120, 0);
    await moveBack(session.id, '203.0.113.31', 60, 30);
    const severities = (await raisedOf('token_two_networks', ana.id)).map(({ severity }) => severity);
    expect(severities).toContain('MEDIUM');
  });

  it('raises an alert when it is refreshed from another network right away', async () => {
    const ana = await join(app);
    const { refreshToken, session } = await signsIn(ana, '198.51.100.32');
    expect((await refresh(app, refreshToken, from('203.0.113.32'))).code).toBeUndefined();
    expect(await raisedOf('token_two_networks', ana.id)).toMatchObject([
      { details: { session: session.id } },
    ]);
  });

  it('raises nothing within one network, nor for the two kinds of address that a device may have', async () => {
    const ana = await join(app);
    const { accessToken, refreshToken, session } = await signsIn(ana, '198.51.100.33');
    for (const ip of ['198.51.100.33', '198.51.3.3', '2001:db8:1:2::3']) await uses(accessToken, ip);
    await sightings(session.id, 3);
    await refresh(app, refreshToken, from('198.51.100.99'));
    expect(await raisedOf('token_two_networks', ana.id)).toEqual([]);
  });

  it('raises nothing when hours lie between', async () => {
    const ana = await join(app);
    const session = randomUUID();
    await look(
      `insert into sessions (id, user_id, idle_expires_at, expires_at, amr, aal) values ($1, $2, now() + interval '1 day', now() + interval '1 day', '{pwd}', 1)`,
      [session, ana.id],
    );
    await look(
      `insert into session_sightings (session_id, network, first_seen_at, last_seen_at)
       values ($1, '198.51.100.34', now() - interval '9 hours', now() - interval '8 hours'), ($1, '203.0.113.34', now(), now())`,
      [session],
    );
    expect(await raisedOf('token_two_networks', ana.id)).toEqual([]);
  });
});

describe('a service token', () => {
  const issue = async (
    days: number,
    changes: { revoked?: boolean; deleted?: boolean; successor?: number } = {},
  ) => {
    const [service, line] = [randomUUID(), randomUUID()];
    await look('insert into services (id, name, deleted_at) values ($1, $2, $3)', [
      service,
      `shop-${service}`,
      changes.deleted === true ? new Date() : null,
    ]);
    const insert = async (expiry: number, revoked: boolean) => {
      const id = randomUUID();
      await look(
        `insert into service_tokens (id, service_id, line_id, prefix, secret_hash, scopes, expires_at, revoked_at)
         values ($1, $2, $3, 'ags', '\\x00', '{}', now() + $4 * interval '1 day', $5)`,
        [id, service, line, expiry, revoked ? new Date() : null],
      );
      return id;
    };
    if (changes.successor !== undefined) await insert(changes.successor, false);
    return { service, token: await insert(days, changes.revoked === true) };
  };

  it('raises an alert 14 days before it expires, once', async () => {
    const { service, token } = await issue(13.9);
    await raisedOf('service_token_expiring', service);
    expect(await raisedOf('service_token_expiring', service)).toMatchObject([
      { severity: 'LOW', subject: service, details: { token, service } },
    ]);
  });

  it('raises nothing while it is good for longer, or when it is of no use or not needed any more', async () => {
    const others = [
      await issue(14.1),
      await issue(3, { revoked: true }),
      await issue(-1),
      await issue(3, { deleted: true }),
      await issue(3, { successor: 90 }),
    ];
    const subjects = (await raisedOf('service_token_expiring')).map(({ subject }) => subject);
    expect(others.filter(({ service }) => subjects.includes(service))).toEqual([]);
  });
});

describe('an alert', () => {
  const acknowledge = (id: string, who: Person = owner) =>
    app.graphql(
      'mutation ($id: ID!) { acknowledgeAlert(id: $id) { id status acknowledgedAt acknowledgedBy } }',
      { id },
      { bearer: who.access },
    );

  it('is acknowledged once, by whoever was first, and that is on record', async () => {
    const staff = await joinAs(app, owner, 'HIGHER_STAFF');
    const [alert] = await raisedOf('role_escalation', staff.id);
    const { data } = await acknowledge(alert?.id.toUpperCase() ?? '');
    expect(data['acknowledgeAlert']).toMatchObject({ status: 'ACKNOWLEDGED', acknowledgedBy: owner.id });
    expect((await acknowledge(alert?.id ?? '', staff)).data).toEqual(data);
    const events = await look("select actor, details from audit_events where type = 'alert.acknowledged'");
    expect(events).toEqual([{ actor: owner.id, details: { rule: 'role_escalation' } }]);
  });

  it.each([UNKNOWN, ...MALFORMED])('that does not exist (%j) is NOT_FOUND', async (id) => {
    expect(codeOf(await acknowledge(id))).toBe('NOT_FOUND');
  });

  it('is for those who may read the record, and is acknowledged by those who may', async () => {
    const [ana, staff] = [await join(app), await joinAs(app, owner, 'STAFF')];
    for (const person of [ana, staff]) {
      expect(codeOf(await readAlerts(app, person))).toBe('FORBIDDEN');
      expect(codeOf(await acknowledge(UNKNOWN, person))).toBe('FORBIDDEN');
    }
    expect(codeOf(await readAlerts(app, { access: 'x' }))).toBe('UNAUTHENTICATED');
  });

  it('goes ALERT_RETENTION_DAYS after it was acknowledged, and stays while it is open', async () => {
    const raise =
      'insert into security_alerts (id, type, severity, status, acknowledged_at, raised_at, suspicion, dedupe_key)';
    const at = (days: number) => `now() - interval '${days} days'`;
    const row = (status: string, days: number) =>
      `(gen_random_uuid(), 'kept', 'LOW', '${status}', ${status === 'OPEN' ? 'null' : at(days)}, ${at(900)}, '', '${status} ${days}')`;
    await look(
      `${raise} values ${[row('ACKNOWLEDGED', 41), row('ACKNOWLEDGED', 39), row('OPEN', 41)].join()}`,
    );
    const purge = async (ALERT_RETENTION_DAYS: string) => {
      const { env } = await testEnvironment({ DATABASE_URL: app.databaseUrl, ALERT_RETENTION_DAYS });
      const db = connectPostgres(app.databaseUrl, 2);
      await purgeAlerts({ db, config: loadConfig(env) });
      await db.destroy();
      const left = await look<{ key: string }>(
        "select dedupe_key as key from security_alerts where type = 'kept' order by 1",
      );
      return left.map(({ key }) => key);
    };
    expect(await purge('0')).toHaveLength(3);
    expect(await purge('40')).toEqual(['ACKNOWLEDGED 39', 'OPEN 41']);
    await look("delete from security_alerts where type = 'kept'");
  });

  it('stands in a list by status and page, newest first', async () => {
    const all = (await readAlerts(app, owner)).data['securityAlerts'];
    const times = (all.nodes as Alert[]).map(({ raisedAt }) => raisedAt);
    expect(times).toEqual([...times].sort().reverse());
    const first = (await readAlerts(app, owner, { first: 2, status: 'OPEN' })).data['securityAlerts'];
    const after = first.pageInfo.endCursor as string;
    const next = (await readAlerts(app, owner, { first: 2, after, status: 'OPEN' })).data['securityAlerts'];
    const open = (all.nodes as Alert[]).filter(({ status }) => status === 'OPEN').map(({ id }) => id);
    expect([...first.nodes, ...next.nodes].map(({ id }: Alert) => id)).toEqual(open.slice(0, 4));
    const done = (await readAlerts(app, owner, { first: 9, status: 'ACKNOWLEDGED' })).data['securityAlerts'];
    expect(done.totalCount).toBe(1);
    expect(faultsOf(await readAlerts(app, owner, { first: 101 }))).toEqual(['first']);
    expect(faultsOf(await readAlerts(app, owner, { after: 'x' }))).toEqual(['after']);
  });
});

describe('those who watch', () => {
  it('are many, and raise one alert all the same', async () => {
    for (const _ of range(3)) await app.replica();
    const ana = await join(app);
    await failAt(ana, 6);
    await refresh(app, ana.refresh);
    await refresh(app, ana.refresh);
    expect(await raisedOf('repeated_failures_account', ana.id)).toHaveLength(1);
    expect(await raisedOf('refresh_reuse', ana.id)).toHaveLength(1);
  });

  it('miss nothing that commits late', async () => {
    const late = await look.another();
    const id = randomUUID();
    await late.query('begin');
    await late.query(
      `insert into audit_events (id, type, outcome, subject, details) values ($1, 'refresh.reused', 'DENIED', $2, '{}')`,
      [randomUUID(), id],
    );
    const ana = await join(app);
    await failAt(ana, 1);
    for (const _ of range(2)) {
      const [now] = await look<{ at: Date }>('select clock_timestamp() as at');
      await until('somebody has looked', async () => {
        const [row] = await look<{ looked: boolean }>('select looked_at > $1 as looked from alert_cursor', [
          now?.at,
        ]);
        return row?.looked;
      });
    }
    expect(await look('select 1 from security_alerts where subject = $1', [id])).toEqual([]);
    await late.query('commit');
    expect(await raisedOf('refresh_reuse', id)).toHaveLength(1);
  });

  it('find what lies among thousands of events that no rule looks at, and behind them', async () => {
    const ids = [randomUUID(), randomUUID()];
    await look(
      `insert into audit_events (id, type, outcome, subject, details)
       select gen_random_uuid(), case n when 2500 then 'refresh.reused' else 'email.verified' end, 'DENIED', $1, '{}'
       from generate_series(1, 5000) n`,
      [ids[0]],
    );
    await look(
      `insert into audit_events (id, type, outcome, subject, details) values ($1, 'refresh.reused', 'DENIED', $2, '{}')`,
      [randomUUID(), ids[1]],
    );
    for (const id of ids) expect(await raisedOf('refresh_reuse', id)).toHaveLength(1);
  });

  it('go on where they stopped, after all of them were away', async () => {
    const brief = await startApp(settings);
    const inside = await lookInto(brief.databaseUrl);
    const ana = await join(brief);
    await refresh(brief, ana.refresh);
    await watched(inside);
    // No process is there to look while this is recorded.
    const held = await inside.another();
    await held.query('select pg_advisory_lock(7203110007)');
    await refresh(brief, ana.refresh);
    expect(await inside('select 1 from security_alerts')).toEqual([]);
    await held.end();
    await watched(inside);
    expect(await inside('select type from security_alerts')).toEqual([{ type: 'refresh_reuse' }]);
    await inside.close();
    await brief.close();
  });
});

describe('the rules', () => {
  it('stand in the manual, each by its name', () => {
    const manual = readFileSync('docs/operations.md', 'utf8');
    for (const [name, { severity }] of Object.entries(rules))
      expect(manual).toMatch(new RegExp(`^\\| \`${name}\` \\| [^|]*${severity}`, 'm'));
  });
});
