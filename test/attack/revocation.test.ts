import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { movableClock, startApp, type TestApp } from '../harness/app.js';
import { codeOf, refresh, revoke, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, verify, type Person } from '../harness/people.js';
import { startRedis, type RedisServer } from '../harness/redis.js';
import { askEdge } from '../harness/router.js';
import { quantile, until } from '../harness/until.js';
import { layWire, type Wire } from '../harness/wire.js';

const GOOD = { valid: true, reason: null };
const REVOKED = { valid: false, reason: 'REVOKED' };

/** Two services that start apart share their secrets as two machines do. */
const SECRETS = {
  ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
  PASSWORD_PEPPERS: randomBytes(32).toString('base64'),
};

let app: TestApp;
let look: Look;
let owner: Person;
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
  app = await startApp({ LIMITS_SCALE: '100', ...SECRETS });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
  await redis.stop();
});

const endSession = (by: Person, id: string) =>
  app.graphql('mutation ($id: ID!) { revokeSession(id: $id) }', { id }, { bearer: by.access });

describe('somebody else’s session', () => {
  it('is not there for others: NOT_FOUND, and it goes on', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    const before = await look.census();
    const answer = await endSession(eve, ana.sessionId);
    expect(codeOf(answer)).toBe('NOT_FOUND');
    expect(answer.body).toBe((await endSession(eve, '019aa000-0000-7000-8000-000000000000')).body);
    expect(await look.census()).toEqual(before);
    expect((await refresh(app, ana.refresh)).code).toBeUndefined();
  });

  it.each(['', 'x', '1', '%', "' or true --", '\u0000', '\ud800', '019aa000-0000-7000-8000-00000000000g'])(
    'is not found by the id %j either',
    async (id) => {
      const eve = await join(app);
      expect(codeOf(await endSession(eve, id))).toBe('NOT_FOUND');
    },
  );

  it('of equal or higher rank is not for staff to end', async () => {
    const [staff, peer] = [await joinAs(app, owner, 'STAFF'), await joinAs(app, owner, 'STAFF')];
    for (const other of [peer, owner]) {
      expect(codeOf(await endSession(staff, other.sessionId))).toBe('FORBIDDEN');
      const all = await app.graphql(
        'mutation ($id: ID!) { revokeUserSessions(userId: $id) }',
        { id: other.id },
        { bearer: staff.access },
      );
      expect(codeOf(all)).toBe('FORBIDDEN');
      expect(await verify(app, other.access)).toEqual(GOOD);
    }
  });
});

describe('a token that is none of ours', () => {
  const foreign = () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ typ: 'at+jwt', alg: 'ES256', kid: 'of-another-house' })}.${part({ iss: 'https://other.test', sub: owner.id, sid: owner.sessionId, exp: 4e9 })}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };

  it.each([
    ['of another issuer', foreign],
    ['without a signature', () => `${owner.access.split('.').slice(0, 2).join('.')}.`],
    ['with a signature that is not its own', () => owner.access.replace(/.{10}$/, 'AAAAAAAAAA')],
    ['that is nothing', () => ''],
    ['that is noise', () => 'x'.repeat(500)],
    ['with a NUL in it', () => `${owner.refresh}\u0000`],
    ['that is half a character', () => '\ud800'],
    ['that was mistyped', () => owner.refresh.replace(/..$/, '--')],
  ])('%s is revoked with "true", and nothing changes', async (_, token) => {
    const before = await look.picture();
    expect((await revoke(app, token())).data).toEqual({ revoke: true });
    expect(await look.picture()).toBe(before);
    expect(await verify(app, owner.access)).toEqual(GOOD);
  });

  it('because its session ended long ago is revoked with "true", and nothing changes', async () => {
    const ana = await join(app);
    await revoke(app, ana.access);
    const before = await look.picture();
    for (const token of [ana.access, ana.refresh])
      expect((await revoke(app, token)).data).toEqual({ revoke: true });
    expect(await look.picture()).toBe(before);
  });
});

