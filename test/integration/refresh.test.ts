import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectPostgres } from '../../src/db/postgres.js';
import { loadConfig } from '../../src/config.js';
import { purgeSessions } from '../../src/domain/sessions.js';
import { movableClock, startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, refresh, whoAmI, type Refreshed } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { statementsOf } from '../harness/statements.js';
import { until } from '../harness/until.js';
import { openScene, type Scene } from '../harness/scene.js';
import { enter, join, joinAs, ownerOf, roleId, verify, type Person } from '../harness/people.js';

const clock = movableClock();
let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' }, clock);
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const tokensOf = (person: Person) =>
  look(
    'select state, successor_id, successor_box, replays from refresh_tokens where session_id = $1 order by id',
    [person.sessionId],
  );
const claimsOf = (jwt: string) =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
const pick = (claims: Record<string, unknown>, names: string[]) =>
  Object.fromEntries(names.filter((name) => name in claims).map((name) => [name, claims[name]]));
const textsOf = (answers: Refreshed[]) => new Set(answers.map(({ refresh: text }) => text));

describe('a refresh', () => {
  it('gives the next pair of tokens of the same session, and the old access token goes on', async () => {
    const ana = await join(app);
    const next = await refresh(app, ana.refresh);
    expect(next.answer.data['refresh']).toMatchObject({
      session: { id: ana.sessionId },
      user: { id: ana.id },
    });
    expect(next.refresh).not.toBe(ana.refresh);
    for (const access of [ana.access, next.access])
      expect(await verify(app, access)).toEqual({ valid: true, reason: null });
    expect((await tokensOf(ana)).map(({ state }) => state)).toEqual(['rotated', 'active']);
  });

  it.each([
    ['the tokens alone', '{ accessToken refreshToken expiresAt refreshExpiresAt }', ''],
    ['the account', '{ accessToken refreshToken user { id } }', ''],
    [
      'the session in a fragment',
      '{ ...A }',
      'fragment A on AuthPayload { ... { refreshToken session { id } } }',
    ],
    [
      'the account perhaps',
      '{ refreshToken user @include(if: true) { id email } session @skip(if: true) { id } }',
      '',
    ],
  ])('answers what is asked for, and nobody can tell how it was read: %s', async (_what, asked, fragment) => {
    const ana = await join(app);
    const ask = async (token: string) => {
      const text = `mutation ($t: String!) { refresh(refreshToken: $t) ${asked} } ${fragment}`;
      const { data, errors } = await app.graphql(text, { t: token });
      expect(errors).toEqual([]);
      return data['refresh'] as Record<string, { id: string }> & {
        accessToken?: string;
        refreshToken: string;
      };
    };
    const once = await ask(ana.refresh);
    const again = await ask(once.refreshToken);
    expect(Object.keys(again)).toEqual(Object.keys(once));
    expect(once.user?.id ?? ana.id).toBe(ana.id);
    expect(once.session?.id ?? ana.sessionId).toBe(ana.sessionId);
    if (again.accessToken !== undefined)
      expect(claimsOf(again.accessToken)).toMatchObject({
        ...pick(claimsOf(ana.access), [
          'sub',
          'sid',
          'amr',
          'aal',
          'roles',
          'permissions',
          'ver',
          'preferred_username',
          'email',
        ]),
      });
    // A replay, which is read in another way.
    expect(await ask(once.refreshToken)).toMatchObject({ refreshToken: again.refreshToken });
  });

  it('carries on how the account proved itself, under a new token id', async () => {
    const ana = await join(app);
    const [before, after] = [claimsOf(ana.access), claimsOf((await refresh(app, ana.refresh)).access)];
    expect(after).toMatchObject({
      sub: before['sub'],
      sid: before['sid'],
      amr: before['amr'],
      aal: before['aal'],
    });
    expect(after['jti']).not.toBe(before['jti']);
  });

  it('reads the own account in the same answer', async () => {
    const ana = await join(app);
    const { data, errors } = await app.graphql(
      'mutation ($t: String!) { refresh(refreshToken: $t) { user { email roles { name } } session { current } } }',
      { t: ana.refresh },
    );
    expect(errors).toEqual([]);
    expect(data['refresh']).toEqual({
      user: { email: ana.email, roles: [{ name: 'USER' }] },
      session: { current: true },
    });
  });

  it('reads the roles again', async () => {
    const ana = await joinAs(app, owner, 'STAFF');
    expect(claimsOf(ana.access)).toMatchObject({ roles: ['STAFF'] });
    await app.graphql(
      'mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }',
      { u: ana.id, r: [await roleId(app, owner, 'USER')] },
      { bearer: owner.access },
    );
    const { access } = await refresh(app, ana.refresh);
    expect(claimsOf(access)).toMatchObject({ roles: ['USER'], scope: '' });
  });

  it('is recorded, and the session seen again', async () => {
    const ana = await join(app);
    const seen = async () =>
      (await look('select last_seen_at from sessions where id = $1', [ana.sessionId]))[0];
    const before = await seen();
    await refresh(app, ana.refresh);
    expect((await seen())!['last_seen_at'] > before!['last_seen_at']).toBe(true);
    const events = await look("select type from audit_events where details->>'session' = $1 order by id", [
      ana.sessionId,
    ]);
    expect(events.map(({ type }) => type)).toEqual(['sign_in.succeeded', 'refresh.rotated']);
  });

  it.each([5, true, null, undefined, [], ['x'], {}])('refuses %j by the name of its field', async (value) => {
    const answer = await app.graphql('mutation ($t: String!) { refresh(refreshToken: $t) { tokenType } }', {
      t: value,
    });
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['refreshToken']]);
  });
});

