import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { actingAs, MALFORMED, UNKNOWN } from '../harness/administration.js';
import { codeOf, faultsOf, refresh, whoAmI } from '../harness/calls.js';
import {
  begin,
  challengeOf,
  enterWith,
  factorsOf,
  finish,
  setUpFactor,
  steppingClock,
} from '../harness/factors.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import {
  addPasskey,
  device,
  enterByPasskey,
  optionsIn,
  ORIGIN,
  passkeysOf,
  RP_ID,
  visitorOf,
  type Cbor,
} from '../harness/passkeys.js';
import { enter, join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

const clock = steppingClock();
let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', MFA_ISSUER: 'Ana & Söhne' }, clock);
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const eventsOf = (id: string) =>
  look<{ type: string; outcome: string; details: unknown }>(
    'select type, outcome, details from audit_events where subject = $1 order by id',
    [id],
  );
const typesOf = async (id: string) => (await eventsOf(id)).map(({ type }) => type);
const listOf = async (person: Person) =>
  (await passkeysOf(app, person).list()).data['me'].passkeys as unknown[];
const subjectsTo = async ({ email }: Person) =>
  (await mailsIn(app)).filter(({ to }) => to === email).map(({ subject }) => subject);
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { amr: string[]; aal: number };
const asPerson = (person: Person, { data }: { data: Record<string, unknown> }): Person => {
  const [payload] = Object.values(data) as {
    accessToken: string;
    refreshToken: string;
    session: { id: string };
  }[];
  return {
    ...person,
    access: payload!.accessToken,
    refresh: payload!.refreshToken,
    sessionId: payload!.session.id,
  };
};

describe('registering a passkey', () => {
  it('begins with options for the browser, which tell it of nothing but the service and the account', async () => {
    const ana = await join(app);
    const answer = await passkeysOf(app, ana).options(ana.password);
    const options = optionsIn(answer);
    expect(options).toMatchObject({
      rp: { id: RP_ID, name: 'Ana & Söhne' },
      user: { name: ana.email, displayName: 'Ana Li' },
      attestation: 'none',
      excludeCredentials: [],
      authenticatorSelection: { userVerification: 'required', residentKey: 'preferred' },
      timeout: 300_000,
    });
    expect(options['pubKeyCredParams'].map(({ alg }: { alg: number }) => alg)).toEqual([-7, -8, -257]);
    expect(Buffer.from(options['challenge'], 'base64url')).toHaveLength(32);
    expect(Buffer.from(options['user'].id, 'base64url').toString('hex')).toBe(ana.id.replaceAll('-', ''));
    expect(answer.headers.get('cache-control')).toContain('no-store');
  });

  it('asks for the password, and for a session', async () => {
    const ana = await join(app);
    expect(codeOf(await passkeysOf(app, ana).options('Not-the-password-1'))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await passkeysOf(app, ana).options(''))).toBe('BAD_USER_INPUT');
    const nobody = passkeysOf(app, { access: 'nothing' });
    expect(codeOf(await nobody.options(ana.password))).toBe('UNAUTHENTICATED');
    expect(await typesOf(ana.id)).toContain('password.refused');
  });

  it('adds it to the account, and its owner hears of it', async () => {
    const ana = await join(app);
    const own = passkeysOf(app, ana);
    const options = optionsIn(await own.options(ana.password));
    const { data } = await own.register(device().create(options), '  My telephone ');
    expect(data['registerPasskey']).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'My telephone',
      createdAt: expect.any(String),
      lastUsedAt: null,
    });
    expect(await listOf(ana)).toEqual([data['registerPasskey']]);
    const [stored] = await look('select * from passkeys where user_id = $1', [ana.id]);
    expect(stored).toMatchObject({
      transports: ['hybrid', 'internal'],
      device_type: 'singleDevice',
      backed_up: false,
      aaguid: '07070707-0707-0707-0707-070707070707',
    });
    expect(await eventsOf(ana.id)).toContainEqual({
      type: 'passkey.registered',
      outcome: 'SUCCESS',
      details: { passkey: data['registerPasskey'].id },
    });
    await until('word has come', async () =>
      (await subjectsTo(ana)).includes('A passkey was added to your account'),
    );
  });

  it('names one that is given no name, and tells the next browser which are there', async () => {
    const ana = await join(app);
    const [first, second] = [device(), device({ synced: true })];
    await addPasskey(app, ana, first);
    await addPasskey(app, ana, second);
    expect(await listOf(ana)).toMatchObject([{ name: 'Passkey 1' }, { name: 'Passkey 2' }]);
    const options = optionsIn(await passkeysOf(app, ana).options(ana.password));
    expect(options['excludeCredentials']).toEqual(
      [first, second].map(({ id }) => ({ id, type: 'public-key', transports: ['hybrid', 'internal'] })),
    );
  });

  it('ends every other session', async () => {
    const ana = await join(app);
    const elsewhere = await enter(app, ana);
    await addPasskey(app, ana);
    expect(codeOf(await whoAmI(app, elsewhere.access))).toBe('UNAUTHENTICATED');
    expect(codeOf(await whoAmI(app, ana.access))).toBeUndefined();
  });

  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'takes keys of the kind %s, and signs in by them',
    async (algorithm) => {
      const ana = await join(app);
      const own = await addPasskey(app, ana, device({ algorithm }));
      expect(codeOf(await enterByPasskey(app, own))).toBeUndefined();
    },
  );

  it('does not look at what the device’s maker states', async () => {
    const ana = await join(app);
    const own = passkeysOf(app, ana);
    const options = optionsIn(await own.options(ana.password));
    const certificate = Buffer.from('no certificate at all');
    const attStmt = new Map<Cbor, Cbor>([
      ['alg', -7],
      ['sig', certificate],
      ['x5c', [certificate]],
    ]);
    const attestation = { fmt: 'packed', attStmt };
    expect(codeOf(await own.register(device().create(options, { attestation })))).toBeUndefined();
  });

  it('stops at twenty', async () => {
    const ana = await join(app);
    await look(
      `insert into passkeys (id, user_id, credential_id, public_key, counter, transports, aaguid, device_type, backed_up, name)
       select gen_random_uuid(), $1, uuid_send(gen_random_uuid()), '', 0, '{}', gen_random_uuid(), 'multiDevice', true, 'x' from generate_series(1, 20)`,
      [ana.id],
    );
    expect(codeOf(await passkeysOf(app, ana).options(ana.password))).toBe('INSUFFICIENT_AAL');
    await look('update sessions set aal = 2 where id = $1', [ana.sessionId]);
    expect(codeOf(await passkeysOf(app, ana).options(ana.password))).toBe('CONFLICT');
  });

  it('asks whoever has a second factor to have proved it lately', async () => {
    const ana = await join(app);
    const { codes } = await setUpFactor(app, ana, clock.now);
    await look("update sessions set proved_at = now() - interval '6 minutes' where id = $1", [ana.sessionId]);
    expect(codeOf(await passkeysOf(app, ana).options(ana.password))).toBe('INSUFFICIENT_AAL');
    const risen = asPerson(ana, await factorsOf(app, ana).stepUp(codes[0]!, 'RECOVERY_CODE'));
    await addPasskey(app, risen);
  });
});

