import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type Asking, type TestApp } from '../harness/app.js';
import { codeOf, refresh, signIn, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, type Person } from '../harness/people.js';

/** A gateway that passes on whom it speaks for: where a request comes from is then no loopback address any more. */
const SECRET = 'ksdf-8723-lmvd-5560-wqpe-3391';
const forwarded = (address: string) => ({ 'x-gateway-secret': SECRET, 'x-forwarded-for': address });

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', TRUSTED_PROXIES: '127.0.0.1', GATEWAY_SECRETS: SECRET });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

/** Signs in from a device at an address. */
async function enterFrom(person: Person, userAgent: string, address: string): Promise<Person> {
  const headers = { 'user-agent': userAgent, ...forwarded(address) };
  const { data } = await signIn(app, person.username, person.password, { headers });
  const { accessToken: access, refreshToken, session } = data['signIn'];
  return { ...person, access, refresh: refreshToken, sessionId: session.id };
}

const LIST = `query ($first: Int, $after: String) { me { sessions(first: $first, after: $after) {
  totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
  nodes { id device ipAddress location current amr aal createdAt lastSeenAt expiresAt } } } }`;

async function sessionsOf(person: Person, variables: Record<string, unknown> = {}, asking: Asking = {}) {
  const { data, errors } = await app.graphql(LIST, variables, { bearer: person.access, ...asking });
  expect(errors).toEqual([]);
  return data['me'].sessions as {
    totalCount: number;
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string | null };
    nodes: Record<string, unknown>[];
  };
}

const idsOf = ({ nodes }: { nodes: Record<string, unknown>[] }) => nodes.map(({ id }) => id);

describe('one’s own sessions', () => {
  it('are listed, newest first, with the device and address they are on', async () => {
    const ana = await join(app);
    const laptop = await enterFrom(ana, FIREFOX, '203.0.113.7');
    const phone = await enterFrom(ana, SAFARI, '2001:db8::7');
    const seen = await sessionsOf(laptop);
    expect(seen.totalCount).toBe(3);
    expect(seen.nodes.slice(0, 2)).toMatchObject([
      { id: phone.sessionId, device: 'Safari on iOS', ipAddress: '2001:db8::7', current: false },
      { id: laptop.sessionId, device: 'Firefox on Linux', ipAddress: '203.0.113.7', current: true },
    ]);
    expect(seen.nodes[0]).toMatchObject({ location: null, amr: ['pwd'], aal: 1 });
    expect(idsOf(seen)[2]).toBe(ana.sessionId);
  });

  it('come in pages that neither lose nor repeat one', async () => {
    const ana = await join(app);
    const all = [
      ana,
      await enter(app, ana),
      await enter(app, ana),
      await enter(app, ana),
      await enter(app, ana),
    ];
    const first = await sessionsOf(ana, { first: 2 });
    const second = await sessionsOf(ana, { first: 2, after: first.pageInfo.endCursor });
    const third = await sessionsOf(ana, { first: 2, after: second.pageInfo.endCursor });
    expect([first, second, third].map(({ pageInfo }) => pageInfo.hasNextPage)).toEqual([true, true, false]);
    expect([...idsOf(first), ...idsOf(second), ...idsOf(third)]).toEqual(
      all.map(({ sessionId }) => sessionId).reverse(),
    );
    expect(third.totalCount).toBe(5);
  });

  it.each([-1, 101, 1_000_000])('do not come %d at a time', async (first) => {
    const ana = await join(app);
    expect(codeOf(await app.graphql(LIST, { first }, { bearer: ana.access }))).toBe('BAD_USER_INPUT');
  });

  it.each(['', 'x', 'AAAA', "' or true --", '\u0000'])('do not come after %j', async (after) => {
    expect(codeOf(await app.graphql(LIST, { after }, { bearer: owner.access }))).toBe('BAD_USER_INPUT');
  });

  it('do not hold those that ended or ran out', async () => {
    const ana = await join(app);
    const [ended, idle, over] = [await enter(app, ana), await enter(app, ana), await enter(app, ana)];
    await app.graphql('mutation { signOut }', {}, { bearer: ended.access });
    await look('update sessions set idle_expires_at = now() where id = $1', [idle.sessionId]);
    await look('update sessions set expires_at = now() where id = $1', [over.sessionId]);
    expect(idsOf(await sessionsOf(ana))).toEqual([ana.sessionId]);
  });

  it('show where and when they were last refreshed', async () => {
    const ana = await enterFrom(await join(app), FIREFOX, '203.0.113.7');
    const before = (await sessionsOf(ana)).nodes[0]!;
    await refresh(app, ana.refresh, { headers: forwarded('203.0.113.99') });
    const after = (await sessionsOf(ana)).nodes[0]!;
    expect(after).toMatchObject({
      id: ana.sessionId,
      ipAddress: '203.0.113.99',
      createdAt: before['createdAt'],
    });
    expect(String(after['lastSeenAt']) > String(before['lastSeenAt'])).toBe(true);
  });

  it.each([
    ['nonsense', null],
    ['', null],
    ['\u00ff'.repeat(600), null],
    ['<script>alert(1)</script>/1.0', null],
    ['Googlebot/2.1 (+http://www.google.com/bot.html)', null],
    ['PostmanRuntime/7.39.0', 'Postman'],
    ['okhttp/4.12.0', 'App on Android'],
    ['Clinic/3.2 CFNetwork/1494.0.7 Darwin/23.4.0', 'Clinic on an Apple device'],
  ])('have no device where the browser says %j', async (userAgent, device) => {
    const ana = await enterFrom(await join(app), userAgent, '203.0.113.7');
    expect((await sessionsOf(ana)).nodes[0]).toMatchObject({ device });
  });
});