describe('what a refresh asks of the database', () => {
  // All other ways of a refresh name the table; what tidies it up has its times in intervals.
  const about = (statements: string[]) =>
    statements.filter((text) => text.includes('refresh_token') && !text.includes('interval'));

  it('is one statement, where this process has handed out the token, and one more where it has not', async () => {
    const { refresh: handedOut } = await refresh(app, (await join(app)).refresh);
    const one = about(await statementsOf(() => refresh(app, handedOut)));
    expect(one).toEqual([expect.stringContaining('rotate_refresh_tokens')]);
    const another = await app.replica();
    const { refresh: next } = await refresh(app, (await join(app)).refresh);
    const two = about(await statementsOf(() => refresh(another, next)));
    expect(two).toEqual([
      expect.stringContaining('select'),
      expect.stringContaining('rotate_refresh_tokens'),
    ]);
  });

  it('is the same behind a pooler, of which no connection is expected to know a statement', async () => {
    const pooled = await app.replica({ DATABASE_DIRECT_URL: app.databaseUrl });
    const ana = await join(pooled);
    const { refresh: second } = await refresh(pooled, ana.refresh);
    expect((await refresh(pooled, second)).code).toBeUndefined();
    expect((await tokensOf(ana)).map(({ state }) => state)).toEqual(['rotated', 'rotated', 'active']);
  });
});

