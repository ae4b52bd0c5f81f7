import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { movableClock, startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, revoke, whoAmI } from '../harness/calls.js';
import { enter, join, joinAs, ownerOf, roleId, verify, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

const SECRET = randomBytes(24).toString('base64url');
const asGateway = { headers: { 'x-gateway-secret': SECRET } };

const VERIFY = `query ($token: String!, $serviceId: ID, $requires: [String!]) {
  verifyToken(token: $token, serviceId: $serviceId, requires: $requires) {
    valid reason sessionId issuer scopes expiresAt
    subject { id type username email role roles permissions }
  }
}`;
const VERIFY_MANY = `query ($requests: [TokenVerificationRequest!]!) {
  verifyTokens(requests: $requests) { valid reason subject { id } }
}`;

let app: TestApp;
let owner: Person;
let ana: Person;
let bob: Person;
let warden: Person;
beforeAll(async () => {
  app = await startApp({ GATEWAY_SECRETS: SECRET });
  owner = await ownerOf(app);
  ana = await join(app);
  bob = await join(app);
  warden = await joinAs(app, owner, 'HIGHER_STAFF');
});
afterAll(() => app.close());

const ask = (token: string, asking?: Asking, more: Record<string, unknown> = {}): Promise<Answer> =>
  app.graphql(VERIFY, { token, ...more }, asking);
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

describe('a good token', () => {
  it('tells the gateway whom it speaks of', async () => {
    const { data } = await ask(ana.access, asGateway);
    expect(data['verifyToken']).toEqual({
      valid: true,
      reason: null,
      sessionId: ana.sessionId,
      issuer: 'https://auth.example.test',
      scopes: [],
      expiresAt: new Date((claimsOf(ana.access)['exp'] as number) * 1000).toISOString(),
      subject: {
        id: ana.id,
        type: 'USER',
        username: null,
        email: null,
        role: 'USER',
        roles: ['USER'],
        permissions: [],
      },
    });
  });

  it('tells what its subject may do, and that it may do what is asked for', async () => {
    const { data } = await ask(warden.access, asGateway, { requires: ['users:read', 'tokens:introspect'] });
    expect(data['verifyToken']).toMatchObject({ valid: true, subject: { role: 'HIGHER_STAFF' } });
    expect(data['verifyToken'].subject.permissions).toEqual(expect.arrayContaining(['users:manage']));
    expect(data['verifyToken'].scopes).toEqual(data['verifyToken'].subject.permissions);
  });

  it('is not good for what its subject may not do: the answer says so and nothing about the subject', async () => {
    for (const requires of [['users:read'], ['users:read', 'no:such'], [''], ['__proto__']]) {
      const { data } = await ask(ana.access, asGateway, { requires });
      expect(data['verifyToken']).toMatchObject({
        valid: false,
        reason: 'MISSING_PERMISSION',
        subject: null,
        sessionId: null,
        scopes: [],
      });
    }
  });

  it.each([randomUUID(), 'no-such-service', '', "' or 1=1 --"])(
    'is good for no service yet, such as "%s"',
    async (serviceId) => {
      const { data } = await ask(ana.access, asGateway, { serviceId });
      expect(data['verifyToken']).toMatchObject({ valid: false, reason: 'NO_SERVICE_ACCESS', subject: null });
    },
  );

  it('may be asked about with a hundred permissions and no more', async () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `a:${i}`);
    const most = await ask(ana.access, asGateway, { requires: names(100) });
    expect(most.data['verifyToken']).toMatchObject({ reason: 'MISSING_PERMISSION' });
    const tooMany = await ask(ana.access, asGateway, { requires: names(101) });
    expect([codeOf(tooMany), faultsOf(tooMany)]).toEqual(['BAD_USER_INPUT', ['requires']]);
  });
});