describe('a revocation that commits late', () => {
  it('is not passed by: whoever reads the feed meanwhile still finds it afterwards', async () => {
    const [slow, quick] = [await join(app), await join(app)];
    const other = await app.replica();
    // A replica in the middle of revoking: its row has the lower number, and is not committed yet.
    const late = await look.another();
    await late.query('begin');
    await late.query('select pg_advisory_xact_lock(7203110002)');
    await late.query(
      "insert into revocations (kind, key, expires_at) values ('session', $1, now() + interval '1 hour')",
      [slow.sessionId],
    );
    const meanwhile = revoke(app, quick.access);
    await until('the other one waits for its turn', async () => {
      const locks = "select 1 from pg_locks where locktype = 'advisory' and not granted";
      return (await look(locks)).length > 0;
    });
    expect(await verify(other, quick.access)).toEqual(GOOD);
    await late.query('commit');
    await meanwhile;
    for (const replica of [app, other])
      for (const { access } of [slow, quick])
        await until('it is refused', async () => !(await verify(replica, access)).valid, 2000);
  });

  it('or not at all leaves a gap in the numbers that nobody waits at', async () => {
    const ana = await join(app);
    const undone = await look.another();
    await undone.query('begin');
    await undone.query("insert into revocations (kind, key, expires_at) values ('session', 'x', now())");
    await undone.query('rollback');
    await revoke(app, ana.access);
    expect(await verify(app, ana.access)).toEqual(REVOKED);
  });
});

describe('a token that is over', () => {
  it('ends its session all the same, as a clock may be wrong and a client may have slept; an old one does not', async () => {
    const clock = movableClock();
    const ahead = await startApp({ DATABASE_URL: app.databaseUrl, ...SECRETS }, clock);
    const [ana, bo] = [await join(app), await join(app)];
    clock.advance(3600);
    expect((await verify(ahead, ana.access)).reason).toBe('EXPIRED');
    expect((await revoke(ahead, ana.access)).data).toEqual({ revoke: true });
    await until('all have heard', async () => (await verify(app, ana.access)).reason === 'REVOKED');
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
    clock.advance(2 * 3600);
    expect((await revoke(ahead, bo.access)).data).toEqual({ revoke: true });
    expect((await refresh(app, bo.refresh)).code).toBeUndefined();
    await ahead.close();
  });
});

describe('with PostgreSQL gone', () => {
  const clock = movableClock();
  let wire: Wire;
  let far: TestApp;
  beforeAll(async () => {
    wire = await layWire(app.databaseUrl);
    far = await startApp({ DATABASE_URL: wire.url, ...SECRETS }, clock);
  });
  afterEach(async () => {
    wire.mend();
    await until('it is back', async () => (await fetch(`${far.url}/health/ready`)).ok);
  });
  afterAll(async () => {
    await far.close();
    await wire.close();
  });
  const ask = (token: string) =>
    far.graphql('query ($t: String!) { verifyToken(token: $t) { valid reason } }', { t: token });

  it.each(['cut', 'hold'] as const)(
    '(%s) tokens are verified from memory for a while, then not at all, and never wrongly',
    async (how) => {
      const [ana, bo, cy] = [await join(app), await join(app), await join(app)];
      await revoke(app, bo.access);
      await until('far has heard', async () => !(await verify(far, bo.access)).valid);
      wire[how]();
      await revoke(app, cy.access);

      expect(await verify(far, ana.access)).toEqual(GOOD);
      expect(await verify(far, bo.access)).toEqual(REVOKED);
      clock.advance(20);
      // Beyond the first budget PostgreSQL is asked, in vain and not for long.
      const started = performance.now();
      expect(await verify(far, ana.access)).toEqual(GOOD);
      expect(await verify(far, bo.access)).toEqual(REVOKED);
      expect(performance.now() - started).toBeLessThan(2000);
      expect((await fetch(`${far.url}/health/ready`)).status).toBe(503);
      expect((await fetch(`${far.url}/health/live`)).status).toBe(200);

      clock.advance(11);
      for (const { access } of [ana, bo, cy]) {
        const { data, errors } = await ask(access);
        expect(errors[0]?.extensions).toEqual({ code: 'SERVICE_UNAVAILABLE' });
        expect(data['verifyToken'] ?? null).toBeNull();
        expect(codeOf(await whoAmI(far, access))).toBe('SERVICE_UNAVAILABLE');
        expect((await askEdge(far, access)).answer.control).toEqual({ break: 503 });
      }

      wire.mend();
      await until('it is back', async () => codeOf(await ask(ana.access)) === undefined);
      expect(await verify(far, ana.access)).toEqual(GOOD);
      expect(await verify(far, cy.access)).toEqual(REVOKED);
    },
  );

  it('signing in, refreshing and revoking say that trying again is safe, and it is', async () => {
    const ana = await join(app);
    wire.cut();
    expect((await refresh(far, ana.refresh)).code).toBe('SERVICE_UNAVAILABLE');
    expect(codeOf(await revoke(far, ana.refresh))).toBe('SERVICE_UNAVAILABLE');
    expect(codeOf(await revoke(far, ana.access))).toBe('SERVICE_UNAVAILABLE');
    await expect(enter(far, ana)).rejects.toThrow('SERVICE_UNAVAILABLE');
    wire.mend();
    await until('it is back', async () => (await refresh(far, ana.refresh)).code === undefined);
    expect(codeOf(await revoke(far, ana.access))).toBeUndefined();
    expect(await verify(app, ana.access)).toEqual(REVOKED);
  });
});

