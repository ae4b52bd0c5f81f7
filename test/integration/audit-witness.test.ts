import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, UNKNOWN } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

interface Row {
  outcome: string;
  actor: string | null;
  subject: string | null;
  ip_address: string | null;
  request_id: string | null;
  details: { field?: string; code?: string; reason?: string; service?: string | null; count: number };
}

/** Events of a type by or about somebody, once there are any; their counts added up. */
const events = (type: string, person: Person) =>
  look<Row>('select * from audit_events where type = $1 and (actor = $2 or subject = $2) order by id', [
    type,
    person.id,
  ]);
const some = (type: string, person: Person) =>
  until(`${type} is on record`, async () => {
    const rows = await events(type, person);
    return rows.length > 0 ? rows : undefined;
  });
const total = (rows: Row[]) => rows.reduce((sum, { details }) => sum + details.count, 0);
const asking = ({ access }: Person) => ({ bearer: access });

describe('whoever is kept out', () => {
  it('by the table is on record: who, from where, what field, and the code that they were told', async () => {
    const ana = await join(app);
    expect(codeOf(await app.graphql('{ users { nodes { id } } }', {}, asking(ana)))).toBe('FORBIDDEN');
    expect(await some('access.denied', ana)).toMatchObject([
      {
        outcome: 'DENIED',
        actor: ana.id,
        subject: null,
        ip_address: '127.0.0.1',
        request_id: expect.any(String),
        details: { field: 'Query.users', code: 'FORBIDDEN', count: 1 },
      },
    ]);
  });

  it('by the rule of ranks is on record as well, once', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const peer = await joinAs(app, owner, 'STAFF');
    expect(codeOf(await actingAs(app, staff).suspendUser(peer.id))).toBe('FORBIDDEN');
    expect(await some('access.denied', staff)).toMatchObject([
      { details: { field: 'Mutation.suspendUser', code: 'FORBIDDEN', count: 1 } },
    ]);
  });

  it('without a token is on record by address alone', async () => {
    await app.graphql('{ me { id } }', {}, { bearer: 'not.a.token' });
    const rows = await until('the denial is on record', async () => {
      const found = await look<Row>(
        "select * from audit_events where type = 'access.denied' and details->>'field' = 'Query.me'",
      );
      return found.length > 0 ? found : undefined;
    });
    expect(rows).toMatchObject([
      { actor: null, ip_address: '127.0.0.1', details: { code: 'UNAUTHENTICATED', count: 1 } },
    ]);
  });

  it('time and again is counted by field, and the caller’s own words are not kept', async () => {
    const ana = await join(app);
    for (const field of ['suspendUser', 'suspendUser', 'deleteUser']) {
      const sneaky = `mutation Sneaky($id: ID!) { alias: ${field}(id: $id) { id } }`;
      expect(codeOf(await app.graphql(sneaky, { id: UNKNOWN }, asking(ana)))).toBe('FORBIDDEN');
    }
    const rows = await until('all three are on record', async () => {
      const found = await events('access.denied', ana);
      return total(found) === 3 ? found : undefined;
    });
    const times = (field: string) => total(rows.filter(({ details }) => details.field === field));
    expect([times('Mutation.deleteUser'), times('Mutation.suspendUser')]).toEqual([1, 2]);
    expect(JSON.stringify(rows)).not.toMatch(/Sneaky|alias/);
  });

  it('is not told of what was wrong about the question rather than the one who asks', async () => {
    const ana = await join(app);
    const answer = await app.graphql(
      'query ($id: ID!) { user(id: $id) { id } }',
      { id: owner.id },
      asking(ana),
    );
    expect(codeOf(answer)).toBe('NOT_FOUND');
    await app.graphql('{ users { nodes { id } } }', {}, asking(ana));
    expect((await some('access.denied', ana)).map(({ details }) => details.field)).toEqual(['Query.users']);
  });
});

describe('a flood of denials', () => {
  it('of 5,000 calls costs a handful of rows, and every one is counted', async () => {
    const ana = await join(app);
    const CALLS = 5000;
    // As many as one document may hold.
    const aliases = Array.from({ length: 20 }, (_, n) => `d${n}: users { totalCount }`).join(' ');
    const document = () => app.graphql(`{ ${aliases} }`, {}, asking(ana));
    for (let sent = 0; sent < CALLS / 20; sent += 25) await Promise.all(Array.from({ length: 25 }, document));
    const rows = await until('all are counted', async () => {
      const found = await events('access.denied', ana);
      return total(found) >= CALLS ? found : undefined;
    });
    expect(total(rows)).toBe(CALLS);
    expect(rows.length).toBeLessThan(40);
  });
});