describe('who may ask about a token', () => {
  it('its holder, about itself and about the tokens of its other devices', async () => {
    const elsewhere = await enter(app, ana);
    for (const token of [ana.access, elsewhere.access])
      expect((await ask(token, { bearer: ana.access })).data['verifyToken']).toMatchObject({ valid: true });
  });

  it('a holder whose token is not good any more, about that very token', async () => {
    const gone = await enter(app, ana);
    await revoke(app, gone.access);
    const { data } = await ask(gone.access, { bearer: gone.access });
    expect(data['verifyToken']).toMatchObject({ valid: false, reason: 'REVOKED' });
    expect(codeOf(await ask(ana.access, { bearer: gone.access }))).toBe('UNAUTHENTICATED');
  });

  it('not another user: FORBIDDEN, also for a token that has ended', async () => {
    const ended = await enter(app, bob);
    await revoke(app, ended.access);
    for (const token of [bob.access, ended.access, owner.access]) {
      const answer = await ask(token, { bearer: ana.access });
      expect([codeOf(answer), answer.body.includes(bob.id)]).toEqual(['FORBIDDEN', false]);
    }
  });

  it('but whoever asks about garbage hears that it is garbage', async () => {
    const { data } = await ask('garbage', { bearer: ana.access });
    expect(data['verifyToken']).toMatchObject({ valid: false, reason: 'MALFORMED' });
  });

  it('accounts with tokens:introspect, about anybody', async () => {
    for (const token of [ana.access, owner.access])
      expect((await ask(token, { bearer: warden.access })).data['verifyToken']).toMatchObject({
        valid: true,
      });
  });

  it('not staff without that permission', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    expect(codeOf(await ask(ana.access, { bearer: staff.access }))).toBe('FORBIDDEN');
  });
});

describe('the secret of the gateway', () => {
  const bad = { ...asGateway, bearer: 'not.a.token' };

  it('does not make up for a bad bearer: its caller is nobody, not the gateway', async () => {
    const answers = await Promise.all([
      ask(ana.access, bad),
      app.graphql(VERIFY_MANY, { requests: [{ token: ana.access }] }, bad),
      app.graphql(ENTITIES, { r: [{ __typename: 'User', id: ana.id }] }, bad),
      app.graphql('{ me { id } }', {}, bad),
    ]);
    expect(answers.map(codeOf)).toEqual(Array(4).fill('UNAUTHENTICATED'));
    expect(answers.some(({ body }) => body.includes(ana.username))).toBe(false);
  });

  it.each(['', 'Basic Z2F0ZXdheTpzZWNyZXQ=', 'Bearer'])(
    'does not make up for the header "Authorization: %s"',
    async (authorization) => {
      const headers = { ...asGateway.headers, authorization };
      expect(codeOf(await ask(ana.access, { headers }))).toBe('UNAUTHENTICATED');
    },
  );

  it('does not widen what a bearer may: it is the only actor', async () => {
    expect(codeOf(await ask(bob.access, { ...asGateway, bearer: ana.access }))).toBe('FORBIDDEN');
    const users = await app.graphql('{ users { nodes { id } } }', {}, { ...asGateway, bearer: ana.access });
    expect(codeOf(users)).toBe('FORBIDDEN');
  });

  it('by itself opens neither accounts nor lists nor keys nor changes', async () => {
    const operations = [
      '{ me { id } }',
      `{ user(id: "${ana.id}") { id } }`,
      '{ users { nodes { id } } }',
      '{ roles { nodes { id } } }',
      '{ permissions { name } }',
      '{ signingKeys { kid } }',
      'mutation { signOut }',
      'mutation { rotateSigningKey { kid } }',
      `mutation { deleteUser(id: "${ana.id}") { id } }`,
    ];
    for (const operation of operations)
      expect(codeOf(await app.graphql(operation, {}, asGateway))).toBe('UNAUTHENTICATED');
  });

  it('reads the public fields of entities; the others are null, and the rest of the answer stays', async () => {
    const { data, errors } = await app.graphql(
      ENTITIES,
      {
        r: [
          { __typename: 'User', id: ana.id },
          { __typename: 'Session', id: ana.sessionId },
        ],
      },
      asGateway,
    );
    expect(data['_entities']).toEqual([
      { id: ana.id, username: ana.username, firstName: 'Ana', lastName: 'Li', email: null, roles: null },
      null,
    ]);
    expect(errors.map(({ path, extensions }) => [path?.at(-1), extensions.code])).toEqual([
      ['email', 'FORBIDDEN'],
      ['roles', 'FORBIDDEN'],
    ]);
  });

  it('reads no more of the account behind a verified token either', async () => {
    const { data, errors } = await app.graphql(
      'query ($token: String!) { verifyToken(token: $token) { valid user { id username email birthDate } } }',
      { token: ana.access },
      asGateway,
    );
    expect(data['verifyToken']).toEqual({
      valid: true,
      user: { id: ana.id, username: ana.username, email: null, birthDate: null },
    });
    expect(errors).toHaveLength(2);
  });
});