describe('refreshes of one moment', () => {
  const MANY = 40;
  let scene: Scene;
  let people: Person[];
  beforeAll(async () => {
    scene = await openScene(app);
    const seated = Array.from({ length: MANY }, async () => scene.enter(await scene.seat(['USER'])));
    people = await Promise.all(seated);
  });
  afterAll(() => scene.close());

  /** All at once; each goes on with what it was given. @returns the codes of those that were refused */
  const refreshAll = async (door: TestApp) => {
    const answers = await Promise.all(people.map(({ refresh: token }) => refresh(door, token)));
    people = people.map((person, at) => ({ ...person, refresh: answers[at]?.refresh || person.refresh }));
    return { answers, refused: answers.map(({ code }) => code).filter(Boolean) };
  };

  it('get what is their own, each', async () => {
    const { answers, refused } = await refreshAll(app);
    expect(refused).toEqual([]);
    expect(answers.map(({ access }) => claimsOf(access)['sid'])).toEqual(
      people.map(({ sessionId }) => sessionId),
    );
    const recorded = `select details->>'session' as session, count(*)::int from audit_events
      where type = 'refresh.rotated' and details->>'session' = any($1) group by 1`;
    const events = await look(recorded, [people.map(({ sessionId }) => sessionId)]);
    expect(events.map(({ count }) => count)).toEqual(people.map(() => 2));
  });

  it('are as good with a process that has handed out none of them', async () => {
    const { answers, refused } = await refreshAll(await app.replica());
    expect(refused).toEqual([]);
    expect(new Set(answers.map(({ refresh: text }) => text)).size).toBe(MANY);
  });

  it('do not wait for the one whose session somebody holds', async () => {
    const [held, ...free] = people as [Person, ...Person[]];
    const holder = await look.another();
    await holder.query('begin');
    await holder.query('select 1 from sessions where id = $1 for update', [held.sessionId]);
    const waiting = refresh(app, held.refresh);
    const answers = await Promise.all(free.map(({ refresh: token }) => refresh(app, token)));
    expect(answers.map(({ code }) => code).filter(Boolean)).toEqual([]);
    await holder.query('rollback');
    const late = await waiting;
    expect(late.code).toBeUndefined();
    people = [late, ...answers].map(({ refresh: token }, at) => ({
      ...(people[at] as Person),
      refresh: token,
    }));
  });

  it('do not fail with the one that PostgreSQL refuses, which loses nothing', async () => {
    await look(`
      create function refuse_one() returns trigger language plpgsql as
        $$ begin raise exception 'not this one' using errcode = 'check_violation'; end $$;
      create trigger refuse_one before insert on audit_events for each row
        when (new.type = 'refresh.rotated' and new.actor = '${people[7]?.id ?? ''}') execute function refuse_one()`);
    const { answers, refused } = await refreshAll(app);
    await look('drop trigger refuse_one on audit_events; drop function refuse_one');
    expect([refused, answers[7]?.code]).toEqual([['INTERNAL_SERVER_ERROR'], 'INTERNAL_SERVER_ERROR']);
    answers.forEach(({ access }, at) => {
      if (at !== 7) expect(claimsOf(access)['sid']).toBe(people[at]?.sessionId);
    });
    expect((await refreshAll(app)).refused).toEqual([]);
  });
});