describe('an account whose only second factor is a passkey', () => {
  it('has proved it by registering it, and changes nothing about it later by the password alone', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    expect(claimsOf((await refresh(app, ana.refresh)).access)).toMatchObject({
      aal: 2,
      amr: ['pwd', 'hwk', 'user', 'mfa'],
    });
    const thief = await enter(app, ana);
    const door = passkeysOf(app, thief);
    const answers = [
      await door.options(ana.password),
      await door.remove(own.passkeyId, ana.password),
      await factorsOf(app, thief).enroll(ana.password),
    ];
    expect(answers.map(codeOf)).toEqual(['INSUFFICIENT_AAL', 'INSUFFICIENT_AAL', 'INSUFFICIENT_AAL']);
    await door.stepUp(own.get(optionsIn(await door.stepUpOptions())));
    expect(codeOf(await door.options(ana.password))).toBeUndefined();
  });
});

describe('signing in by a passkey', () => {
  it('needs neither login nor password, and reaches aal 2', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const answer = await enterByPasskey(app, own);
    expect(answer.data['signInWithPasskey']).toMatchObject({
      user: { id: ana.id },
      session: { aal: 2, amr: ['hwk', 'user', 'mfa'] },
    });
    const inside = asPerson(ana, answer);
    expect(codeOf(await whoAmI(app, inside.access))).toBeUndefined();
    expect(claimsOf(inside.access)).toMatchObject({ aal: 2, amr: ['hwk', 'user', 'mfa'] });
    expect(claimsOf((await refresh(app, inside.refresh)).access)).toMatchObject({ aal: 2 });
    expect(await listOf(ana)).toMatchObject([{ lastUsedAt: expect.any(String) }]);
    expect(await eventsOf(ana.id)).toEqual(
      expect.arrayContaining([
        { type: 'passkey.used', outcome: 'SUCCESS', details: { passkey: own.passkeyId, act: 'sign_in' } },
        expect.objectContaining({ type: 'sign_in.succeeded' }),
      ]),
    );
  });

  it('names the account’s own passkeys to the browser where a login was given', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    for (const login of [ana.username, ana.email.toUpperCase()]) {
      const options = optionsIn(await visitorOf(app).options(login));
      expect(options).toMatchObject({
        rpId: RP_ID,
        userVerification: 'required',
        allowCredentials: [{ id: own.id, type: 'public-key', transports: ['hybrid', 'internal'] }],
      });
      expect(codeOf(await visitorOf(app).signIn(own.get(options)))).toBeUndefined();
      // Older keys keep no user beside the key, and need none where the account was named.
      for (const userHandle of [null, ''])
        expect(codeOf(await enterByPasskey(app, own, login, { userHandle }))).toBeUndefined();
    }
    expect(optionsIn(await visitorOf(app).options())).not.toHaveProperty('allowCredentials');
    expect(optionsIn(await visitorOf(app).options(null))).not.toHaveProperty('allowCredentials');
  });

  it('tells a key that may be copied from one that stays on its device', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana, device({ synced: true, counts: false }));
    for (let times = 0; times < 2; times++) {
      const { data } = await enterByPasskey(app, own);
      expect(data['signInWithPasskey'].session).toMatchObject({ aal: 2, amr: ['swk', 'user', 'mfa'] });
    }
  });

  it('asks for no code besides, as it is two factors by itself', async () => {
    const ana = await join(app);
    await setUpFactor(app, ana, clock.now);
    const own = await addPasskey(app, ana);
    expect((await enterByPasskey(app, own)).data['signInWithPasskey'].session.aal).toBe(2);
  });

  it('leaves the password sign-in as it was', async () => {
    const ana = await join(app);
    await addPasskey(app, ana);
    expect((await begin(app, ana.username, ana.password)).data['signIn'].__typename).toBe('AuthPayload');
    const { data } = await app.graphql('{ me { mfaEnabled } }', {}, { bearer: ana.access });
    expect(data['me'].mfaEnabled).toBe(false);
  });

  it('is told of a deletion or suspension only after the right passkey', async () => {
    const [gone, barred] = [await join(app), await join(app)];
    const [ofGone, ofBarred] = [await addPasskey(app, gone), await addPasskey(app, barred)];
    await actingAs(app, owner).deleteUser(gone.id);
    await actingAs(app, owner).suspendUser(barred.id);
    const deleted = await enterByPasskey(app, ofGone);
    expect([codeOf(deleted), deleted.errors[0]?.message]).toEqual([
      'ACCOUNT_DELETED',
      'Your account has been deleted and access is denied.',
    ]);
    expect(codeOf(await enterByPasskey(app, ofBarred))).toBe('ACCOUNT_SUSPENDED');
    for (const own of [ofGone, ofBarred])
      expect(codeOf(await enterByPasskey(app, own, undefined, { signer: device() }))).toBe(
        'INVALID_CREDENTIALS',
      );
  });

  it('waits for the address where it must be confirmed first, and mails a link', async () => {
    const careful = await app.replica({ REQUIRE_EMAIL_VERIFICATION: 'on' });
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    expect(codeOf(await enterByPasskey(careful, own, ana.email))).toBe('EMAIL_NOT_VERIFIED');
    await until('a link has come', async () =>
      (await subjectsTo(ana)).includes('Confirm your email address'),
    );
    await look('update users set email_verified_at = now() where id = $1', [ana.id]);
    expect(codeOf(await enterByPasskey(careful, own))).toBeUndefined();
  });
});