describe('signing out everywhere else', () => {
  const ask = ({ access }: Person) => app.graphql('mutation { signOutOthers }', {}, { bearer: access });

  it('ends every session but the one that asks, and says how many', async () => {
    const ana = await join(app);
    const others = [await enter(app, ana), await enter(app, ana)];
    const [eve, here] = [await join(app), await enter(app, ana)];
    expect((await ask(here)).data).toEqual({ signOutOthers: 3 });
    for (const { access, refresh: token } of [ana, ...others]) {
      expect(codeOf(await whoAmI(app, access))).toBe('UNAUTHENTICATED');
      expect((await refresh(app, token)).code).toBe('REFRESH_TOKEN_INVALID');
    }
    expect(codeOf(await whoAmI(app, here.access))).toBeUndefined();
    expect(codeOf(await whoAmI(app, eve.access))).toBeUndefined();
    expect((await ask(here)).data).toEqual({ signOutOthers: 0 });
  });

  it('leaves one of two that ask it of each other', async () => {
    const ana = await join(app);
    const two = [ana, await enter(app, ana)];
    await Promise.all(two.map(ask));
    const codes = await Promise.all(two.map(async ({ access }) => codeOf(await whoAmI(app, access))));
    expect(codes.sort()).toEqual(['UNAUTHENTICATED', undefined]);
  });
});

describe('other people’s sessions', () => {
  const ASK = 'query ($id: ID!) { user(id: $id) { username sessions { nodes { id } } } }';

  it('are not for an account to see', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    const answer = await app.graphql(ASK, { id: ana.id }, { bearer: eve.access });
    expect(answer.body).not.toContain(ana.sessionId);
    expect(codeOf(answer)).toBeDefined();
  });

  it('are for staff to see and to end, up to their own rank', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const ana = await join(app);
    const { data } = await app.graphql(ASK, { id: ana.id }, { bearer: staff.access });
    expect(data['user'].sessions.nodes).toEqual([{ id: ana.sessionId }]);
    const end = (id: string) =>
      app.graphql('mutation ($id: ID!) { revokeSession(id: $id) }', { id }, { bearer: staff.access });
    expect((await end(ana.sessionId)).data).toEqual({ revokeSession: true });
    expect(codeOf(await end(owner.sessionId))).toBe('FORBIDDEN');
    const events = await look(
      "select actor, subject from audit_events where details->>'session' = $1 and type = 'session.ended'",
      [ana.sessionId],
    );
    expect(events).toEqual([{ actor: staff.id, subject: ana.id }]);
  });

  it('cannot be reached by turning the page with another’s cursor', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    await enter(app, ana);
    const { pageInfo } = await sessionsOf(ana, { first: 1 });
    expect(idsOf(await sessionsOf(eve, { after: pageInfo.endCursor }))).not.toContain(ana.sessionId);
  });
});
