import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn } from '../harness/calls.js';
import { join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

const REPORT = `query ($from: Date!, $to: Date!, $serviceId: ID) {
  accessReport(from: $from, to: $to, serviceId: $serviceId) {
    csv rows { day role service signIns failures denials verifications newAccounts deletedAccounts } } }`;
const VERIFY = `query ($token: String!, $serviceId: ID, $requires: [String!]) {
  verifyToken(token: $token, serviceId: $serviceId, requires: $requires) { valid reason } }`;

const day = (offset = 0) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

interface Row {
  day: string;
  role: string | null;
  service: string | null;
  [figure: string]: string | number | null;
}

let app: TestApp;
let owner: Person;
let clinic: string;
let ana: Person;
beforeAll(async () => {
  app = await startApp();
  owner = await ownerOf(app);
  const made = await asOwner('mutation { createService(input: { name: "clinic" }) { id } }');
  clinic = made.data['createService'].id;
  ana = await join(app);
  await asOwner(
    'mutation ($u: ID!, $s: [ServiceAccessInput!]!) { setUserServices(userId: $u, services: $s) { id } }',
    {
      u: ana.id,
      s: [{ serviceId: clinic }],
    },
  );
});
afterAll(() => app.close());

const asOwner = (query: string, variables = {}) => app.graphql(query, variables, { bearer: owner.access });
const ask = (variables: Record<string, unknown> = {}, bearer = owner.access): Promise<Answer> =>
  app.graphql(REPORT, { from: day(-1), to: day(1), ...variables }, { bearer });

/** One figure of the report, summed over the rows that are meant. */
async function count(figure: string, of: (row: Row) => boolean, variables = {}): Promise<number> {
  const { data } = await ask(variables);
  const rows = data['accessReport'].rows as Row[];
  return rows.filter(of).reduce((sum, row) => sum + Number(row[figure]), 0);
}

const ofUsers = (row: Row) => row.role === 'USER' && row.service === null;

describe('the report of access', () => {
  it('counts sign-ins, failures, new and deleted accounts by day and role', async () => {
    const before = { signIns: await count('signIns', ofUsers), made: await count('newAccounts', ofUsers) };
    const boris = await join(app);
    await signIn(app, boris.username, boris.password);
    await signIn(app, boris.username, 'not the password at all');
    await asOwner('mutation ($id: ID!) { deleteUser(id: $id) { id } }', { id: boris.id });
    expect(await count('signIns', ofUsers)).toBe(before.signIns + 2);
    expect(await count('newAccounts', ofUsers)).toBe(before.made + 1);
    expect(await count('failures', ofUsers)).toBe(1);
    expect(await count('deletedAccounts', ofUsers)).toBe(1);
    expect(await count('signIns', (row) => row.role === 'OWNER')).toBe(1);
  });

  it('counts accepted and denied verifications by service', async () => {
    const boris = await join(app);
    const about = (person: Person, more = {}) =>
      app.graphql(VERIFY, { token: person.access, serviceId: clinic, ...more });
    for (let turn = 0; turn < 3; turn++) await about(ana);
    await about(ana, { requires: ['patients:read'] });
    await about(boris);
    const ofClinic = (row: Row) => row.service === 'clinic';
    await until(
      'the verifications are in the report',
      async () => (await count('verifications', ofClinic)) === 3,
    );
    await until('the denials are in the report', async () => (await count('denials', ofClinic)) === 2);
  });

  it('tells only what concerns a service when asked for one', async () => {
    const carla = await join(app);
    const all = await count('signIns', ofUsers);
    expect(all).toBeGreaterThan(1);
    expect(await count('signIns', () => true, { serviceId: clinic })).toBe(1);
    expect(carla.id).not.toBe(ana.id);
  });

  it('is the same as comma-separated values', async () => {
    const { data } = await ask();
    const { csv, rows } = data['accessReport'] as { csv: string; rows: Row[] };
    const [head, ...lines] = csv.trimEnd().split('\r\n');
    expect(head).toBe(
      'day,role,service,sign_ins,failures,denials,verifications,new_accounts,deleted_accounts',
    );
    expect(lines).toEqual(
      rows.map((row) =>
        Object.values(row)
          .map((value) => (value === null ? '' : String(value)))
          .join(','),
      ),
    );
  });

  it('is for holders of reports:read', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const higher = await joinAs(app, owner, 'HIGHER_STAFF');
    expect(codeOf(await ask({}, staff.access))).toBe('FORBIDDEN');
    expect(codeOf(await ask({}, higher.access))).toBeUndefined();
  });

  it('refuses days that do not follow one another, more than a year, and unknown services', async () => {
    expect(faultsOf(await ask({ from: day(0), to: day(-1) }))).toEqual(['to']);
    expect(faultsOf(await ask({ from: '2024-01-01', to: '2025-01-01' }))).toEqual(['to']);
    expect(codeOf(await ask({ from: '2025-01-01', to: '2026-01-01' }))).toBeUndefined();
    expect(codeOf(await ask({ serviceId: '01890000-0000-7000-8000-000000000000' }))).toBe('NOT_FOUND');
    expect(codeOf(await ask({ serviceId: 'no id' }))).toBe('NOT_FOUND');
  });
});
