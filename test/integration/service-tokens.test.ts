import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { movableClock, startApp, type TestApp } from '../harness/app.js';
import { fieldsOf, MALFORMED, UNKNOWN } from '../harness/administration.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, type Person } from '../harness/people.js';
import {
  as,
  holderOf,
  issuedIn,
  through,
  tokensDesk,
  verifyService,
  type Holder,
  type TokensDesk,
} from '../harness/service-tokens.js';
import { statementsOf } from '../harness/statements.js';
import { until } from '../harness/until.js';

const FORM = /^ags_[0-9a-f]{32}_[0-9a-f]{64}_[0-9a-f]{8}$/;
const DAY_MS = 86_400_000;

let app: TestApp;
let owner: Person;
let desk: TokensDesk;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  owner = await ownerOf(app);
  desk = tokensDesk(app, owner);
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

describe('issuing a service token', () => {
  it('shows it once, in a form that scanners know, and keeps no secret', async () => {
    const { serviceId, name } = await desk.register();
    const answer = await desk.issue(serviceId, {
      label: ' nightly job ',
      scopes: ['users:read', 'users:read'],
    });
    const { token, tokenId, kept } = issuedIn(answer);
    expect(token).toMatch(FORM);
    expect(token.startsWith(`${kept.prefix}_`)).toBe(true);
    expect(kept).toMatchObject({
      label: 'nightly job',
      scopes: ['users:read'],
      lastUsedAt: null,
      revokedAt: null,
    });
    expect(Date.parse(kept.expiresAt) - Date.parse(kept.createdAt)).toBeGreaterThan(89.9 * DAY_MS);
    expect(Date.parse(kept.expiresAt) - Date.parse(kept.createdAt)).toBeLessThan(90.1 * DAY_MS);
    const [, , secret = ''] = token.split('_');
    const listed = await desk.tokensOf(serviceId);
    expect(listed.data['service'].tokens).toEqual([kept]);
    expect(listed.body).not.toContain(secret);
    expect(await look.dump()).not.toContain(secret);
    expect(await verifyService(app, name, token)).toMatchObject({ valid: true, service: { id: serviceId } });
    const [event] = await look(
      "select * from audit_events where type = 'service_token.issued' and subject = $1",
      [tokenId],
    );
    expect(event).toMatchObject({ actor: owner.id, details: { service: serviceId, scopes: ['users:read'] } });
  });

  it('needs no input at all', async () => {
    const { serviceId } = await desk.register();
    for (const input of [undefined, null, {}, { label: null, scopes: null, expiresAt: null }])
      expect(issuedIn(await desk.issue(serviceId, input)).kept).toMatchObject({ label: null, scopes: [] });
  });

  it('takes an end of its own, ahead and at most ten years away', async () => {
    const { serviceId } = await desk.register();
    const inTen = new Date(Date.now() + 3650 * DAY_MS).toISOString();
    expect(issuedIn(await desk.issue(serviceId, { expiresAt: inTen })).kept.expiresAt).toBe(inTen);
    for (const expiresAt of [Date.now() - 1000, Date.now() + 3700 * DAY_MS].map((at) =>
      new Date(at).toISOString(),
    ))
      expect(fieldsOf(await desk.issue(serviceId, { expiresAt }))).toEqual(['expiresAt']);
  });

  it.each([
    [{ label: 'x'.repeat(101) }, ['label']],
    [{ label: 'two\nlines' }, ['label']],
    [{ scopes: ['users:manage'] }, ['scopes']],
    [{ scopes: ['users:read', 'toString'] }, ['scopes']],
    [{ scopes: [''], label: '\u0000' }, ['label', 'scopes']],
  ])('refuses %j', async (input, fields) => {
    const { serviceId } = await desk.register();
    const answer = await desk.issue(serviceId, input);
    expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', fields]);
    expect((await desk.tokensOf(serviceId)).data['service'].tokens).toEqual([]);
  });

  it('tells which scopes there are', async () => {
    const { serviceId } = await desk.register();
    const { errors } = await desk.issue(serviceId, { scopes: ['users:manage'] });
    expect(errors[0]?.extensions.fields?.[0]?.message).toBe(
      'Must be among users:read, tokens:introspect, tokens:revoke and the permissions of applications.',
    );
  });

  it('answers NOT_FOUND for a service that is not there or is deleted, CONFLICT for a disabled one', async () => {
    for (const id of [UNKNOWN, ...MALFORMED]) expect(codeOf(await desk.issue(id))).toBe('NOT_FOUND');
    const { serviceId, tokenId } = await holderOf(desk);
    await desk.setStatus(serviceId, 'DISABLED');
    for (const answer of [await desk.issue(serviceId), await desk.rotate(tokenId)]) {
      expect(codeOf(answer)).toBe('CONFLICT');
      expect(fieldsOf(answer)).toHaveLength(1);
    }
    await desk.deleteService(serviceId);
    expect(codeOf(await desk.issue(serviceId))).toBe('NOT_FOUND');
    expect(codeOf(await desk.rotate(tokenId))).toBe('NOT_FOUND');
  });

  it('gives nobody more than they hold', async () => {
    const permissions = ['services:read', 'services:manage', 'users:read'];
    const input = { name: 'registrar', rank: 25, permissions };
    const made = await app.graphql(
      'mutation ($i: CreateRoleInput!) { createRole(input: $i) { id } }',
      { i: input },
      { bearer: owner.access },
    );
    expect(codeOf(made)).toBeUndefined();
    const registrar = tokensDesk(app, await joinAs(app, owner, 'registrar'));
    const { serviceId } = await desk.register();
    expect(issuedIn(await registrar.issue(serviceId, { scopes: ['users:read'] })).kept.scopes).toEqual([
      'users:read',
    ]);
    for (const scope of ['tokens:introspect', 'tokens:revoke'])
      expect(codeOf(await registrar.issue(serviceId, { scopes: [scope] }))).toBe('FORBIDDEN');
    const strong = issuedIn(await desk.issue(serviceId, { scopes: ['tokens:revoke'] }));
    expect(codeOf(await registrar.rotate(strong.tokenId))).toBe('FORBIDDEN');
    expect((await registrar.revoke(strong.tokenId)).data).toEqual({ revokeServiceToken: true });
  });

  it('is for holders of services:manage, and so is the list', async () => {
    const { serviceId, tokenId } = await holderOf(desk);
    for (const person of [await join(app), await joinAs(app, owner, 'STAFF')]) {
      const theirs = tokensDesk(app, person);
      for (const answer of [
        await theirs.issue(serviceId),
        await theirs.rotate(tokenId),
        await theirs.revoke(tokenId),
        await theirs.tokensOf(serviceId),
      ])
        expect(codeOf(answer)).toBe('FORBIDDEN');
    }
    const nobody = await app.graphql('mutation ($id: ID!) { revokeServiceToken(id: $id) }', { id: tokenId });
    expect(codeOf(nobody)).toBe('UNAUTHENTICATED');
  });

  it('stops at twenty live tokens of a service, however many are asked for at once', async () => {
    const { serviceId } = await desk.register();
    for (let i = 0; i < 10; i++) await desk.issue(serviceId);
    const answers = await Promise.all(Array.from({ length: 20 }, () => desk.issue(serviceId)));
    const codes = answers.map(codeOf);
    expect(codes.filter((code) => code === undefined)).toHaveLength(10);
    expect(codes.filter((code) => code === 'CONFLICT')).toHaveLength(10);
    const tokens = (await desk.tokensOf(serviceId)).data['service'].tokens as { id: string }[];
    expect(tokens).toHaveLength(20);
    expect(fieldsOf(await desk.rotate(tokens[0]!.id))).toEqual(['serviceId']);
    // Without an overlap there are never more than before.
    expect(codeOf(await desk.rotate(tokens[0]!.id, 0))).toBeUndefined();
    await desk.revoke(tokens[1]!.id);
    expect(codeOf(await desk.issue(serviceId))).toBeUndefined();
    expect(codeOf(await desk.issue(serviceId))).toBe('CONFLICT');
  });
});