describe('verifications', () => {
  const verify = (token: string, requires: string[] = []) =>
    app.graphql(
      'query ($token: String!, $requires: [String!]) { verifyToken(token: $token, requires: $requires) { valid reason } }',
      { token, requires },
    );

  it('that say no are on record, alike ones as one with their count', async () => {
    const ana = await join(app);
    for (let n = 0; n < 3; n++)
      expect((await verify(ana.access, ['users:read'])).data['verifyToken'].reason).toBe(
        'MISSING_PERMISSION',
      );
    const rows = await until('all three are on record', async () => {
      const found = await events('token.refused', ana);
      return total(found) === 3 ? found : undefined;
    });
    expect(rows[0]).toMatchObject({
      outcome: 'DENIED',
      actor: null,
      subject: ana.id,
      ip_address: '127.0.0.1',
      details: { reason: 'MISSING_PERMISSION' },
    });
  });

  it('of what is no token are a failure, about nobody', async () => {
    await verify('no token at all');
    const rows = await until('the refusal is on record', async () => {
      const found = await look<Row>(
        "select * from audit_events where type = 'token.refused' and details->>'reason' = 'MALFORMED'",
      );
      return found.length > 0 ? found : undefined;
    });
    expect(rows).toMatchObject([{ outcome: 'FAILURE', subject: null, details: { service: null, count: 1 } }]);
    expect(JSON.stringify(rows)).not.toContain('no token at all');
  });

  it('that say yes are counted by day, service and account, and leave no event', async () => {
    const ana = await join(app);
    for (let n = 0; n < 5; n++) expect((await verify(ana.access)).data['verifyToken'].valid).toBe(true);
    const counts = await until('all five are counted', async () => {
      const found = await look<{ accepted: string }>(
        `select day = (now() at time zone 'UTC')::date as today, service_id, accepted::int from verification_counts where account_id = $1`,
        [ana.id],
      );
      return Number(found[0]?.accepted) === 5 ? found : undefined;
    });
    expect(counts).toEqual([
      { today: true, service_id: '00000000-0000-0000-0000-000000000000', accepted: 5 },
    ]);
    expect(await events('token.refused', ana)).toEqual([]);
  });
});

describe('where a session is used from', () => {
  it('is noted once a minute, however often it is used', async () => {
    const ana = await join(app);
    const proxied = await app.replica({ TRUSTED_PROXIES: '127.0.0.1' });
    const use = (address: string) =>
      proxied.graphql('{ me { id } }', {}, { ...asking(ana), headers: { 'x-forwarded-for': address } });
    for (let n = 0; n < 5; n++) await use('192.0.2.7');
    await use('2001:db8:1:2:3::4');
    const seen = () =>
      look(
        'select network, xmax::text as rewritten from session_sightings where session_id = $1 order by 1',
        [ana.sessionId],
      );
    await until('both are noted', async () => (await seen()).length === 2);
    await use('192.0.2.7');
    await proxied.close();
    expect(await seen()).toEqual([
      { network: '192.0.2.7', rewritten: '0' },
      { network: '2001:db8:1:2::/64', rewritten: '0' },
    ]);
  });
});

describe('while PostgreSQL does not take it', () => {
  it('what was witnessed is kept, and written once it does', async () => {
    const ana = await join(app);
    const lock = await look.another();
    await lock.query('begin; lock table audit_events in exclusive mode');
    await app.graphql('{ users { nodes { id } } }', {}, asking(ana));
    await until('a write has been tried', async () => {
      const waiting = await look(
        "select from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%insert into \"audit_events\"%' and datname = current_database()",
      );
      return waiting.length > 0;
    });
    await app.graphql('{ users { nodes { id } } }', {}, asking(ana));
    await lock.query('rollback');
    const rows = await until('both are on record', async () => {
      const found = await events('access.denied', ana);
      return total(found) === 2 ? found : undefined;
    });
    expect(total(rows)).toBe(2);
  });

  it('a service that stops writes what it still holds', async () => {
    const replica = await app.replica();
    const ana = await join(replica);
    await replica.graphql('{ users { nodes { id } } }', {}, asking(ana));
    await replica.close();
    expect(total(await events('access.denied', ana))).toBe(1);
  });
});