describe('with Redis beside it', () => {
  let one: TestApp;
  let two: TestApp;
  beforeAll(async () => {
    one = await app.replica({ REDIS_URL: redis.url });
    two = await app.replica({ REDIS_URL: redis.url });
  });

  /** How many replicas listen to revocations by Redis. */
  const listeners = async () => {
    const client = new Redis(redis.url);
    const [, count] = (await client.pubsub('NUMSUB', 'authgraph_revocations')) as [string, number];
    client.disconnect();
    return count;
  };

  /** What must hold whatever Redis does. */
  async function expectUnmoved(): Promise<void> {
    const [ana, bo] = [await join(one), await join(two)];
    await revoke(one, bo.access);
    expect(await verify(one, bo.access)).toEqual(REVOKED);
    await until('the other one refuses it', async () => !(await verify(two, bo.access)).valid, 1000);
    expect((await refresh(two, bo.refresh)).code).toBe('REFRESH_TOKEN_INVALID');

    const times: number[] = [];
    for (let at = 0; at < 100; at++) {
      const started = performance.now();
      const [good, bad] = await Promise.all([verify(two, ana.access), verify(one, bo.access)]);
      times.push(performance.now() - started);
      expect([good, bad]).toEqual([GOOD, REVOKED]);
    }
    // A wait for Redis would be 150 ms and more, each time; what is left of 100 may have waited for the machine.
    expect(quantile(times, 0.5)).toBeLessThan(50);
    expect(quantile(times, 0.95)).toBeLessThan(100);
    expect((await refresh(two, ana.refresh)).code).toBeUndefined();
    expect((await fetch(`${two.url}/health/ready`)).status).toBe(200);
  }

  it('all is well', expectUnmoved);

  it('FLUSHALL changes no answer', async () => {
    const ana = await join(one);
    await revoke(one, ana.access);
    await redis.flush();
    for (const replica of [one, two])
      await until('it is refused', async () => !(await verify(replica, ana.access)).valid, 1000);
    await expectUnmoved();
  });

  it('a Redis that hangs changes no answer and slows no verification', async () => {
    redis.pause();
    await expectUnmoved();
    redis.resume();
    await expectUnmoved();
  });

  it('a Redis that is killed changes no answer and slows no verification', async () => {
    await redis.kill();
    await expectUnmoved();
    await redis.restart();
    await expectUnmoved();
    await until('both listen again', async () => (await listeners()) === 2);
  });
});
