import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { actingAs, fieldsOf, MALFORMED, settle, UNKNOWN } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { issuedIn, tokensDesk } from '../harness/service-tokens.js';
import { businessRoleOf, judge, serviceOf, servicesDesk, type ServicesDesk } from '../harness/services.js';
import { statementsOf } from '../harness/statements.js';
import { until } from '../harness/until.js';

let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
let house: ServicesDesk;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = servicesDesk(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const eventsOf = (subject: string) =>
  look('select type, actor, details from audit_events where subject = $1 order by occurred_at, id', [
    subject,
  ]);

describe('services', () => {
  it('one is registered, changed field by field, and deleted', async () => {
    const { data } = await house.createService({ name: 'clinic', description: ' Keeps the files. ' });
    const created = data['createService'];
    expect(created).toEqual({
      id: expect.any(String),
      name: 'clinic',
      description: 'Keeps the files.',
      status: 'ACTIVE',
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    const { id } = created;
    expect((await house.service(id)).data['service']).toEqual(created);
    const changed = await house.updateService(id, { status: 'DISABLED' });
    const updatedAt = expect.any(String);
    expect(changed.data['updateService']).toEqual({ ...created, status: 'DISABLED', updatedAt });
    const more = { name: 'clinic-2', description: null, status: 'ACTIVE' };
    expect((await house.updateService(id.toUpperCase(), more)).data['updateService']).toEqual({
      ...created,
      ...more,
      updatedAt,
    });
    expect((await house.deleteService(id)).data['deleteService']).toBe(true);
    expect(await eventsOf(id)).toEqual([
      { type: 'service.created', actor: owner.id, details: { service: 'clinic' } },
      {
        type: 'service.updated',
        actor: owner.id,
        details: {
          service: 'clinic',
          before: { name: 'clinic', status: 'ACTIVE' },
          after: { name: 'clinic', status: 'DISABLED' },
        },
      },
      {
        type: 'service.updated',
        actor: owner.id,
        details: {
          service: 'clinic',
          before: { name: 'clinic', status: 'DISABLED' },
          after: { name: 'clinic-2', status: 'ACTIVE' },
        },
      },
      {
        type: 'service.deleted',
        actor: owner.id,
        details: { service: 'clinic-2', before: { name: 'clinic-2', status: 'ACTIVE' }, tokens: 0 },
      },
    ]);
  });

  it.each([
    ['a name of one letter', { name: 'x' }, ['name']],
    ['a name of 65 letters', { name: 'x'.repeat(65) }, ['name']],
    ['capitals', { name: 'Clinic' }, ['name']],
    ['a name that begins with a digit', { name: '1st' }, ['name']],
    ['a name that ends in a dash', { name: 'clinic-' }, ['name']],
    ['two dashes together', { name: 'cli--nic' }, ['name']],
    ['an underscore', { name: 'cli_nic' }, ['name']],
    ['a name with NUL', { name: 'cli\u0000nic' }, ['name']],
    ['no name', { name: null }, ['name']],
    ['a long description', { description: 'x'.repeat(501) }, ['description']],
    ['a description with NUL', { description: 'a\u0000b' }, ['description']],
  ])('%s is refused, made or changed, and nothing of it is kept', async (_, wrong, fields) => {
    const refused = await house.createService({ name: `never-${randomUUID()}`, ...wrong });
    expect([codeOf(refused), fieldsOf(refused)]).toEqual(['BAD_USER_INPUT', fields]);
    const id = await serviceOf(house, { description: 'as it was' });
    const before = (await house.service(id)).data['service'];
    const changed = await house.updateService(id, { status: 'DISABLED', ...wrong });
    expect([codeOf(changed), fieldsOf(changed)]).toEqual(['BAD_USER_INPUT', fields]);
    expect((await house.service(id)).data['service']).toEqual(before);
  });

  it('a name that breaks several rules is told of once', async () => {
    const { errors } = await house.createService({ name: '!' });
    expect(errors[0]?.extensions.fields).toEqual([
      { name: 'name', message: expect.stringContaining('2 to 64 lower-case letters') },
    ]);
  });

  it('a status that does not exist is refused by the name of its type', async () => {
    const { errors } = await house.updateService(await serviceOf(house), { status: 'GONE' as 'ACTIVE' });
    expect(errors[0]?.extensions.fields).toEqual([
      { name: 'status', message: 'Must be a value of type ServiceStatus.' },
    ]);
  });

  it('no status is refused as well', async () => {
    const changed = await house.updateService(await serviceOf(house), { status: null });
    expect([codeOf(changed), fieldsOf(changed)]).toEqual(['BAD_USER_INPUT', ['status']]);
  });

  it('a name is unique, also when many want it at once, and free again after its service', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => house.createService({ name: 'wanted' })));
    expect(answers.map(codeOf).sort()).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT', undefined]);
    const refused = answers.find(({ errors }) => errors.length > 0);
    expect(refused?.errors[0]?.message).toBe('Service name already exists');
    expect(refused && fieldsOf(refused)).toEqual(['name']);
    const id = await serviceOf(house);
    const renamed = await house.updateService(id, { name: 'wanted', status: 'DISABLED' });
    expect([codeOf(renamed), fieldsOf(renamed)]).toEqual(['CONFLICT', ['name']]);
    expect((await house.service(id)).data['service'].status).toBe('ACTIVE');
    const holder = answers.find(({ errors }) => errors.length === 0)?.data['createService'].id as string;
    await house.deleteService(holder);
    expect(codeOf(await house.updateService(id, { name: 'wanted' }))).toBeUndefined();
  });

  it('what is unknown, malformed or deleted is NOT_FOUND everywhere, and null as an entity', async () => {
    const gone = await serviceOf(house, { name: 'gone' });
    await house.deleteService(gone);
    for (const id of [UNKNOWN, gone, ...MALFORMED]) {
      const answers = [
        house.service(id),
        house.updateService(id, { status: 'DISABLED' }),
        house.deleteService(id),
      ];
      expect([id, (await Promise.all(answers)).map(codeOf)]).toEqual([id, Array(3).fill('NOT_FOUND')]);
    }
    const { data } = await house.run(
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Service { id } } }',
      {
        r: [
          { __typename: 'Service', id: gone },
          { __typename: 'Service', name: 'gone' },
        ],
      },
    );
    expect(data['_entities']).toEqual([null, null]);
  });

  it('are listed by name, page after page, without deleted ones', async () => {
    await house.deleteService(await serviceOf(house, { name: 'aaa-gone' }));
    for (const name of ['aaa-2', 'aaa-1', 'aaa-3']) await serviceOf(house, { name });
    const first = await house.services(
      { first: 2 },
      'nodes { name } pageInfo { hasNextPage endCursor } totalCount',
    );
    expect(first.data['services'].nodes).toEqual([{ name: 'aaa-1' }, { name: 'aaa-2' }]);
    const [row] = await look('select count(*)::int as count from services where deleted_at is null');
    expect(first.data['services'].totalCount).toBe(row?.['count']);
    const after = first.data['services'].pageInfo.endCursor as string;
    expect((await house.services({ first: 1, after })).data['services'].nodes).toMatchObject([
      { name: 'aaa-3' },
    ]);
    const wrong = await house.services({ after: 'x' });
    expect([codeOf(wrong), fieldsOf(wrong)]).toEqual(['BAD_USER_INPUT', ['after']]);
  });

  it('are read by services:read and managed by services:manage alone', async () => {
    const id = await serviceOf(house);
    const acts = (desk: ServicesDesk) => [
      desk.service(id),
      desk.services(),
      desk.updateService(id, { description: 'mine' }),
      desk.createService({ name: `by-${randomUUID().slice(0, 8).replace(/^./, 'x')}` }),
      desk.deleteService(id),
    ];
    const outcomes = async (person: Person) =>
      (await Promise.all(acts(servicesDesk(app, person)))).map((answer) => codeOf(answer) ?? 'allowed');
    expect(await outcomes(await join(app))).toEqual(Array(5).fill('FORBIDDEN'));
    expect(await outcomes(await joinAs(app, owner, 'STAFF'))).toEqual([
      ...['allowed', 'allowed'],
      ...['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN'],
    ]);
    expect(codeOf(await servicesDesk(app, await joinAs(app, owner, 'HIGHER_STAFF')).deleteService(id))).toBe(
      undefined,
    );
  });

  it('a service reads about itself and no other; its accounts with the scope for it', async () => {
    const [own, other] = [await serviceOf(house), await serviceOf(house)];
    const nurse = await businessRoleOf(house, { serviceId: own });
    const [general, foreign] = [
      await businessRoleOf(house),
      await businessRoleOf(house, { serviceId: other }),
    ];
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: own }]);
    const speaking = async (scopes: string[]) => {
      const { data } = await tokensDesk(app, owner).issue(own, { scopes });
      return servicesDesk(app, { access: data['issueServiceToken'].token as string });
    };
    const [plain, reader] = [await speaking([]), await speaking(['users:read'])];
    expect((await plain.service(own.toUpperCase())).data['service']).toMatchObject({ id: own });
    for (const answer of [
      await plain.service(other),
      await plain.services(),
      await plain.businessRoles(),
      await plain.updateService(own, { status: 'DISABLED' }),
    ])
      expect(codeOf(answer)).toBe('FORBIDDEN');
    const accounts =
      'query ($id: ID!) { service(id: $id) { accounts { nodes { username services { valid } } } } }';
    expect(codeOf(await plain.run(accounts, { id: own }))).toBe('FORBIDDEN');
    expect((await reader.run(accounts, { id: own })).data['service'].accounts.nodes).toEqual([
      { username: ana.username, services: [{ valid: true }] },
    ]);
    const { data } = await plain.run(
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on BusinessRole { id } } }',
      { r: [nurse, general, foreign].map((id) => ({ __typename: 'BusinessRole', id })) },
    );
    expect(data['_entities']).toEqual([{ id: nurse }, { id: general }, null]);
  });
});

