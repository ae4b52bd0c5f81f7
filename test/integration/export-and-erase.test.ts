import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, MALFORMED, UNKNOWN } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, signIn, signUp } from '../harness/calls.js';
import { forgot, passwordLinks, reset } from '../harness/links.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, newcomer, ownerOf, type Person } from '../harness/people.js';

let app: TestApp;
let look: Look;
let owner: Person;
let house: ReturnType<typeof actingAs>;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** Gives an account something of everything, past the service. */
async function furnish({ id, sessionId }: Pick<Person, 'id' | 'sessionId'>): Promise<void> {
  const service = '01890000-0000-7000-8000-0000000000a1';
  const role = '01890000-0000-7000-8000-0000000000a2';
  await look("insert into services (id, name) values ($1, 'clinic') on conflict do nothing", [service]);
  await look(
    "insert into business_roles (id, service_id, name, name_key) values ($1, $2, 'PATIENT', 'patient') on conflict do nothing",
    [role, service],
  );
  await look('insert into service_access (user_id, service_id, business_role_id) values ($1, $2, $3)', [
    id,
    service,
    role,
  ]);
  await look(
    "update sessions set ip_address = '198.51.100.7', user_agent = 'Netscape', location = 'Lisboa' where id = $1",
    [sessionId],
  );
  await look("insert into session_sightings (session_id, network) values ($1, '198.51.100.0/24')", [
    sessionId,
  ]);
  await look(
    `insert into security_alerts (id, type, severity, subject, details, suspicion, dedupe_key)
     values (gen_random_uuid(), 'new_place', 'LOW', $1, '{"place":"Lisboa"}', $1, $1)`,
    [id],
  );
}

describe('exporting an account', () => {
  it('gives everything that is held about it, to itself', async () => {
    const ana = await join(app, { middleName: 'Rosa', phone: '+351 210 000 000', telegram: '@ana_li' });
    await furnish(ana);
    await house.suspendUser(ana.id);
    await house.reinstateUser(ana.id);
    const back = await enter(app, ana);
    const { data, errors } = await actingAs(app, back).exportUserData(ana.id.toUpperCase());
    expect(errors).toEqual([]);
    const held = data['exportUserData'];
    expect(held).toMatchObject({
      exportedAt: expect.any(String),
      account: {
        id: ana.id,
        email: ana.email,
        username: ana.username,
        firstName: 'Ana',
        middleName: 'Rosa',
        lastName: 'Li',
        phone: '+351 210 000 000',
        telegram: '@ana_li',
        country: 'PT',
        birthDate: '1990-01-31',
        status: 'ACTIVE',
        createdAt: expect.any(String),
      },
      roles: [{ name: 'USER', grantedAt: expect.any(String) }],
      services: [{ service: 'clinic', businessRole: 'PATIENT', status: 'ACTIVE', expiresAt: null }],
      factors: { totp: null, recoveryCodes: [] },
      sessions: [
        { id: back.sessionId, endedAt: null, amr: ['pwd'] },
        { id: ana.sessionId, endReason: 'account_suspended', location: 'Lisboa', userAgent: 'Netscape' },
      ],
      networks: [{ sessionId: ana.sessionId, network: '198.51.100.0/24' }],
      links: [{ purpose: 'verify-email', createdAt: expect.any(String), usedAt: expect.any(String) }],
      alerts: [{ type: 'new_place', status: 'OPEN' }],
      incomplete: { sessions: false, events: false },
    });
    const types = (held.events as { type: string }[]).map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(['account.created', 'account.suspended', 'sign_in.succeeded']),
    );
  });

  it('holds no secret, and of others nothing but their ids', async () => {
    const bo = await joinAs(app, owner, 'STAFF');
    const ana = await join(app);
    await forgot(app, ana.email);
    const [link = ''] = await passwordLinks(app, ana.email, 1);
    const staff = actingAs(app, bo);
    await staff.updateUser(ana.id, { firstName: 'Anna' });
    await staff.setUserRoles(ana.id, []);
    const [{ password_hash: hash } = {}] = await look('select password_hash from users where id = $1', [
      ana.id,
    ]);
    const own = await actingAs(app, ana).exportUserData(ana.id);
    for (const secret of [hash, link, ana.password, ana.access, ana.refresh, bo.email, bo.username])
      expect(own.body).not.toContain(String(secret));
    const events = own.data['exportUserData'].events as Record<string, unknown>[];
    const byStaff = events.find(({ type }) => type === 'account.updated');
    expect(byStaff).toMatchObject({ actor: bo.id, subject: ana.id, details: { changed: ['firstName'] } });
    expect(byStaff).not.toHaveProperty('ipAddress');
    const ofStaff = (await house.exportUserData(bo.id)).data['exportUserData'].events as Record<
      string,
      unknown
    >[];
    const toAna = ofStaff.find(({ type, actor }) => type === 'account.updated' && actor === bo.id);
    expect(toAna).toMatchObject({ subject: ana.id, ipAddress: expect.any(String) });
    expect(toAna).not.toHaveProperty('details');
  });

  it('is for holders of users:export, and of deleted accounts as well; it is on record', async () => {
    const ana = await join(app);
    await house.deleteUser(ana.id);
    const higher = await joinAs(app, owner, 'HIGHER_STAFF');
    const { data } = await actingAs(app, higher).exportUserData(ana.id);
    expect(data['exportUserData'].account.status).toBe('DELETED');
    const exported =
      "select actor, subject from audit_events where type = 'account.exported' and subject = $1";
    expect(await look(exported, [ana.id])).toEqual([{ actor: higher.id, subject: ana.id }]);
    for (const wrong of [UNKNOWN, ...MALFORMED])
      expect(codeOf(await house.exportUserData(wrong))).toBe('NOT_FOUND');
  });

  it('is refused to everybody else, whether or not there is such an account', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    for (const person of [bo, await joinAs(app, owner, 'STAFF')])
      for (const id of [ana.id, UNKNOWN, ''])
        expect(codeOf(await actingAs(app, person).exportUserData(id))).toBe('FORBIDDEN');
    expect(codeOf(await actingAs(app, { access: 'x' }).exportUserData(ana.id))).toBe('UNAUTHENTICATED');
    expect(
      await look("select 1 from audit_events where type = 'account.exported' and subject = $1", [ana.id]),
    ).toEqual([]);
  });

  it('is bounded: the newest five thousand events, and word that there are more', async () => {
    const ana = await join(app);
    await look(
      `insert into audit_events (id, type, outcome, subject, occurred_at)
       select gen_random_uuid(), 'sign_in.failed', 'FAILURE', $1, now() - interval '1 day' from generate_series(1, 5100)`,
      [ana.id],
    );
    const { data } = await actingAs(app, ana).exportUserData(ana.id);
    const { events, incomplete } = data['exportUserData'];
    expect(events).toHaveLength(5000);
    expect(events[0].type).toMatch(/sign_in.succeeded|account.created/);
    expect(incomplete).toEqual({ sessions: false, events: true });
  });

  it('is not to be had without end', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '0.05' });
    const ana = await join(app);
    const codes = [];
    for (let time = 0; time < 4; time++)
      codes.push(codeOf(await actingAs(strict, ana).exportUserData(ana.id)));
    expect(codes).toEqual([undefined, undefined, undefined, 'RATE_LIMITED']);
  });
});

