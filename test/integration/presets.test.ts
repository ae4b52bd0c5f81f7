import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { healthcare } from '../../src/domain/presets/healthcare.js';
import { platform } from '../../src/domain/presets/platform.js';
import { actingAs } from '../harness/administration.js';
import { startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, ownerOf, roleId, type Person } from '../harness/people.js';
import { makeTempDir } from '../harness/process.js';
import { runProgram, startProgram, type Run } from '../harness/program.js';
import { until } from '../harness/until.js';

const PATIENTS = healthcare.roles.find(({ name }) => name === 'PROVIDER')?.permissions ?? [];
/** The lines of what a seeding printed, with single blanks. */
const linesOf = ({ out }: Run) =>
  out
    .trim()
    .split('\n')
    .map((line) => line.trim().replace(/ +/g, ' '));

/** A database of its own, and `npm run db:seed` on it. */
async function openDatabase() {
  const { env, drop } = await testEnvironment();
  const look = await lookInto(env.DATABASE_URL);
  let files = 0;
  const seed = (...args: string[]): Promise<Run> => runProgram('seed', args, env);
  /** Writes a preset of one's own. @returns its path */
  const file = (content: unknown): string => {
    const path = joinPath(env.DATA_DIR, `preset-${++files}.json`);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  /** Roles, with their ranks and what they carry. */
  const roles = async () => {
    const rows = await look(
      `select r.name, r.rank, r.is_default, array_remove(array_agg(p.permission order by p.permission), null) as permissions
       from roles r left join role_permissions p on p.role_id = r.id group by r.id`,
    );
    return Object.fromEntries(rows.map(({ name, ...rest }) => [name, rest]));
  };
  const close = async () => {
    await look.close();
    await drop();
  };
  return { look, seed, file, roles, close };
}
type Opened = Awaited<ReturnType<typeof openDatabase>>;

/** Runs a test on a database of its own. */
const onFresh = (test: (database: Opened) => Promise<void>) => async () => {
  const database = await openDatabase();
  try {
    await test(database);
  } finally {
    await database.close();
  }
};

describe('the preset healthcare, on a running service', () => {
  let app: TestApp;
  let look: Look;
  let owner: Person;
  let early: Person;
  let run: Run;
  const env: Record<string, string> = {
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
    PASSWORD_PEPPERS: randomBytes(32).toString('base64'),
  };
  const onApp = () => ({ DATABASE_URL: app.databaseUrl, DATA_DIR: app.dataDir });
  beforeAll(async () => {
    app = await startApp({ LIMITS_SCALE: '100', ...env });
    look = await lookInto(app.databaseUrl);
    owner = await ownerOf(app);
    early = await join(app);
    run = await runProgram('seed', ['--preset', 'healthcare'], { ...env, ...onApp() });
    await until('the service has heard', async () => (await subjectOf(owner)).includes('READ_PATIENT'));
  });
  afterAll(async () => {
    await look.close();
    await app.close();
  });

  async function subjectOf({ access }: Person): Promise<string[]> {
    const { data } = await app.graphql(
      'query ($t: String!) { verifyToken(token: $t) { subject { permissions } } }',
      { t: access },
    );
    return data['verifyToken'].subject.permissions;
  }
  async function withRole(name: string): Promise<Person> {
    const person = await join(app);
    const { errors } = await actingAs(app, owner).setUserRoles(person.id, [await roleId(app, owner, name)]);
    expect(errors).toEqual([]);
    return enter(app, person);
  }
  const requires = async ({ access }: Person, permission: string) => {
    const { data } = await app.graphql(
      'query ($t: String!, $r: [String!]) { verifyToken(token: $t, requires: $r) { valid reason } }',
      { t: access, r: [permission] },
    );
    return data['verifyToken'];
  };

  it('says what it made', () => {
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(linesOf(run)).toEqual([
      'healthcare:',
      ...healthcare.permissions.map(({ name }) => `permission ${name} created`),
      ...healthcare.roles.map(({ name }) => `role ${name} created`),
      'default role PATIENT changed (was USER)',
      '10 created, 1 changed.',
    ]);
  });

  it('makes newcomers patients from then on, and leaves those who were there as they are', async () => {
    const [late, before] = [await join(app), await actingAs(app, owner).user(early.id)];
    const { data } = await actingAs(app, owner).user(late.id);
    expect(data['user'].roles).toEqual([{ name: 'PATIENT' }]);
    expect(before.data['user'].roles).toEqual([{ name: 'USER' }]);
    expect(await subjectOf(late)).toEqual(['READ_OWN_RECORD']);
    expect(await requires(late, 'READ_PATIENT')).toEqual({ valid: false, reason: 'MISSING_PERMISSION' });
  });

  it('lets a provider work with patients’ data, and see no accounts', async () => {
    const provider = await withRole('PROVIDER');
    for (const permission of PATIENTS)
      expect(await requires(provider, permission)).toEqual({ valid: true, reason: null });
    expect(codeOf(await actingAs(app, provider).peek())).toBe('FORBIDDEN');
  });

  it('lets an admin manage accounts and read the record of events, and see no patient’s data', async () => {
    const admin = await withRole('ADMIN');
    const { errors, data } = await app.graphql(
      '{ users(first: 3) { nodes { id email } } roles { nodes { name } } auditEvents(first: 3) { nodes { type } } }',
      {},
      { bearer: admin.access },
    );
    expect(errors).toEqual([]);
    expect(data['auditEvents'].nodes).toHaveLength(3);
    for (const permission of PATIENTS)
      expect(await requires(admin, permission)).toEqual({ valid: false, reason: 'MISSING_PERMISSION' });
    expect((await requires(admin, 'users:manage')).valid).toBe(true);
  });

  it('lets an admin take a role that is beyond them, but not give it, nor come to it by another way', async () => {
    const [admin, provider, patient] = [await withRole('ADMIN'), await withRole('PROVIDER'), await join(app)];
    const desk = actingAs(app, admin);
    const [providers, admins] = [await roleId(app, owner, 'PROVIDER'), await roleId(app, owner, 'ADMIN')];
    for (const [id, role] of [
      [patient.id, providers],
      [admin.id, providers],
      [patient.id, admins],
      [provider.id, admins],
    ] as const)
      expect(codeOf(await desk.setUserRoles(id, [role]))).toBe('FORBIDDEN');
    for (const refused of [
      await desk.updateRole(providers, { description: 'Mine.' }),
      await desk.createRole({ name: 'SNOOPER', rank: 5, permissions: ['READ_PATIENT'] }),
      // With the address comes the link to set another password.
      await desk.updateUser(provider.id, { email: 'admin-in-disguise@example.test' }),
    ])
      expect(codeOf(refused)).toBe('FORBIDDEN');
    expect(
      codeOf(await desk.updateUser(provider.id, { email: provider.email.toUpperCase() })),
    ).toBeUndefined();
    expect(codeOf(await desk.updateUser(patient.id, { email: `new-${patient.email}` }))).toBeUndefined();
    expect(codeOf(await desk.suspendUser(provider.id))).toBeUndefined();
    const { data } = await desk.setUserRoles(provider.id, []);
    expect(data['setUserRoles'].roles).toEqual([{ name: 'PATIENT' }]);
  });

  it('lets somebody make providers who holds what they do, as the page about presets shows', async () => {
    const page = readFileSync(new URL('../../docs/presets.md', import.meta.url), 'utf8');
    const path = joinPath(app.dataDir, 'my-roles.json');
    writeFileSync(path, /```json\n(.*?)```/s.exec(page)?.[1] ?? '');
    const seeded = await runProgram('seed', ['--file', path], { ...env, ...onApp() });
    expect(linesOf(seeded).at(-1)).toBe('5 created, 1 unchanged.');
    await until('the service has heard', async () => (await subjectOf(owner)).includes('READ_LAB_RESULT'));
    const [head, patient] = [await withRole('HEAD_OF_CLINIC'), await join(app)];
    const desk = actingAs(app, head);
    const { data } = await desk.setUserRoles(patient.id, [await roleId(app, owner, 'PROVIDER')]);
    expect(data['setUserRoles'].roles).toEqual([{ name: 'PROVIDER' }]);
    for (const above of ['ADMIN', 'HEAD_OF_CLINIC'])
      expect(codeOf(await desk.setUserRoles(patient.id, [await roleId(app, owner, above)]))).toBe(
        'FORBIDDEN',
      );
  });

  it('is on record as done by nobody', async () => {
    const events = await look(
      `select type, actor, details->>'role' as role, details->>'after' as after from audit_events
       where type ~ '^(role|default_role)[.]' and actor is null order by id limit 4`,
    );
    expect(events.map(({ type, role }) => [type, role])).toEqual([
      ['role.created', 'PATIENT'],
      ['role.created', 'PROVIDER'],
      ['role.created', 'ADMIN'],
      ['default_role.set', null],
    ]);
    expect(events.at(-1)?.['after']).toBe('PATIENT');
    const made = await look(
      "select subject from audit_events where type = 'permission.created' order by id limit 7",
    );
    expect(made.map(({ subject }) => subject)).toEqual(healthcare.permissions.map(({ name }) => name));
  });

  it('gives the default role to nobody where DEFAULT_ROLE says otherwise', async () => {
    const clinic = await app.replica({ DEFAULT_ROLE: 'STAFF' });
    const { data } = await actingAs(app, owner).user((await join(clinic)).id);
    expect(data['user'].roles).toEqual([{ name: 'STAFF' }]);
    const told = await runProgram('seed', ['--preset', 'healthcare'], {
      ...env,
      ...onApp(),
      DEFAULT_ROLE: 'STAFF',
    });
    expect(linesOf(told).at(-1)).toBe('New accounts get STAFF all the same, as DEFAULT_ROLE says so here.');
  });
});

describe('seeding', () => {
  it(
    'changes nothing the second time, and says so',
    onFresh(async ({ seed, look }) => {
      await seed('--preset', 'healthcare');
      const before = await look.picture();
      const { code, out } = await seed('--preset', 'healthcare');
      expect(code).toBe(0);
      expect(out).not.toMatch(/created|changed \(|kept/);
      expect(out).toMatch(/\nNothing was changed\.\n$/);
      expect(await look.picture()).toBe(before);
    }),
  );

  it(
    'twice at once makes everything once',
    onFresh(async ({ seed, look, roles }) => {
      const runs = await Promise.all([1, 2].map(() => seed('--preset', 'healthcare')));
      expect(runs.map(({ code, err }) => [code, err])).toEqual([
        [0, ''],
        [0, ''],
      ]);
      expect(runs.map((run) => linesOf(run).at(-1)).sort()).toEqual([
        '10 created, 1 changed.',
        'Nothing was changed.',
      ]);
      expect(Object.keys(await roles())).toHaveLength(7);
      const [row] = await look("select count(*)::int as count from audit_events where type = 'role.created'");
      expect(row).toEqual({ count: 3 });
    }),
  );

  it('works on an empty database, before the service has ever started', async () => {
    const dir = makeTempDir();
    const env = {
      DATA_DIR: dir,
      PORT: '0',
      OWNER_PASSWORD: 'Owner-of-this-very-house-1',
      LOG_LEVEL: 'silent',
    };
    const first = await runProgram('seed', ['--preset', 'healthcare'], env);
    expect([first.code, first.err]).toEqual([0, '']);
    const service = await startProgram(env);
    const second = await runProgram('seed', ['--preset', 'healthcare', '--preset', 'platform'], env);
    expect(linesOf(second).at(-1)).toBe('Nothing was changed.');
    const answer = await fetch(`${service.url}/health/ready`);
    expect(answer.status).toBe(200);
    service.signal('SIGTERM');
    expect(await service.ended).toBe(0);
  }, 60_000);

  it(
    'keeps what a deployment made of a role, and says how it differs',
    onFresh(async ({ seed, look, roles }) => {
      await seed('--preset', 'healthcare');
      await look("update roles set rank = 25, description = 'Ours.' where name = 'PROVIDER'");
      await look("delete from role_permissions where permission = 'WRITE_PATIENT'");
      await look(
        "insert into role_permissions select id, 'users:read' from roles where name in ('PROVIDER', 'USER')",
      );
      const before = await roles();
      const run = await seed('--preset', 'healthcare');
      expect(linesOf(run)).toContain(
        'role PROVIDER kept as it is (differs: has another rank than 20; has another description; lacks WRITE_PATIENT; also carries users:read)',
      );
      expect({ ...(await roles()), OWNER: null }).toEqual({ ...before, OWNER: null });

      const updated = await seed('--preset', 'healthcare', '--update');
      expect(linesOf(updated)).toContain(
        'role PROVIDER changed (now has rank 20; now has this description; now carries WRITE_PATIENT)',
      );
      expect((await roles())['PROVIDER']).toEqual({
        rank: 20,
        is_default: false,
        permissions: [...PATIENTS, 'users:read'].sort(),
      });
    }),
  );

  it(
    'only says what it would do, when asked to',
    onFresh(async ({ seed, look }) => {
      const before = await look.picture();
      const { code, out } = await seed('--preset', 'healthcare', '--dry-run');
      expect([code, out.split('\n').at(-2)]).toEqual([
        0,
        'Would be: 10 created, 1 changed. Nothing was done.',
      ]);
      expect(await look.picture()).toBe(before);
    }),
  );

  it(
    'of the platform gives back what built-in roles lost, and takes nothing that a deployment added',
    onFresh(async ({ seed, look, roles }) => {
      const before = await roles();
      expect(linesOf(await seed('--preset', 'platform')).at(-1)).toBe('Nothing was changed.');
      await look('delete from role_permissions');
      await look("insert into permissions (name) values ('LOOK')");
      await look("insert into role_permissions select id, 'LOOK' from roles where name = 'STAFF'");
      expect(linesOf(await seed('--preset', 'platform')).at(-1)).toBe('3 changed, 1 unchanged.');
      const after = await roles();
      expect(after['STAFF'].permissions).toEqual(['LOOK', ...before['STAFF'].permissions]);
      expect(after['OWNER'].permissions).toEqual(['LOOK', ...before['OWNER'].permissions]);
      expect(after['HIGHER_STAFF']).toEqual(before['HIGHER_STAFF']);
      expect(Object.keys(after).sort()).toEqual(platform.roles.map(({ name }) => name).sort());
    }),
  );
});

describe('a preset of one’s own', () => {
  const shop = {
    permissions: [{ name: 'orders:read', description: 'See orders.' }, { name: 'REFUND' }],
    services: [{ name: 'shop', description: 'Sells.' }],
    roles: [
      { name: 'CLERK', rank: 15, permissions: ['orders:read'] },
      { name: 'STAFF', rank: 20, permissions: ['orders:read'] },
    ],
    businessRoles: [
      { name: 'cashier', service: 'shop', permissions: ['orders:read', 'REFUND'] },
      { name: 'guest' },
    ],
    defaultRole: 'CLERK',
  };

  it(
    'is a file of the same shape, beside a ready one or alone',
    onFresh(async ({ seed, file, look, roles }) => {
      const path = file(shop);
      const run = await seed('--preset', 'healthcare', '--file', path);
      expect([run.code, run.err]).toEqual([0, '']);
      expect(linesOf(run).slice(-10)).toEqual([
        `${path}:`,
        'permission orders:read created',
        'permission REFUND created',
        'role CLERK created',
        'role STAFF changed (now carries orders:read)',
        'service shop created',
        'business role cashier of shop created',
        'business role guest created',
        'default role CLERK changed (was PATIENT)',
        '16 created, 3 changed.',
      ]);
      expect((await roles())['CLERK']).toEqual({ rank: 15, is_default: true, permissions: ['orders:read'] });
      const carried = await look(
        `select s.name, array_agg(p.permission order by 1) as permissions from services s
         join business_roles b on b.service_id = s.id join business_role_permissions p on p.business_role_id = b.id group by 1`,
      );
      expect(carried).toEqual([
        { name: 'shop', permissions: expect.arrayContaining(['REFUND', 'orders:read']) },
      ]);
      expect(linesOf(await seed('--file', path)).at(-1)).toBe('Nothing was changed.');
    }),
  );

  it(
    'begins with what --print writes',
    onFresh(async ({ seed, file }) => {
      const { out } = await seed('--print', 'healthcare');
      const run = await seed('--file', file(out));
      expect(linesOf(run).at(-1)).toBe('10 created, 1 changed.');
      expect(linesOf(await seed('--preset', 'healthcare')).at(-1)).toBe('Nothing was changed.');
    }),
  );

  it(
    'that has mistakes is refused with all of them at once, and nothing is done',
    onFresh(async ({ seed, file, look }) => {
      const before = await look.picture();
      const path = file({
        colours: [],
        permissions: [
          { name: 'two words' },
          { name: 'users:fly' },
          { name: 'users:read' },
          { name: 'FINE', descripton: 'x' },
          { name: 'TWICE' },
          { name: 'TWICE' },
        ],
        roles: [
          { name: 'HIGH', rank: 100 },
          { name: 'LOW', rank: 0 },
          { name: 'STAFF', rank: 21 },
          { name: 'user', rank: 10 },
          { name: 'CLERK', rank: 5, permissions: ['FINE', 'NOWHERE'] },
          'clerk',
        ],
        services: 'shop',
        businessRoles: [{ name: 'cashier', service: 'shop', permissions: ['users:read'] }],
        defaultRole: 'NOBODY',
      });
      const { code, out, err } = await seed('--file', path);
      expect([code, out]).toEqual([1, '']);
      const mistakes = err.split('\n').filter((line) => line.startsWith('  - '));
      expect(mistakes.map((line) => line.replace(`  - ${path}: `, ''))).toEqual([
        'colours: Is not known; a preset may hold permissions, roles, services, businessRoles, defaultRole.',
        'permissions[0].name: Must have 1 to 100 letters, digits, _ : or -, a letter first.',
        'permissions[3]: Unrecognized key: "descripton"',
        'roles[0].rank: Must be a whole number from 1 to 99; OWNER alone has 100.',
        'roles[1].rank: Must be a whole number from 1 to 99; OWNER alone has 100.',
        'roles[5]: Invalid input: expected object, received string',
        'services: Must be a list.',
        'permission users:fly: Is kept for the platform; put another word before the colon.',
        'permission users:read: Is the platform’s own.',
        'permission TWICE: Is there more than once.',
        'role STAFF: Is built in and keeps its rank, which is 20.',
        'role user: There is a role USER; spell it like that.',
        'role CLERK: There is no permission NOWHERE.',
        'business role cashier: There is no service shop.',
        'business role cashier: users:read is a permission of the platform: it belongs in a role.',
        'defaultRole: There is no role NOBODY.',
      ]);
      expect(err).toMatch(/^There are 16 mistakes:\n/);
      expect(await look.picture()).toBe(before);
    }),
  );

  it(
    'is refused with a sentence when it is something else',
    onFresh(async ({ seed, file }) => {
      const cases = {
        '{ "roles": [': 'is no JSON',
        '[]': 'Must be an object.',
        null: 'Must be an object.',
        '{ "defaultRole": "OWNER" }': 'Must not make everybody an owner.',
        '{ "defaultRole": 1 }': 'Must be the name of a role.',
      };
      const runs = Object.entries(cases).map(async ([content, told]) => {
        const { code, err } = await seed('--file', file(content));
        expect([code, err]).toEqual([1, expect.stringContaining(told)]);
      });
      await Promise.all(runs);
    }),
  );

  it(
    'is named on the command line, as is a ready one',
    onFresh(async ({ seed }) => {
      const cases = [
        [
          ['--preset', 'hospital'],
          'There is no preset hospital. Those that there are: platform, healthcare.',
        ],
        [['--preset', 'constructor'], 'There is no preset constructor.'],
        [['--file', '/nowhere/at.json'], '/nowhere/at.json cannot be read'],
        [['--colour', 'red'], "Unknown option '--colour'"],
        [[], 'Usage: npm run db:seed'],
      ] as const;
      const runs = cases.map(async ([args, told]) => {
        const { code, out, err } = await seed(...args);
        expect([code, out, err]).toEqual([1, '', expect.stringContaining(told)]);
        expect(err).not.toMatch(/^ +at /m);
      });
      await Promise.all(runs);
    }),
  );
});