describe('a passkey as second factor', () => {
  async function guarded() {
    const ana = await join(app);
    const { app: totp } = await setUpFactor(app, ana, clock.now);
    const own = await addPasskey(app, ana);
    clock.step();
    return { ana, own, totp };
  }

  it('is one of the methods, and finishes the sign-in', async () => {
    const { ana, own } = await guarded();
    const { methods, challengeToken } = (await begin(app, ana.email, ana.password)).data['signIn'];
    expect(methods).toEqual(['TOTP', 'PASSKEY', 'RECOVERY_CODE']);
    const options = optionsIn(await visitorOf(app).challengeOptions(challengeToken));
    expect(options).toMatchObject({ rpId: RP_ID, allowCredentials: [{ id: own.id }] });
    const answer = await visitorOf(app).verify(challengeToken, own.get(options));
    expect(answer.data['verifyMfaWithPasskey']).toMatchObject({
      user: { id: ana.id },
      session: { aal: 2, amr: ['pwd', 'hwk', 'user', 'mfa'] },
    });
    expect(codeOf(await visitorOf(app).challengeOptions(challengeToken))).toBe('MFA_CHALLENGE_EXPIRED');
  });

  it('leaves the other ways open until one of them succeeds', async () => {
    const { ana, own, totp } = await guarded();
    const challenge = await challengeOf(app, ana);
    const options = optionsIn(await visitorOf(app).challengeOptions(challenge));
    expect(codeOf(await visitorOf(app).verify(challenge, own.get(options, { signer: device() })))).toBe(
      'MFA_CODE_INVALID',
    );
    expect(codeOf(await finish(app, challenge, totp.code()))).toBeUndefined();
    expect(codeOf(await visitorOf(app).verify(challenge, own.get(options)))).toBe('MFA_CHALLENGE_EXPIRED');
  });

  it('is not asked for where there is none, or by a made-up challenge', async () => {
    const ana = await join(app);
    await setUpFactor(app, ana, clock.now);
    const challenge = await challengeOf(app, ana);
    expect(codeOf(await visitorOf(app).challengeOptions(challenge))).toBe('CONFLICT');
    expect(codeOf(await visitorOf(app).challengeOptions('x'.repeat(43)))).toBe('MFA_CHALLENGE_EXPIRED');
  });

  it('survives the end of the authenticator app, and so does the assurance of a session that proved it', async () => {
    const { ana, own, totp } = await guarded();
    const challenge = await challengeOf(app, ana);
    const options = optionsIn(await visitorOf(app).challengeOptions(challenge));
    const inside = asPerson(ana, await visitorOf(app).verify(challenge, own.get(options)));
    expect(codeOf(await factorsOf(app, inside).disable(ana.password, totp.code()))).toBeUndefined();
    expect(await listOf(inside)).toHaveLength(1);
    const next = await refresh(app, inside.refresh);
    expect(claimsOf(next.access)).toMatchObject({ aal: 2, amr: ['pwd', 'hwk', 'user', 'mfa'] });
  });

  it('raises a session that began by a password alone', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const door = passkeysOf(app, ana);
    const answer = await door.stepUp(own.get(optionsIn(await door.stepUpOptions())));
    expect(answer.data['stepUpWithPasskey']).toMatchObject({
      session: { id: ana.sessionId, aal: 2, amr: ['pwd', 'hwk', 'user', 'mfa'] },
    });
    expect(await typesOf(ana.id)).toEqual(expect.arrayContaining(['passkey.used', 'session.stepped_up']));
    const bare = await join(app);
    expect(codeOf(await passkeysOf(app, bare).stepUpOptions())).toBe('CONFLICT');
  });
});