describe('revoking a service token', () => {
  it('ends that one and leaves the others; twice is once', async () => {
    const { serviceId, name, token, tokenId } = await holderOf(desk);
    const other = issuedIn(await desk.issue(serviceId));
    expect((await desk.revoke(tokenId)).data).toEqual({ revokeServiceToken: true });
    expect(await verifyService(app, name, token)).toMatchObject({ valid: false, reason: 'REVOKED' });
    expect((await verifyService(app, name, other.token)).valid).toBe(true);
    const { revokedAt } = (await desk.kept(serviceId, tokenId))!;
    expect((await desk.revoke(tokenId)).data).toEqual({ revokeServiceToken: true });
    expect((await desk.kept(serviceId, tokenId))!.revokedAt).toBe(revokedAt);
    const events = await look(
      "select id from audit_events where type = 'service_token.revoked' and subject = $1",
      [tokenId],
    );
    expect(events).toHaveLength(1);
  });

  it.each([UNKNOWN, ...MALFORMED])('answers NOT_FOUND for "%s"', async (id) => {
    expect(codeOf(await desk.revoke(id))).toBe('NOT_FOUND');
    expect(codeOf(await desk.rotate(id))).toBe('NOT_FOUND');
  });
});

describe('rotating a service token', () => {
  it('gives a successor with its label and scopes, and both are good for the overlap', async () => {
    const { serviceId, name } = await desk.register();
    const old = issuedIn(await desk.issue(serviceId, { label: 'job', scopes: ['tokens:introspect'] }));
    const next = issuedIn(await desk.rotate(old.tokenId));
    expect(next.token).toMatch(FORM);
    expect(next.kept).toMatchObject({ label: 'job', scopes: ['tokens:introspect'] });
    expect(next.tokenId).not.toBe(old.tokenId);
    for (const { token } of [old, next]) expect((await verifyService(app, name, token)).valid).toBe(true);
    const ends = Date.parse((await desk.kept(serviceId, old.tokenId))!.expiresAt) - Date.now();
    expect(ends).toBeGreaterThan(0.99 * DAY_MS);
    expect(ends).toBeLessThanOrEqual(DAY_MS);
    const [event] = await look(
      "select * from audit_events where type = 'service_token.rotated' and subject = $1",
      [old.tokenId],
    );
    expect(event).toMatchObject({
      actor: owner.id,
      details: { service: serviceId, successor: next.tokenId },
    });
  });

  it('allows no third live one in a line, whichever of the two is rotated', async () => {
    const { token, tokenId, name } = await holderOf(desk);
    const next = issuedIn(await desk.rotate(tokenId));
    for (const id of [tokenId, next.tokenId]) {
      const answer = await desk.rotate(id);
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['CONFLICT', ['id']]);
    }
    for (const text of [token, next.token]) expect((await verifyService(app, name, text)).valid).toBe(true);
    await desk.revoke(tokenId);
    expect(codeOf(await desk.rotate(next.tokenId))).toBeUndefined();
    expect(codeOf(await desk.rotate(tokenId))).toBe('CONFLICT');
  });

  it('happens once, however often it is asked for at once', async () => {
    const { serviceId, tokenId } = await holderOf(desk);
    const answers = await Promise.all(Array.from({ length: 6 }, () => desk.rotate(tokenId)));
    expect(answers.filter((answer) => codeOf(answer) === undefined)).toHaveLength(1);
    expect((await desk.tokensOf(serviceId)).data['service'].tokens).toHaveLength(2);
  });

  it('without overlap ends the old one at once', async () => {
    const { token, tokenId, name } = await holderOf(desk);
    const next = issuedIn(await desk.rotate(tokenId, 0));
    expect(await verifyService(app, name, token)).toMatchObject({ valid: false, reason: 'EXPIRED' });
    expect((await verifyService(app, name, next.token)).valid).toBe(true);
  });

  it('never lengthens a life', async () => {
    const { serviceId } = await desk.register();
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const { tokenId } = issuedIn(await desk.issue(serviceId, { expiresAt }));
    await desk.rotate(tokenId, 3600);
    expect((await desk.kept(serviceId, tokenId))!.expiresAt).toBe(expiresAt);
  });

  it.each([-1, 30 * 86_400 + 1, 2 ** 31 - 1])('refuses an overlap of %d seconds', async (overlap) => {
    const { tokenId } = await holderOf(desk);
    expect(fieldsOf(await desk.rotate(tokenId, overlap))).toEqual(['overlapSeconds']);
  });
});

