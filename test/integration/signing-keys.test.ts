import { createPublicKey, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
} from 'jose';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { codeOf, refresh, whoAmI } from '../harness/calls.js';
import { enter, join, joinAs, ownerOf, verify, type Person } from '../harness/people.js';
import { lookInto, type Look } from '../harness/look.js';
import { basic } from '../harness/oauth.js';
import { createDatabase } from '../harness/postgres.js';
import { runProgram } from '../harness/program.js';
import { holderOf, tokensDesk, type Holder } from '../harness/service-tokens.js';
import { sql } from '../harness/sql.js';
import { follow } from '../harness/streams.js';
import { until } from '../harness/until.js';

const key = () => randomBytes(32).toString('base64');
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const jwksOf = async ({ url }: { url: string }) =>
  (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
const kidsOf = async (app: { url: string }) => (await jwksOf(app)).keys.map(({ kid }) => kid);

interface Key {
  kid: string;
  algorithm: string;
  state: string;
  activatesAt: string | null;
  publishedAt: string;
  retiredAt: string | null;
  removedAt: string | null;
}
const KEY = '{ kid algorithm state publishedAt activatesAt retiredAt removedAt }';

async function keysOf(app: TestApp, owner: Person): Promise<Key[]> {
  const { data } = await app.graphql(`{ signingKeys ${KEY} }`, {}, { bearer: owner.access });
  return data['signingKeys'] as Key[];
}
const VERIFY_MANY =
  'query ($requests: [TokenVerificationRequest!]!) { verifyTokens(requests: $requests) { valid reason } }';
const publish = async (app: TestApp, owner: Person): Promise<Key> =>
  (await app.graphql(`mutation { rotateSigningKey ${KEY} }`, {}, { bearer: owner.access })).data[
    'rotateSigningKey'
  ];
const compromise = (app: TestApp, owner: Person, kid: string | undefined) =>
  app.graphql(
    `mutation ($kid: ID!) { revokeSigningKey(kid: $kid) ${KEY} }`,
    { kid },
    { bearer: owner.access },
  );

describe('the published keys', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());
  const fetchKeys = (init?: RequestInit) => fetch(`${app.url}/.well-known/jwks.json`, init);

  it('name their use and algorithm, are public only, and may be kept for a minute', async () => {
    const response = await fetchKeys();
    expect(response.headers.get('cache-control')).toBe('public, max-age=60');
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const { keys } = (await response.json()) as JSONWebKeySet;
    expect(keys).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        alg: 'ES256',
        use: 'sig',
        kid: expect.any(String),
        x: expect.any(String),
        y: expect.any(String),
      },
    ]);
  });

  it('are not sent again to whoever has them', async () => {
    const etag = (await fetchKeys()).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await fetchKeys({ headers: { 'if-none-match': known } });
      expect([again.status, await again.text()]).toEqual([304, '']);
      expect(again.headers.get('etag')).toBe(etag);
      expect(again.headers.get('cache-control')).toBe('public, max-age=60');
    }
    expect((await fetchKeys({ headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  it('can be asked about without being read, and by GET alone', async () => {
    const [got, head] = [await fetchKeys(), await fetchKeys({ method: 'HEAD' })];
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const name of ['etag', 'cache-control', 'content-type'])
      expect(head.headers.get(name)).toBe(got.headers.get(name));
    const posted = await fetchKeys({ method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('are named by the discovery document, with the issuer that tokens carry', async () => {
    const response = await fetch(`${app.url}/.well-known/openid-configuration`);
    expect(response.headers.get('cache-control')).toBe('public, max-age=60');
    expect(await response.json()).toMatchObject({
      issuer: 'https://auth.example.test',
      jwks_uri: 'https://auth.example.test/.well-known/jwks.json',
      id_token_signing_alg_values_supported: ['ES256'],
      subject_types_supported: ['public'],
    });
  });

  it('let anybody verify a token without asking the service', async () => {
    const ana = await join(app);
    const { payload, protectedHeader } = await jwtVerify(
      ana.access,
      createRemoteJWKSet(new URL(`${app.url}/.well-known/jwks.json`)),
      { issuer: 'https://auth.example.test', audience: 'authgraph', typ: 'at+jwt', algorithms: ['ES256'] },
    );
    expect([payload.sub, protectedHeader.alg]).toEqual([ana.id, 'ES256']);
  });
});

describe('a deployment chooses how tokens are signed', () => {
  it.each([
    ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
    ['RS256', { kty: 'RSA' }],
  ])('%s', async (algorithm, form) => {
    const app = await startApp({ SIGNING_ALGORITHM: algorithm });
    const ana = await join(app);
    expect(decodeProtectedHeader(ana.access).alg).toBe(algorithm);
    expect(await verify(app, ana.access)).toEqual({ valid: true, reason: null });
    const { keys } = await jwksOf(app);
    expect(keys).toMatchObject([{ ...form, alg: algorithm, use: 'sig' }]);
    const [published] = keys;
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(published).not.toHaveProperty(secret);
    if (algorithm === 'RS256')
      expect(
        createPublicKey({ key: published as never, format: 'jwk' }).asymmetricKeyDetails?.modulusLength,
      ).toBeGreaterThanOrEqual(2048);
    await jwtVerify(ana.access, createLocalJWKSet({ keys }), { algorithms: [algorithm] });
    await app.close();
  });

  it('and may change its mind: discovery and verification know both until the old one is gone', async () => {
    const before = await startApp();
    const owner = await ownerOf(before);
    const after = await before.replica({ SIGNING_ALGORITHM: 'EdDSA' });
    const announced = async () =>
      (
        (await (await fetch(`${after.url}/.well-known/openid-configuration`)).json()) as Record<
          string,
          unknown
        >
      )['id_token_signing_alg_values_supported'];
    expect(await announced()).toEqual(['ES256']);
    const next = await publish(after, owner);
    expect(next.algorithm).toBe('EdDSA');
    expect(await announced()).toEqual(['ES256', 'EdDSA']);
    await before.close();
  });
});

describe('rotation', () => {
  let app: TestApp;
  let doors: TestApp[];
  let owner: Person;
  let look: Look;
  beforeAll(async () => {
    app = await startApp({
      SIGNING_KEY_LEAD_SECONDS: '1',
      SIGNING_KEY_ROTATION_SECONDS: '1',
      SIGNING_KEY_KEEP_SECONDS: '1',
      ACCESS_TOKEN_TTL_SECONDS: '60',
    });
    // Each looks every 200 ms whether a step is due: four of them make the hundred rotations quick.
    doors = [app, await app.replica(), await app.replica(), await app.replica()];
    owner = await ownerOf(app);
    look = await lookInto(app.databaseUrl);
  });
  afterAll(async () => {
    await look.close();
    await app.close();
  });

  const stateOf = async (kid: string) =>
    (await look<{ state: string }>('select state from signing_keys where kid = $1', [kid]))[0]?.state;
  const nextKey = async () =>
    (await look<{ kid: string }>("select kid from signing_keys where state = 'published'"))[0];
  /** Moves the keys' lives on, as the calendar would in months. */
  const letItsTimeCome = (kid: string) =>
    look('update signing_keys set activates_at = now() where kid = $1', [kid]);
  const letOldOnesGo = (kept: number) =>
    look(
      `update signing_keys set retired_at = now() - interval '1 hour' where kid in
       (select kid from signing_keys where state = 'retiring' order by retired_at desc offset $1)`,
      [kept],
    );

  it('by the calendar publishes a key, lets it sign after the lead, and keeps the one before as long as its tokens live', async () => {
    const first = (await keysOf(app, owner)).find(({ state }) => state === 'ACTIVE')!;
    const next = await until('the next key signs', async () =>
      (await keysOf(app, owner)).find(({ kid, state }) => kid !== first.kid && state === 'ACTIVE'),
    );
    const lead = new Date(next.activatesAt!).getTime() - new Date(next.publishedAt).getTime();
    expect(lead).toBeGreaterThanOrEqual(1000);
    // A second by SIGNING_KEY_KEEP_SECONDS, which would strand tokens that live for a minute.
    const retire = (seconds: number) =>
      look("update signing_keys set retired_at = now() - $2 * interval '1 second' where kid = $1", [
        first.kid,
        seconds,
      ]);
    await retire(30);
    await until('a further key signs', async () => (await keysOf(app, owner))[1]!.kid !== next.kid);
    expect(await kidsOf(app)).toContain(first.kid);
    await retire(3600);
    await until('it is no longer published', async () => !(await kidsOf(app)).includes(first.kid));
    expect(await stateOf(first.kid)).toBe('removed');
  });

  it('a hundred times under load, on four replicas and for a verifier that asks none: no verification fails', async () => {
    let rotations = 0;
    /** Each step of a rotation: whoever makes the load does so again at each, and leaves the processor free in between. */
    const steps = new EventEmitter();
    let remembered = await jwksOf(app);
    const everywhere = async (...tokens: string[]) => {
      const requests = tokens.map((token) => ({ token }));
      for (const { data } of await Promise.all(doors.map((door) => door.graphql(VERIFY_MANY, { requests }))))
        expect(data['verifyTokens']).toEqual(tokens.map(() => ({ valid: true, reason: null })));
      for (const token of tokens) await jwtVerify(token, createLocalJWKSet(remembered));
    };
    const signers = new Set<string | undefined>();
    const load = async (door: TestApp): Promise<number> => {
      let { refresh: spent, access: before } = await join(door);
      let verified = 0;
      for (; rotations < 100; verified++) {
        const next = await refresh(door, spent);
        expect(next.code).toBeUndefined();
        await everywhere(before, next.access);
        signers.add(kidOf(next.access));
        before = next.access;
        spent = next.refresh;
        if (rotations < 100) await once(steps, 'step');
      }
      return verified;
    };
    const rotate = async () => {
      for (; rotations < 100; rotations++) {
        const { kid } = await until('the next key is there', nextKey);
        // The lead is there for this: all who keep copies fetch the key before it signs.
        for (const door of doors)
          await until('every replica publishes it', async () => (await kidsOf(door)).includes(kid));
        remembered = await jwksOf(app);
        steps.emit('step');
        await letItsTimeCome(kid);
        await letOldOnesGo(3);
        await until('it signs', async () => (await stateOf(kid)) !== 'published');
        steps.emit('step');
      }
      steps.emit('step');
    };
    const [first, second] = await Promise.all([load(doors[0]!), load(doors[1]!), rotate()]);
    expect(first + second).toBeGreaterThan(100);
    expect(signers.size).toBeGreaterThan(50);
    expect((await kidsOf(app)).length).toBeLessThan(20);
  }, 120_000);

  it('keeps no private key longer than it signs, and seals the one that does', async () => {
    const rows = await sql(app, 'select state, private_sealed, public_jwk from signing_keys');
    expect(rows.length).toBeGreaterThan(100);
    for (const { state, private_sealed: sealed, public_jwk: jwk } of rows) {
      if (state === 'active' || state === 'published') expect(sealed).toMatch(/^v1\.[0-9a-f]{8}\./);
      else expect(sealed).toBeNull();
      expect(Object.keys(jwk as object).sort()).toEqual(['crv', 'kty', 'x', 'y']);
    }
  });
});

describe('in an emergency', () => {
  let app: TestApp;
  let replica: TestApp;
  let owner: Person;
  beforeAll(async () => {
    app = await startApp();
    replica = await app.replica();
    owner = await ownerOf(app);
  });
  afterAll(() => app.close());

  it('nothing signed by a revoked key is trusted on any replica, and another one signs at once', async () => {
    const ana = await join(app);
    expect(await verify(replica, ana.access)).toMatchObject({ valid: true });
    const { data } = await compromise(app, owner, kidOf(ana.access));
    expect(data['revokeSigningKey']).toMatchObject({ kid: kidOf(ana.access), state: 'COMPROMISED' });
    const refused = { valid: false, reason: 'UNTRUSTED_SIGNATURE' };
    expect(await verify(app, ana.access)).toEqual(refused);
    expect(codeOf(await whoAmI(app, ana.access))).toBe('UNAUTHENTICATED');
    await until('the replica has heard of it', async () => !(await verify(replica, ana.access)).valid, 1000);
    expect(await verify(replica, ana.access)).toEqual(refused);

    const again = await refresh(app, ana.refresh);
    expect(kidOf(again.access)).not.toBe(kidOf(ana.access));
    for (const door of [app, replica])
      expect(await verify(door, again.access)).toEqual({ valid: true, reason: null });
    expect(kidOf((await enter(replica, ana)).access)).toBe(kidOf(again.access));
    expect(await kidsOf(app)).toEqual([kidOf(again.access)]);
    expect(
      await sql(app, 'select private_sealed from signing_keys where kid = $1', [kidOf(ana.access)]),
    ).toEqual([{ private_sealed: null }]);
    const recorded = await sql(app, "select details from audit_events where type = 'signing_key.revoked'");
    expect(recorded).toEqual([{ details: { kid: kidOf(ana.access) } }]);
  });

  it('the key that already waits takes over', async () => {
    owner = await enter(app, app.owner);
    const waiting = await publish(app, owner);
    await compromise(app, owner, kidOf(owner.access));
    owner = await enter(app, app.owner);
    expect(kidOf(owner.access)).toBe(waiting.kid);
  });

  it('a key that only waits can be revoked too, and never signs', async () => {
    const waiting = await publish(app, owner);
    await compromise(app, owner, waiting.kid);
    expect(await kidsOf(app)).not.toContain(waiting.kid);
    expect((await publish(app, owner)).kid).not.toBe(waiting.kid);
    expect(await verify(app, owner.access)).toMatchObject({ valid: true });
  });

  it('asking twice, or for a key that is none, does no harm', async () => {
    const [compromised] = (await keysOf(app, owner)).filter(({ state }) => state === 'COMPROMISED');
    await compromise(app, owner, compromised!.kid);
    expect(codeOf(await compromise(app, owner, 'no-such-key'))).toBe('NOT_FOUND');
    expect(codeOf(await compromise(app, owner, '__proto__'))).toBe('NOT_FOUND');
    expect(await verify(app, owner.access)).toMatchObject({ valid: true });
  });

  it('only holders of keys:manage may rotate, revoke or look', async () => {
    const staff = await joinAs(app, owner, 'HIGHER_STAFF');
    const asStaff = { bearer: staff.access };
    const answers = [
      await app.graphql('{ signingKeys { kid } }', {}, asStaff),
      await app.graphql('mutation { rotateSigningKey { kid } }', {}, asStaff),
      await compromise(app, staff, kidOf(owner.access)),
    ];
    expect(answers.map(codeOf)).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
  });
});

describe('keys at rest', () => {
  it('are useless without ENCRYPTION_KEYS: another one is refused at start, with a sentence that says why', async () => {
    const app = await startApp();
    await expect(app.replica({ ENCRYPTION_KEYS: key() })).rejects.toThrow(/ENCRYPTION_KEYS/);
    await app.close();
  });

  it('outlive a change of ENCRYPTION_KEYS: the new one in front, the old one behind', async () => {
    const [old, next] = [key(), key()];
    const app = await startApp({ ENCRYPTION_KEYS: old });
    const owner = await ownerOf(app);
    const changed = await app.replica({ ENCRYPTION_KEYS: `${next},${old}` });
    expect(await verify(changed, owner.access)).toEqual({ valid: true, reason: null });
    expect(await verify(app, (await enter(changed, app.owner)).access)).toEqual({
      valid: true,
      reason: null,
    });
    // What is sealed from now on needs the new one alone.
    const { kid } = await publish(changed, owner);
    const [row] = await sql(app, 'select private_sealed from signing_keys where kid = $1', [kid]);
    const [before] = await sql(app, "select private_sealed from signing_keys where state = 'active'");
    expect(row!['private_sealed'].split('.')[1]).not.toBe(before!['private_sealed'].split('.')[1]);
    await app.close();
  });

  it('are one, however many replicas start at once on an empty database', async () => {
    const { env, drop } = await testEnvironment();
    const apps = await Promise.all(Array.from({ length: 10 }, () => createApp(loadConfig(env))));
    const sets = await Promise.all(apps.map(kidsOf));
    expect(new Set(sets.flat()).size).toBe(1);
    await Promise.all(apps.map((app) => app.close()));
    await drop();
  });
});

describe('a database that was restored from a backup', () => {
  const ours = { ENCRYPTION_KEYS: key(), PASSWORD_PEPPERS: key() };
  let backup: { person: Person; service: Holder };
  const name = `backup_${randomBytes(6).toString('hex')}`;
  /** As it was when the backup was made; each time anew. */
  const restore = () =>
    createDatabase({
      template: {
        name,
        build: async (DATABASE_URL) => {
          const app = await startApp({ ...ours, DATABASE_URL });
          const service = await holderOf(tokensDesk(app, await ownerOf(app)));
          backup = { person: await join(app), service };
          await app.close();
        },
      },
    });
  const raise = async (DATABASE_URL: string, ...args: string[]) => {
    const { env } = await testEnvironment({ ...ours, DATABASE_URL });
    return runProgram('restored', args, env);
  };

  it('believes nothing that was handed out before, and lets people in again', async () => {
    const database = await restore();
    const { person, service } = backup;
    const kid = kidOf(person.access);
    const { code, out } = await raise(database.url);
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/^Ended: [23] sessions, 0 service/),
    });
    expect(out).toContain('Still live: 1 service tokens');

    const app = await startApp({ ...ours, DATABASE_URL: database.url });
    expect(await kidsOf(app)).not.toContain(kid);
    expect((await verify(app, person.access)).valid).toBe(false);
    expect((await refresh(app, person.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
    const again = await enter(app, person);
    expect(await verify(app, again.access)).toEqual({ valid: true, reason: null });
    // Whoever followed the feed before knows numbers that may be given anew.
    const stream = await follow(app, basic(service), '3');
    await stream.ready();
    expect(stream.events[0]?.event).toBe('reset');
    expect(stream.revocations().map(({ data }) => data)).toContainEqual({ kind: 'key', key: kid });
    expect(Number(stream.revocations()[0]?.id)).toBeGreaterThan(2 ** 32);
    await stream.close();
    await app.close();
    await database.drop();
  });

  it('replaces service tokens as well where that is asked for', async () => {
    const database = await restore();
    expect((await raise(database.url, '--end-service-tokens')).out).toContain('1 service tokens');
    const app = await startApp({ ...ours, DATABASE_URL: database.url });
    const stream = await follow(app, basic(backup.service));
    expect(stream.status).toBe(401);
    await stream.close();
    await app.close();
    await database.drop();
  });

  it('has a record that is whole: what was ended is on it', async () => {
    const database = await restore();
    await raise(database.url);
    const { env } = await testEnvironment({ ...ours, DATABASE_URL: database.url });
    const { code, err } = await runProgram('audit-verify', [], env);
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('as it was written') });
    const [told] = await sql(
      { databaseUrl: database.url },
      "select details from audit_events where type = 'database.restored'",
    );
    expect(told!['details']).toMatchObject({ sessions: expect.any(Number), keys: 1, serviceTokens: 0 });
    await database.drop();
  });

  it('and says how it is called', async () => {
    const { env } = await testEnvironment(ours);
    expect(await runProgram('restored', ['--all'], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining('Usage: npm run db:restored'),
    });
  });
});