/** Where personal data is kept, beside the record. */
const TABLES = [
  ...['users', 'sessions', 'session_sightings', 'one_time_tokens', 'outbox'],
  ...['mail_outbox', 'email_changes'],
  ...['service_access', 'security_alerts', 'webhook_deliveries'],
];

describe('erasing an account', () => {
  const personal = {
    middleName: 'Quetzal',
    lastName: 'Xylander',
    phone: '+351 219 999 999',
    telegram: '@quetzal_x',
  };

  /** Somebody deleted, with something of everything. */
  async function departed(): Promise<Person> {
    const ana = await join(app, {
      ...personal,
      firstName: 'Zenobia',
      country: 'TV',
      birthDate: '1971-03-05',
    });
    await furnish(ana);
    await house.suspendUser(ana.id);
    await house.deleteUser(ana.id);
    return ana;
  }

  it('removes what is personal and keeps the id and what is on record', async () => {
    const ana = await departed();
    const [before] = await look('select count(*)::int as events from audit_events where subject = $1', [
      ana.id,
    ]);
    expect((await house.eraseUser(ana.id.toUpperCase())).data).toEqual({ eraseUser: true });
    const texts = [];
    for (const table of TABLES)
      texts.push(JSON.stringify(await look(`select t::text as text from ${table} t`)));
    for (const trace of [ana.email, ana.username, 'Zenobia', ...Object.values(personal), '1971-03-05'])
      expect(texts.join('\n')).not.toContain(trace);
    const sessions = await look('select ip_address, user_agent, location from sessions where user_id = $1', [
      ana.id,
    ]);
    expect(sessions).toEqual([{ ip_address: null, user_agent: null, location: null }]);
    for (const table of ['service_access', 'one_time_tokens'])
      expect(await look(`select 1 from ${table} where user_id = $1`, [ana.id])).toEqual([]);
    const events = await look(
      'select type, actor from audit_events where subject = $1 order by position, id',
      [ana.id],
    );
    expect(events).toHaveLength(Number(before?.['events']) + 1);
    expect(events.at(-1)).toEqual({ type: 'account.erased', actor: owner.id });
  });

  it('leaves a tombstone', async () => {
    const ana = await departed();
    await house.eraseUser(ana.id);
    const { data } = await house.user(ana.id);
    expect(data['user']).toEqual({
      id: ana.id,
      username: 'deleted',
      firstName: '',
      middleName: null,
      lastName: null,
      email: null,
      phone: null,
      telegram: null,
      country: null,
      birthDate: null,
      status: 'DELETED',
      isEmailVerified: false,
      roles: [{ name: 'USER' }],
    });
    const found = await house.users({ filter: { status: 'DELETED' } }, 'nodes { id username }');
    expect(found.data['users'].nodes).toContainEqual({ id: ana.id, username: 'deleted' });
  });

  it('frees the address and the username for somebody else, who is another account', async () => {
    const ana = await departed();
    const { email, username } = ana;
    expect(codeOf(await signUp(app, newcomer({ email, username })))).toBe('CONFLICT');
    await house.eraseUser(ana.id);
    const eve = await join(app, { email, username });
    expect(eve.id).not.toBe(ana.id);
    await house.deleteUser(eve.id);
    expect((await house.eraseUser(eve.id)).data).toEqual({ eraseUser: true });
  });

  it('leaves nothing to sign in to or to sign up as', async () => {
    const ana = await departed();
    await house.eraseUser(ana.id);
    const [row] = await look('select username, email from users where id = $1', [ana.id]);
    for (const login of [ana.username, ana.email, String(row?.['username']), String(row?.['email'])])
      for (const password of [ana.password, 'none', 'null'])
        expect(codeOf(await signIn(app, login, password))).toBe('INVALID_CREDENTIALS');
    for (const overrides of [{ username: row?.['username'] }, { email: row?.['email'] }])
      expect(codeOf(await signUp(app, newcomer(overrides)))).toBe('BAD_USER_INPUT');
    expect((await forgot(app, ana.email)).data).toEqual({ forgotPassword: true });
    expect(await look('select 1 from one_time_tokens where user_id = $1', [ana.id])).toEqual([]);
  });

  it('is done once: again it changes nothing, and nothing brings the account back', async () => {
    const ana = await departed();
    await house.eraseUser(ana.id);
    const picture = async () => [
      await look('select t::text from users t order by id'),
      await look('select t::text from user_roles t order by 1'),
      await look('select id from audit_events where subject = $1 order by id', [ana.id]),
    ];
    const before = await picture();
    expect((await house.eraseUser(ana.id)).data).toEqual({ eraseUser: true });
    for (const act of [house.restoreUser, house.suspendUser, house.reinstateUser, house.resendInvitation])
      expect(codeOf(await act(ana.id))).toBe('CONFLICT');
    expect(codeOf(await house.updateUser(ana.id, { firstName: 'Eve' }))).toBe('CONFLICT');
    expect(codeOf(await house.setUserRoles(ana.id, []))).toBe('CONFLICT');
    expect(await picture()).toEqual(before);
  });

  it('is refused while the account is not deleted, and for one that there is not', async () => {
    const ana = await join(app);
    expect(codeOf(await house.eraseUser(ana.id))).toBe('CONFLICT');
    await house.suspendUser(ana.id);
    expect(codeOf(await house.eraseUser(ana.id))).toBe('CONFLICT');
    for (const wrong of [UNKNOWN, ...MALFORMED])
      expect(codeOf(await house.eraseUser(wrong))).toBe('NOT_FOUND');
  });

  it('is for holders of users:erase who rank above the account', async () => {
    const ana = await departed();
    for (const role of ['STAFF', 'HIGHER_STAFF'])
      expect(codeOf(await actingAs(app, await joinAs(app, owner, role)).eraseUser(ana.id))).toBe('FORBIDDEN');
    const { data } = await house.createRole({ name: 'eraser', rank: 25, permissions: ['users:erase'] });
    const eraser = await join(app);
    await house.setUserRoles(eraser.id, [data['createRole'].id]);
    const bo = await joinAs(app, owner, 'HIGHER_STAFF');
    await house.deleteUser(bo.id);
    const desk = actingAs(app, await enter(app, eraser));
    expect(codeOf(await desk.eraseUser(bo.id))).toBe('FORBIDDEN');
    expect((await desk.eraseUser(ana.id)).data).toEqual({ eraseUser: true });
  });

  it('leaves a link in the mail that opens nothing', async () => {
    const { email, username } = newcomer();
    const id = (await house.createUser({ email, username, firstName: 'Gil' })).data['createUser']
      .id as string;
    const [secret] = await passwordLinks(app, email, 1);
    await house.deleteUser(id);
    await house.eraseUser(id);
    expect(codeOf(await reset(app, secret, 'eleven-quiet-Rivers-7'))).toBe('ONE_TIME_TOKEN_INVALID');
  });
});