describe('a service with its token', () => {
  let ana: Person;
  let holder: Holder;
  let reader: Holder;
  let introspector: Holder;
  beforeAll(async () => {
    ana = await join(app);
    holder = await holderOf(desk);
    reader = await holderOf(desk, ['users:read']);
    introspector = await holderOf(desk, ['tokens:introspect']);
  });
  const VERIFY = `query ($t: String!, $s: ID) { verifyToken(token: $t, serviceId: $s) { valid reason service { service { id } } } }`;
  const grant = (userId: string, ...services: string[]) =>
    app.graphql(
      'mutation ($u: ID!, $s: [ServiceAccessInput!]!) { setUserServices(userId: $u, services: $s) { id } }',
      { u: userId, s: services.map((serviceId) => ({ serviceId })) },
      { bearer: owner.access },
    );

  it('asks verifyToken about itself, named or not', async () => {
    const shut = await app.graphql(VERIFY, { t: ana.access }, as(holder));
    expect(shut.data['verifyToken']).toMatchObject({ valid: false, reason: 'NO_SERVICE_ACCESS' });
    expect(codeOf(await grant(ana.id, holder.serviceId))).toBeUndefined();
    for (const s of [undefined, holder.serviceId, holder.serviceId.toUpperCase()]) {
      const { data } = await app.graphql(VERIFY, { t: ana.access, s }, as(holder));
      expect(data['verifyToken']).toEqual({
        valid: true,
        reason: null,
        service: { service: { id: holder.serviceId } },
      });
    }
    const many = await app.graphql(
      'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid reason } }',
      { r: [{ token: ana.access }, { token: owner.access }, { token: 'x' }] },
      through(holder),
    );
    expect(many.data['verifyTokens']).toEqual([
      { valid: true, reason: null },
      { valid: false, reason: 'NO_SERVICE_ACCESS' },
      { valid: false, reason: 'MALFORMED' },
    ]);
  });

  it('asks about another one only with tokens:introspect', async () => {
    await grant(ana.id, holder.serviceId);
    const other = { t: ana.access, s: holder.serviceId };
    for (const service of [reader, await holderOf(desk)])
      expect(codeOf(await app.graphql(VERIFY, other, as(service)))).toBe('FORBIDDEN');
    expect((await app.graphql(VERIFY, other, as(introspector))).data['verifyToken']).toMatchObject({
      valid: true,
    });
  });

  it('reads accounts with their private fields by the scope users:read', async () => {
    const USER =
      'query ($id: ID!) { user(id: $id) { id username email phone status roles { name } permissions } }';
    const { data, errors } = await app.graphql(USER, { id: ana.id }, as(reader));
    expect(errors).toEqual([]);
    expect(data['user']).toMatchObject({
      username: ana.username,
      email: ana.email,
      roles: [{ name: 'USER' }],
    });
    const found = await app.graphql(
      'query ($f: UserFilter) { users(filter: $f) { nodes { email } } }',
      { f: { search: ana.email } },
      as(reader),
    );
    expect(found.data['users'].nodes).toEqual([{ email: ana.email }]);
    const sessions = await app.graphql(
      'query ($id: ID!) { user(id: $id) { id sessions { totalCount } } }',
      { id: ana.id },
      as(reader),
    );
    expect([sessions.data['user'], codeOf(sessions)]).toEqual([{ id: ana.id, sessions: null }, 'FORBIDDEN']);
  });

  it('without that scope finds nobody, and sees of anybody what anybody may', async () => {
    const USER = 'query ($id: ID!) { user(id: $id) { id } }';
    for (const id of [ana.id, UNKNOWN])
      expect(codeOf(await app.graphql(USER, { id }, as(holder)))).toBe('NOT_FOUND');
    expect(codeOf(await app.graphql('{ users { totalCount } }', {}, as(holder)))).toBe('FORBIDDEN');
    const { data, errors } = await app.graphql(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { username email } ... on Service { name } } }`,
      {
        r: [
          { __typename: 'User', id: ana.id },
          { __typename: 'Service', id: reader.serviceId },
        ],
      },
      as(holder),
    );
    expect(data['_entities']).toEqual([{ username: ana.username, email: null }, { name: reader.name }]);
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
  });

  it('asks verifyServiceToken about any name, and gets data', async () => {
    expect(await verifyService(app, holder.name, holder.token, as(reader))).toMatchObject({
      valid: true,
      reason: null,
      service: { id: holder.serviceId, name: holder.name },
      scopes: [],
    });
    const answer = (name: string, token: string) => verifyService(app, name, token, as(holder));
    expect((await answer(introspector.name, introspector.token)).scopes).toEqual(['tokens:introspect']);
    for (const name of [reader.name, 'nobody', '', '\u0000'])
      expect(await answer(name, holder.token)).toEqual({
        valid: false,
        reason: 'WRONG_AUDIENCE',
        service: null,
        scopes: [],
        expiresAt: null,
      });
    for (const token of ['', 'x', ana.access, `${holder.token}0`, holder.token.toUpperCase()])
      expect((await answer(holder.name, token)).reason).toBe('MALFORMED');
  });

  it('is asked about by the gateway and by holders of tokens:introspect, and by no other account', async () => {
    const warden = await joinAs(app, owner, 'HIGHER_STAFF');
    expect((await verifyService(app, holder.name, holder.token)).valid).toBe(true);
    expect((await verifyService(app, holder.name, holder.token, { bearer: warden.access })).valid).toBe(true);
    for (const [asking, code] of [
      [{ bearer: ana.access }, 'FORBIDDEN'],
      [{ bearer: 'x' }, 'UNAUTHENTICATED'],
    ] as const) {
      const answer = await app.graphql(
        'query ($t: String!) { verifyServiceToken(serviceName: "x", token: $t) { valid } }',
        { t: holder.token },
        asking,
      );
      expect(codeOf(answer)).toBe(code);
    }
  });

  it('ends a session by its token', async () => {
    const session = await enter(app, ana);
    const revoke = 'mutation ($t: String!) { revoke(token: $t) }';
    expect((await app.graphql(revoke, { t: session.access }, as(holder))).data).toEqual({ revoke: true });
    expect(codeOf(await app.graphql('{ me { id } }', {}, { bearer: session.access }))).toBe(
      'UNAUTHENTICATED',
    );
  });

  it('is no account: it has no me, no session and no role', async () => {
    for (const query of [
      '{ me { id } }',
      '{ roles { totalCount } }',
      '{ signingKeys { kid } }',
      '{ permissions { name } }',
    ])
      expect(codeOf(await app.graphql(query, {}, as(introspector)))).toBe('FORBIDDEN');
  });

  it('costs no SQL on the hot path', async () => {
    await grant(ana.id, holder.serviceId);
    const ask = () => app.graphql(VERIFY, { t: ana.access }, as(holder));
    await ask();
    const statements = await statementsOf(async () => {
      for (let i = 0; i < 20; i++) expect((await ask()).data['verifyToken'].valid).toBe(true);
    });
    const reads = statements.filter((sql) => /^select/i.test(sql) && /service|users|sessions/.test(sql));
    expect(reads).toEqual([]);
  });

  it('leaves the minute of its last use', async () => {
    const fresh = await holderOf(desk);
    const before = Date.now();
    for (let i = 0; i < 5; i++) await app.graphql(VERIFY, { t: 'x' }, as(fresh));
    const kept = await until('the last use is written', async () => {
      const found = await desk.kept(fresh.serviceId, fresh.tokenId);
      return found?.lastUsedAt ? found : undefined;
    });
    expect(Date.parse(kept.lastUsedAt!)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(kept.lastUsedAt!)).toBeLessThanOrEqual(Date.now());
  });
});

describe('on another replica', () => {
  let there: TestApp;
  let here: TokensDesk;
  beforeAll(async () => {
    there = await app.replica();
    here = tokensDesk(app, owner);
  });
  const verdict = (holder: Holder) => verifyService(there, holder.name, holder.token);
  const BOUND_MS = 1500;
  const refusedSoon = (holder: Holder, reason: string) =>
    until(`it is refused with ${reason}`, async () => (await verdict(holder)).reason === reason, BOUND_MS);

  it('a token is good the moment that it is issued, for a service that is as new', async () => {
    for (let i = 0; i < 5; i++) {
      const holder = await holderOf(here);
      expect(await verdict(holder)).toMatchObject({ valid: true, service: { id: holder.serviceId } });
    }
  });

  it('a revoked token, and those of a disabled or deleted service, end within the bound', async () => {
    const [revoked, disabled, deleted] = [await holderOf(here), await holderOf(here), await holderOf(here)];
    for (const holder of [revoked, disabled, deleted]) expect((await verdict(holder)).valid).toBe(true);
    await here.revoke(revoked.tokenId);
    await refusedSoon(revoked, 'REVOKED');
    await here.setStatus(disabled.serviceId, 'DISABLED');
    await refusedSoon(disabled, 'SUBJECT_DISABLED');
    await here.deleteService(deleted.serviceId);
    await refusedSoon(deleted, 'SUBJECT_DELETED');
    for (const holder of [revoked, disabled, deleted])
      expect(codeOf(await there.graphql('{ users { totalCount } }', {}, as(holder)))).toBe('UNAUTHENTICATED');
  });

  it('a service that is enabled again has its tokens back', async () => {
    const holder = await holderOf(here);
    await here.setStatus(holder.serviceId, 'DISABLED');
    await refusedSoon(holder, 'SUBJECT_DISABLED');
    await here.setStatus(holder.serviceId, 'ACTIVE');
    await until('it is good again', async () => (await verdict(holder)).valid, BOUND_MS);
  });
});

describe('as time passes', () => {
  const clock = movableClock();
  let later: TestApp;
  let theirs: TokensDesk;
  beforeAll(async () => {
    later = await startApp({ ACCESS_TOKEN_TTL_SECONDS: '7200', LIMITS_SCALE: '100' }, clock);
    theirs = tokensDesk(later, await ownerOf(later));
  });
  afterAll(() => later.close());
  const reasonOf = async ({ name, token }: Pick<Holder, 'name' | 'token'>) =>
    (await verifyService(later, name, token)).reason;

  it('the old token dies when the overlap ends, and makes room in its line', async () => {
    const old = await holderOf(theirs);
    const next = { ...old, ...issuedIn(await theirs.rotate(old.tokenId, 60)) };
    expect([await reasonOf(old), await reasonOf(next)]).toEqual([null, null]);
    clock.advance(61);
    expect([await reasonOf(old), await reasonOf(next)]).toEqual(['EXPIRED', null]);
    expect(codeOf(await later.graphql('{ users { totalCount } }', {}, as(old)))).toBe('UNAUTHENTICATED');
    expect(codeOf(await theirs.rotate(next.tokenId))).toBeUndefined();
  });

  it('last use is written once a minute', async () => {
    const holder = await holderOf(theirs);
    const use = () => later.graphql('{ __typename }', {}, as(holder));
    const lastUse = async () => (await theirs.kept(holder.serviceId, holder.tokenId))?.lastUsedAt;
    await use();
    const first = await until('a use is written', lastUse);
    clock.advance(60);
    await use();
    await until('a later use is written', async () => {
      const last = await lastUse();
      return last !== first && last;
    });
  });
});