describe('one’s passkeys', () => {
  it('can be called something else', async () => {
    const ana = await join(app);
    const { passkeyId } = await addPasskey(app, ana);
    const own = passkeysOf(app, ana);
    const { data } = await own.rename(passkeyId, ' Käse ');
    expect(data['renamePasskey']).toMatchObject({ id: passkeyId, name: 'Käse' });
    expect(await listOf(ana)).toMatchObject([{ name: 'Käse' }]);
    for (const name of ['', '   ', 'x'.repeat(65), 'a\u0007b'])
      expect(faultsOf(await own.rename(passkeyId, name))).toEqual(['name']);
    expect(await typesOf(ana.id)).toContain('passkey.renamed');
  });

  it('can be removed with the password, and sign nobody in from then on', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const inside = asPerson(ana, await enterByPasskey(app, own));
    const door = passkeysOf(app, inside);
    expect(codeOf(await door.remove(own.passkeyId, 'Not-the-password-1'))).toBe('INVALID_CREDENTIALS');
    expect((await door.remove(own.passkeyId, ana.password)).data).toEqual({ removePasskey: true });
    expect(await listOf(inside)).toEqual([]);
    expect(codeOf(await enterByPasskey(app, own))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await whoAmI(app, ana.access))).toBe('UNAUTHENTICATED');
    expect(claimsOf((await refresh(app, inside.refresh)).access)).toMatchObject({ aal: 1, amr: ['pwd'] });
    expect(await typesOf(ana.id)).toContain('passkey.removed');
    await until('word has come', async () =>
      (await subjectsTo(ana)).includes('A passkey was removed from your account'),
    );
  });

  it('keep a session’s assurance while one of them is left', async () => {
    const ana = await join(app);
    const [lost, kept] = [await addPasskey(app, ana), await addPasskey(app, ana)];
    const inside = asPerson(ana, await enterByPasskey(app, kept));
    await passkeysOf(app, inside).remove(lost.passkeyId, ana.password);
    expect(claimsOf((await refresh(app, inside.refresh)).access)).toMatchObject({ aal: 2 });
  });

  it('are removed only by a session that proved the second factor lately, where there is one', async () => {
    const ana = await join(app);
    const { app: totp } = await setUpFactor(app, ana, clock.now);
    const { passkeyId } = await addPasskey(app, ana);
    clock.step();
    const inside = await enterWith(app, ana, totp.code());
    await look("update sessions set proved_at = now() - interval '6 minutes' where id = $1", [
      inside.sessionId,
    ]);
    expect(codeOf(await passkeysOf(app, inside).remove(passkeyId, ana.password))).toBe('INSUFFICIENT_AAL');
  });

  it('are nobody else’s, and seen by whoever may read accounts', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    const { passkeyId } = await addPasskey(app, ana);
    for (const id of [passkeyId, UNKNOWN, ...MALFORMED]) {
      expect(codeOf(await passkeysOf(app, eve).rename(id, 'Mine'))).toBe('NOT_FOUND');
      expect(codeOf(await passkeysOf(app, eve).remove(id, eve.password))).toBe('NOT_FOUND');
    }
    const staff = await joinAs(app, owner, 'STAFF');
    const ask = ({ access }: Person) =>
      app.graphql(
        'query ($i: ID!) { user(id: $i) { id passkeys { id name } } }',
        { i: ana.id },
        { bearer: access },
      );
    expect((await ask(staff)).data['user'].passkeys).toEqual([{ id: passkeyId, name: 'Passkey 1' }]);
    expect(codeOf(await ask(eve))).toBe('NOT_FOUND');
  });

  it('go with all factors that an administrator takes off', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    expect(codeOf(await factorsOf(app, owner).reset(ana.id))).toBeUndefined();
    expect(codeOf(await enterByPasskey(app, own))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await whoAmI(app, ana.access))).toBe('UNAUTHENTICATED');
    expect(await typesOf(ana.id)).toContain('mfa.reset');
  });

  it('are in what is exported, by name and time alone, and gone from what is erased', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    await visitorOf(app).options(ana.email);
    const { data, body } = await actingAs(app, owner).exportUserData(ana.id);
    expect(data['exportUserData'].factors.passkeys).toEqual([
      { name: 'Passkey 1', createdAt: expect.any(String), lastUsedAt: null },
    ]);
    expect(body).not.toContain(own.id);
    await actingAs(app, owner).deleteUser(ana.id);
    expect(codeOf(await actingAs(app, owner).eraseUser(ana.id))).toBeUndefined();
    for (const table of ['passkeys', 'webauthn_challenges'])
      expect(await look(`select 1 from ${table} where user_id = $1`, [ana.id])).toEqual([]);
  });
});

it('where the front end is elsewhere, passkeys belong to its domain', async () => {
  const other = await app.replica({
    FRONTEND_URL: 'https://app.example.test,https://admin.example.test',
    WEBAUTHN_RP_ID: 'Example.test',
  });
  const ana = await join(other);
  const own = passkeysOf(other, ana);
  const telephone = device();
  const options = optionsIn(await own.options(ana.password));
  expect(options['rp'].id).toBe('example.test');
  const made = telephone.create(options, { origin: 'https://admin.example.test' });
  expect(codeOf(await own.register(made))).toBeUndefined();
  for (const origin of ['https://app.example.test', ORIGIN])
    expect(codeOf(await enterByPasskey(other, telephone, undefined, { origin }))).toBeUndefined();
});