describe('a client that asks twice', () => {
  it('at once, a hundred times over, gets one successor from all of them and stays signed in', async () => {
    const ana = await join(app);
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(app, ana.refresh)));
    expect(answers.map(({ code }) => code).filter(Boolean)).toEqual([]);
    expect(textsOf(answers).size).toBe(1);
    expect(new Set(answers.map(({ access }) => access)).size).toBe(100);

    expect(await tokensOf(ana)).toMatchObject([{ state: 'rotated' }, { state: 'active' }]);
    expect(await look('select ended_at from sessions where id = $1', [ana.sessionId])).toEqual([
      { ended_at: null },
    ]);
    expect((await refresh(app, answers[0]!.refresh)).code).toBeUndefined();
  });

  it('of several replicas at once gets one successor as well', async () => {
    const replicas = [app, await app.replica(), await app.replica(), await app.replica()];
    const ana = await join(app);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, at) => refresh(replicas[at % 4]!, ana.refresh)),
    );
    expect(answers.map(({ code }) => code).filter(Boolean)).toEqual([]);
    expect(textsOf(answers).size).toBe(1);
    expect(await tokensOf(ana)).toMatchObject([{ state: 'rotated' }, { state: 'active' }]);
  });

  it('a hundred times over keeps nobody else waiting, even while its session is locked', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const lock = await look.another();
    await lock.query('begin');
    await lock.query('select 1 from sessions where id = $1 for update', [ana.sessionId]);
    const burst = Promise.all(Array.from({ length: 100 }, () => refresh(app, ana.refresh)));
    await until('the burst waits for the lock', async () => {
      const waiting =
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      return (await look(waiting)).length > 0;
    });
    expect(codeOf(await whoAmI(app, bo.access))).toBeUndefined();
    expect((await refresh(app, bo.refresh)).code).toBeUndefined();
    await lock.query('commit');
    expect(textsOf(await burst).size).toBe(1);
  });

  it('because the answer was lost gets the same successor and a fresh access token', async () => {
    const ana = await join(app);
    const lost = await refresh(app, ana.refresh);
    const again = await refresh(app, ana.refresh);
    expect(again.refresh).toBe(lost.refresh);
    expect(again.access).not.toBe(lost.access);
    expect((await refresh(app, again.refresh)).code).toBeUndefined();
  });

  it('after a restart gets the same successor', async () => {
    const ana = await join(app);
    const lost = await refresh(app, ana.refresh);
    const restarted = await app.replica();
    expect((await refresh(restarted, ana.refresh)).refresh).toBe(lost.refresh);
  });

  it('within a window that does not slide: it ends so long after the first use', async () => {
    const ana = await join(app);
    const first = await refresh(app, ana.refresh);
    const pass = async (seconds: number) => {
      clock.advance(seconds);
      await look(
        "update refresh_tokens set rotated_at = rotated_at - $2 * interval '1 second' where successor_id is not null and session_id = $1",
        [ana.sessionId, seconds],
      );
    };
    await pass(50);
    expect((await refresh(app, ana.refresh)).refresh).toBe(first.refresh);
    await pass(11);
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    clock.advance(-61);
  });

  it('soon after is not taken for a thief because the clock of PostgreSQL was set forward by an hour in between', async () => {
    const ana = await join(app);
    const first = await refresh(app, ana.refresh);
    await look(
      "update refresh_tokens set rotated_at = rotated_at - interval '1 hour' where successor_id is not null and session_id = $1",
      [ana.sessionId],
    );
    const again = await refresh(app, ana.refresh);
    expect(again.refresh).toBe(first.refresh);
    clock.advance(61);
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    clock.advance(-61);
  });

  it('later is one all the same where the clock of PostgreSQL was set back by an hour in between', async () => {
    const ana = await join(app);
    const first = await refresh(app, ana.refresh);
    await look(
      "update refresh_tokens set rotated_at = rotated_at + interval '1 hour' where successor_id is not null and session_id = $1",
      [ana.sessionId],
    );
    expect((await refresh(app, ana.refresh)).refresh).toBe(first.refresh);
    clock.advance(61);
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    clock.advance(-61);
  });

  it('a thousand times is told to slow down, and stays signed in', async () => {
    const ana = await join(app);
    const { refresh: successor } = await refresh(app, ana.refresh);
    await look('update refresh_tokens set replays = 999 where session_id = $1', [ana.sessionId]);
    expect((await refresh(app, ana.refresh)).refresh).toBe(successor);
    expect((await refresh(app, ana.refresh)).code).toBe('RATE_LIMITED');
    expect((await refresh(app, successor)).code).toBeUndefined();
  });

  it('is taken for a thief where the deployment has no window', async () => {
    const strict = await app.replica({ REFRESH_REPLAY_WINDOW_SECONDS: '0' });
    const ana = await join(strict);
    const { refresh: successor } = await refresh(strict, ana.refresh);
    expect((await refresh(strict, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    expect((await refresh(strict, successor)).code).toBe('REFRESH_TOKEN_INVALID');
  });
});

describe('the life of a session', () => {
  const age = (person: Person, column: 'idle_expires_at' | 'expires_at') =>
    look(`update sessions set ${column} = now() - interval '1 second' where id = $1`, [person.sessionId]);

  it('ends when it was not refreshed for too long, and signing in again helps', async () => {
    const ana = await join(app);
    await age(ana, 'idle_expires_at');
    expect((await refresh(app, ana.refresh)).code).toBe('SESSION_EXPIRED');
    expect((await refresh(app, ana.refresh)).code).toBe('SESSION_EXPIRED');
    const again = await enter(app, ana);
    expect((await refresh(app, again.refresh)).code).toBeUndefined();
  });

  it('ends for a client that lost the answer as well: an idle session gives nothing, even within the window', async () => {
    const ana = await join(app);
    await refresh(app, ana.refresh);
    await age(ana, 'idle_expires_at');
    const { code, access } = await refresh(app, ana.refresh);
    expect([code, access]).toEqual(['SESSION_EXPIRED', '']);
  });

  it('ends for good in the end, however often it is refreshed', async () => {
    const ana = await join(app);
    const { refresh: next } = await refresh(app, ana.refresh);
    await age(ana, 'expires_at');
    for (const token of [next, ana.refresh, next])
      expect((await refresh(app, token)).code).toBe('REFRESH_TOKEN_INVALID');
  });

  it('is told with the tokens: the earlier of the two ends', async () => {
    const short = await app.replica({ SESSION_TTL_SECONDS: '1000', REFRESH_TOKEN_TTL_SECONDS: '600' });
    const ana = await join(short);
    const secondsLeft = async (token: string) => {
      const { data } = await short.graphql(
        'mutation ($t: String!) { refresh(refreshToken: $t) { refreshToken refreshExpiresAt session { expiresAt } } }',
        { t: token },
      );
      const { refreshToken, refreshExpiresAt, session } = data['refresh'];
      expect(session.expiresAt).toBe(refreshExpiresAt);
      return [refreshToken as string, (Date.parse(refreshExpiresAt) - Date.now()) / 1000] as const;
    };
    const [next, idle] = await secondsLeft(ana.refresh);
    expect(idle).toBeGreaterThan(590);
    expect(idle).toBeLessThanOrEqual(601);
    await look("update sessions set expires_at = now() + interval '100 seconds' where id = $1", [
      ana.sessionId,
    ]);
    const [, capped] = await secondsLeft(next);
    expect(capped).toBeGreaterThan(90);
    expect(capped).toBeLessThanOrEqual(101);
  });

  it('runs out by itself where it is one second long', async () => {
    const fleeting = await app.replica({ REFRESH_TOKEN_TTL_SECONDS: '1' });
    const ana = await join(fleeting);
    await look('select pg_sleep_until(idle_expires_at) from sessions where id = $1', [ana.sessionId]);
    expect((await refresh(fleeting, ana.refresh)).code).toBe('SESSION_EXPIRED');
  });
});

describe('tidying up', () => {
  const tidy = async () => {
    const { env } = await testEnvironment({ DATABASE_URL: app.databaseUrl });
    const db = connectPostgres(app.databaseUrl, 2);
    await purgeSessions({ db, config: loadConfig(env) });
    await db.destroy();
  };

  it('takes sealed successors away once the window is over, and not before', async () => {
    const ana = await join(app);
    await refresh(app, ana.refresh);
    const hasBox = async () => (await tokensOf(ana))[0]!['successor_box'] !== null;
    await tidy();
    expect(await hasBox()).toBe(true);
    await look(
      "update refresh_tokens set rotated_at = rotated_at - interval '61 seconds' where session_id = $1",
      [ana.sessionId],
    );
    await tidy();
    expect(await hasBox()).toBe(false);
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
  });

  it('forgets the tokens of a session with it', async () => {
    const [ana, ben] = [await join(app), await join(app)];
    for (const one of [ana, ben]) await refresh(app, one.refresh);
    await look('delete from sessions where id = $1', [ana.sessionId]);
    expect([await tokensOf(ana), (await tokensOf(ben)).length]).toEqual([[], 2]);
    await look('delete from users where id = $1', [ben.id]);
    expect(await tokensOf(ben)).toEqual([]);
  });

  it('forgets sessions a month after their end', async () => {
    const [old, recent, live] = [await join(app), await join(app), await join(app)];
    await look("update sessions set ended_at = now() - interval '31 days' where id = $1", [old.sessionId]);
    await look("update sessions set ended_at = now() - interval '29 days' where id = $1", [recent.sessionId]);
    await tidy();
    const left = await look('select id from sessions where id = any($1) order by id', [
      [old, recent, live].map(({ sessionId }) => sessionId),
    ]);
    expect(left.map(({ id }) => id)).toEqual([recent.sessionId, live.sessionId].sort());
    expect((await refresh(app, old.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
    expect(codeOf(await whoAmI(app, live.access))).toBeUndefined();
  });
});