describe('a service that is not served', () => {
  it('lets nobody in while it is disabled, with the tokens they hold, on every replica', async () => {
    const id = await serviceOf(house);
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: id }]);
    expect((await judge(app, ana.access, id)).valid).toBe(true);
    await until('the replica knows', async () => (await judge(replica, ana.access, id)).valid, 1000);
    await house.updateService(id, { status: 'DISABLED' });
    expect(await judge(app, ana.access, id)).toMatchObject({
      valid: false,
      reason: 'NO_SERVICE_ACCESS',
      service: { service: { id, status: 'DISABLED' }, status: 'ACTIVE', valid: false },
    });
    await until('the replica has heard', async () => !(await judge(replica, ana.access, id)).valid, 1000);
    expect((await judge(replica, ana.access, id)).reason).toBe('NO_SERVICE_ACCESS');
    expect((await judge(app, ana.access)).valid).toBe(true);
    await house.updateService(id, { status: 'ACTIVE' });
    expect((await judge(app, ana.access, id)).valid).toBe(true);
    await until('it is back on the replica', async () => (await judge(replica, ana.access, id)).valid, 1000);
  });

  it('is gone for everybody once it is deleted, with its tokens, accesses and business roles', async () => {
    const [id, other] = [await serviceOf(house), await serviceOf(house, { name: 'other' })];
    const nurse = await businessRoleOf(house, { serviceId: id });
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: id, businessRoleId: nurse }, { serviceId: other }]);
    const issue = async (serviceId: string) => issuedIn(await tokensDesk(app, owner).issue(serviceId));
    const [lost, kept] = [await issue(id), await issue(other)];
    expect((await judge(replica, ana.access, other)).valid).toBe(true);
    await house.deleteService(id);
    expect(await judge(app, ana.access, id)).toMatchObject({
      valid: false,
      reason: 'NO_SERVICE_ACCESS',
      service: null,
    });
    await until('the replica has heard', async () => !(await judge(replica, ana.access, id)).valid, 1000);
    const live = 'select id, revoked_at is null as live from service_tokens where id = any($1) order by id';
    expect(await look(live, [[lost.tokenId, kept.tokenId]])).toEqual([
      { id: lost.tokenId, live: false },
      { id: kept.tokenId, live: true },
    ]);
    const speak = ({ token }: { token: string }, about: string) =>
      servicesDesk(replica, { access: token }).service(about);
    expect([codeOf(await speak(lost, id)), codeOf(await speak(kept, other))]).toEqual([
      'UNAUTHENTICATED',
      undefined,
    ]);
    expect((await house.servicesOf(ana.id)).data['user'].services).toMatchObject([
      { service: { id: other } },
    ]);
    expect(codeOf(await house.businessRole(nurse))).toBe('NOT_FOUND');
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: 'service.deleted', details: { tokens: 1 } });
  });
});