const ENTITIES = `query ($r: [_Any!]!) { _entities(representations: $r) {
  ... on User { id username firstName lastName email roles { name } }
  ... on Session { id ipAddress }
} }`;

describe('many tokens at once', () => {
  it('are answered in their order', async () => {
    const requests = [
      { token: bob.access },
      { token: 'garbage' },
      { token: ana.access, requires: ['users:read'] },
      { token: ana.access, serviceId: randomUUID() },
      { token: ana.access },
      { token: bob.access },
    ];
    const { data } = await app.graphql(VERIFY_MANY, { requests });
    const told = (data['verifyTokens'] as { reason: string | null; subject: { id: string } | null }[]).map(
      ({ reason, subject }) => reason ?? subject?.id,
    );
    expect(told).toEqual([bob.id, 'MALFORMED', 'MISSING_PERMISSION', 'NO_SERVICE_ACCESS', ana.id, bob.id]);
  });

  it('are at most a hundred', async () => {
    const requests = (count: number) => ({
      requests: Array.from({ length: count }, () => ({ token: ana.access })),
    });
    const most = await app.graphql(VERIFY_MANY, requests(100));
    expect(most.data['verifyTokens']).toHaveLength(100);
    const tooMany = await app.graphql(VERIFY_MANY, requests(101));
    expect([codeOf(tooMany), faultsOf(tooMany)]).toEqual(['BAD_USER_INPUT', ['requests']]);
    expect((await app.graphql(VERIFY_MANY, { requests: [] })).data['verifyTokens']).toEqual([]);
  });

  it('of others are nobody’s business: one among one’s own is FORBIDDEN', async () => {
    const requests = [{ token: ana.access }, { token: bob.access }];
    const answer = await app.graphql(VERIFY_MANY, { requests }, { bearer: ana.access });
    expect(codeOf(answer)).toBe('FORBIDDEN');
  });
});

describe('a change of what somebody may do', () => {
  it('is seen at the next verification on every replica, and ends no session', async () => {
    const replica = await app.replica();
    const carla = await join(app);
    await verify(replica, carla.access);
    await app.graphql(
      'mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }',
      { u: carla.id, r: [await roleId(app, owner, 'STAFF')] },
      { bearer: owner.access },
    );
    const { data } = await ask(carla.access, asGateway, { requires: ['users:read'] });
    expect(data['verifyToken']).toMatchObject({ valid: true, subject: { role: 'STAFF', roles: ['STAFF'] } });
    await until('the replica has heard of it', async () => {
      const answer = await replica.graphql(VERIFY, { token: carla.access });
      expect(answer.data['verifyToken'].valid).toBe(true);
      return answer.data['verifyToken'].subject.role === 'STAFF';
    });
    // Its own bearer may do more from now on, though its claims still say USER.
    expect(claimsOf(carla.access)['roles']).toEqual(['USER']);
    const users = await app.graphql('{ users { totalCount } }', {}, { bearer: carla.access });
    expect(users.errors).toEqual([]);
  });

  it('is seen when the role changes rather than the account', async () => {
    const made = await app.graphql(
      'mutation ($input: CreateRoleInput!) { createRole(input: $input) { id } }',
      { input: { name: 'CLERK', rank: 15, permissions: ['users:read'] } },
      { bearer: owner.access },
    );
    const role = made.data['createRole'].id as string;
    const dora = await join(app);
    await app.graphql(
      'mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }',
      { u: dora.id, r: [role] },
      { bearer: owner.access },
    );
    const { access } = await enter(app, dora);
    const may = async () =>
      (await ask(access, asGateway, { requires: ['users:read'] })).data['verifyToken'].reason;
    expect(await may()).toBeNull();
    await app.graphql(
      'mutation ($id: ID!) { updateRole(id: $id, input: { permissions: [] }) { id } }',
      { id: role },
      { bearer: owner.access },
    );
    expect(await may()).toBe('MISSING_PERMISSION');
    expect(codeOf(await app.graphql('{ users { totalCount } }', {}, { bearer: access }))).toBe('FORBIDDEN');
  });
});