describe('the accounts of a service', () => {
  const PAGE = 'nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } totalCount';
  const accountsOf = (desk: ServicesDesk, id: string, first: number, after: string | null = null) =>
    desk.run(
      `query ($id: ID!, $first: Int, $after: String) { service(id: $id) { accounts(first: $first, after: $after) { ${PAGE} } } }`,
      { id, first, after },
    );

  it('are paged, newest account first, without deleted ones', async () => {
    const id = await serviceOf(house);
    const people = [await join(app), await join(app), await join(app), await join(app)].map((one) => one.id);
    for (const person of people.slice(1)) await house.setUserServices(person, [{ serviceId: id }]);
    await house.setUserServices(people[0] ?? '', [{ serviceId: id, status: 'SUSPENDED' }]);
    await actingAs(app, owner).deleteUser(people[2] ?? '');
    const first = (await accountsOf(house, id, 2)).data['service'].accounts;
    expect(first.nodes).toEqual([{ id: people[3] }, { id: people[1] }]);
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
    const second = (await accountsOf(house, id, 2, first.pageInfo.endCursor)).data['service'].accounts;
    expect(second.nodes).toEqual([{ id: people[0] }]);
    expect(second.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    for (const [first, after] of [
      [-1, null],
      [101, null],
      [1, 'x'],
    ] as const)
      expect(codeOf(await accountsOf(house, id, first, after))).toBe('BAD_USER_INPUT');
  });

  it('of a whole page of services are read in one query, and no more of them than the pages hold', async () => {
    for (const start of ['one', 'two', 'three']) {
      const serviceId = await serviceOf(house, { name: `aa-${start}` });
      for (let count = 0; count < 4; count++)
        await house.setUserServices(await settle(look, `${start}${count}`), [{ serviceId }]);
    }
    const query =
      '{ services(first: 3) { nodes { name accounts(first: 3) { nodes { username } totalCount } } } }';
    let nodes: { name: string; accounts: { nodes: { username: string }[]; totalCount: number } }[] = [];
    const statements = await statementsOf(async () => {
      nodes = (await house.run(query)).data['services'].nodes;
    });
    expect(nodes.map(({ name, accounts }) => [name, accounts.nodes.length, accounts.totalCount])).toEqual([
      ['aa-one', 3, 4],
      ['aa-three', 3, 4],
      ['aa-two', 3, 4],
    ]);
    expect(nodes[0]?.accounts.nodes.every(({ username }) => username.startsWith('one'))).toBe(true);
    const asked = statements.filter((text) => /from "?(services|service_access)|lateral/.test(text));
    expect(asked).toHaveLength(3);
  });

  it('are for holders of users:read', async () => {
    const { data, errors } = await actingAs(app, owner).createRole({
      name: 'concierge',
      rank: 5,
      permissions: ['services:read'],
    });
    expect(errors).toEqual([]);
    const ana = await join(app);
    await actingAs(app, owner).setUserRoles(ana.id, [data['createRole'].id]);
    const desk = servicesDesk(app, ana);
    const id = await serviceOf(house);
    expect(codeOf(await desk.service(id))).toBeUndefined();
    expect(codeOf(await accountsOf(desk, id, 1))).toBe('FORBIDDEN');
  });
});