describe('an unexpired token of somebody', () => {
  const act = (mutation: string, person: Person) =>
    app.graphql(
      `mutation ($id: ID!) { ${mutation}(id: $id) { id } }`,
      { id: person.id },
      { bearer: owner.access },
    );

  it('who was deleted says so, in the words of the contract', async () => {
    const eve = await join(app);
    await act('deleteUser', eve);
    expect(await verify(app, eve.access)).toEqual({ valid: false, reason: 'SUBJECT_DELETED' });
    const answer = await whoAmI(app, eve.access);
    expect(answer.data).toEqual({ me: null });
    expect(answer.errors).toMatchObject([
      {
        message: 'Your account has been deleted. You have been logged out.',
        extensions: { code: 'ACCOUNT_DELETED' },
      },
    ]);
    await act('restoreUser', eve);
    expect(await verify(app, eve.access)).toEqual({ valid: false, reason: 'REVOKED' });
  });

  it('who was suspended says so, and stays ended when the suspension is over', async () => {
    const finn = await join(app);
    await act('suspendUser', finn);
    expect(await verify(app, finn.access)).toEqual({ valid: false, reason: 'SUBJECT_DISABLED' });
    expect((await whoAmI(app, finn.access)).errors).toMatchObject([
      {
        message: 'Your account has been suspended. You have been logged out.',
        extensions: { code: 'ACCOUNT_SUSPENDED' },
      },
    ]);
    await act('reinstateUser', finn);
    expect(await verify(app, finn.access)).toEqual({ valid: false, reason: 'REVOKED' });
    expect(await verify(app, (await enter(app, finn)).access)).toEqual({ valid: true, reason: null });
  });
});

describe('time', () => {
  it('ends a token after its life, also one that was verified just before, and never by a second later', async () => {
    const clock = movableClock();
    const timed = await startApp({ ACCESS_TOKEN_TTL_SECONDS: '60' }, clock);
    const gil = await join(timed);
    const { iat, exp } = claimsOf(gil.access) as { iat: number; exp: number };
    expect(exp - iat).toBe(60);
    clock.advance(50);
    expect(await verify(timed, gil.access)).toEqual({ valid: true, reason: null });
    clock.advance(16);
    expect(await verify(timed, gil.access)).toEqual({ valid: false, reason: 'EXPIRED' });
    expect(codeOf(await whoAmI(timed, gil.access))).toBe('UNAUTHENTICATED');
    await timed.close();
  });
});

describe('what a token carries', () => {
  const CORE = ['aal', 'amr', 'aud', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub', 'ver'];

  it('by default: who, until when, and what it may; nothing personal', async () => {
    const [head] = warden.access.split('.');
    expect(JSON.parse(Buffer.from(head ?? '', 'base64url').toString())).toEqual({
      typ: 'at+jwt',
      alg: 'ES256',
      kid: expect.stringMatching(/^[\w-]{43}$/),
    });
    const claims = claimsOf(warden.access);
    expect(Object.keys(claims).sort()).toEqual([...CORE, 'roles', 'scope'].sort());
    expect(claims).toMatchObject({
      aud: 'authgraph',
      sub: warden.id,
      amr: ['pwd'],
      aal: 1,
      roles: ['HIGHER_STAFF'],
    });
    expect(String(claims['scope']).split(' ')).toContain('tokens:introspect');
    expect(JSON.stringify(claims)).not.toMatch(new RegExp(`${warden.username}|@`));
  });

  it('slim: nothing of what it may, which the service still knows', async () => {
    const slim = await startApp({ ACCESS_TOKEN_CLAIMS: 'slim', TOKEN_AUDIENCE: 'shop' });
    const { access } = await ownerOf(slim);
    expect(Object.keys(claimsOf(access)).sort()).toEqual(CORE);
    expect(claimsOf(access)['aud']).toBe('shop');
    const { data } = await slim.graphql(VERIFY, { token: access, requires: ['keys:manage'] });
    expect(data['verifyToken']).toMatchObject({ valid: true, subject: { role: 'OWNER', roles: ['OWNER'] } });
    await slim.close();
  });

  it('full: names as well, for services that decide by claims', async () => {
    const full = await startApp({ ACCESS_TOKEN_CLAIMS: 'full', TOKEN_ISSUER: 'https://id.example.test/' });
    const { access } = await ownerOf(full);
    expect(claimsOf(access)).toMatchObject({
      iss: 'https://id.example.test/',
      username: 'owner',
      email: 'owner@example.test',
      role: 'OWNER',
      roles: ['OWNER'],
    });
    const { data } = await full.graphql(VERIFY, { token: access });
    expect(data['verifyToken'].subject).toMatchObject({ username: 'owner', email: 'owner@example.test' });
    await full.close();
  });
});
