import { createHash, pbkdf2Sync, randomBytes, scryptSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { argon2id } from 'hash-wasm';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, signIn } from '../harness/calls.js';
import { countHashes } from '../harness/hashes.js';
import { lookInto, type Look } from '../harness/look.js';
import { join } from '../harness/people.js';
import { makeTempDir } from '../harness/process.js';
import { runProgram, type Run } from '../harness/program.js';

const secret = () => randomBytes(32).toString('base64');
const keys = { ENCRYPTION_KEYS: secret(), PASSWORD_PEPPERS: secret() };
const dir = makeTempDir();

let app: TestApp;
let look: Look;
beforeAll(async () => {
  app = await startApp({ ...keys, LIMITS_SCALE: '1000', PASSWORD_HASH_COST: '10' });
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

let count = 0;
/** Writes lines to a file of its own. @returns its path */
function file(lines: readonly unknown[]): string {
  const path = joinPath(dir, `accounts-${++count}.jsonl`);
  writeFileSync(
    path,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return path;
}

const run = (args: string[], killAt?: RegExp): Promise<Run> =>
  runProgram(
    'users-import',
    args,
    { ...keys, DATABASE_URL: app.databaseUrl, DATA_DIR: dir, LOG_LEVEL: 'silent' },
    killAt,
  );
const lastLine = ({ out }: Run) => out.trim().split('\n').at(-1);
const imports = async (lines: readonly unknown[], ...options: string[]) => run([file(lines), ...options]);

const enters = async (login: string, password: string) =>
  codeOf(await signIn(app, login, password)) ?? 'welcome';
const stored = async (email: string) =>
  (await look('select * from users where email_key = $1', [email.toLowerCase()]))[0]!;

const PASSWORD = 'six-red-Bottles-é';
const salt = randomBytes(16);
const base64 = (bytes: Buffer) => bytes.toString('base64');
const keycloak = (credential: unknown, secretPart: unknown) => ({
  type: 'password',
  credentialData: JSON.stringify(credential),
  secretData: JSON.stringify(secretPart),
});

describe('people come with the passwords that they have', () => {
  it('from Supabase, with bcrypt', async () => {
    const row = {
      id: 'a5c8c8f2-0000-4000-8000-000000000001',
      email: 'Sue@example.test',
      encrypted_password: await bcrypt.hash(PASSWORD, 4),
      email_confirmed_at: '2023-02-01T10:00:00+00:00',
      created_at: '2023-01-31 09:00:00.123456+00',
      raw_user_meta_data: { full_name: 'Sue Ann Base', theme: 'dark' },
      aud: 'authenticated',
    };
    const banned = { ...row, email: 'banned@example.test', banned_until: '2999-01-01T00:00:00Z' };
    const done = await imports([row, banned], '--from', 'supabase');
    expect(lastLine(done)).toContain('2 accounts imported, 0 lines refused');
    expect(done.code).toBe(0);
    expect(await enters('sue@example.test', PASSWORD)).toBe('welcome');
    expect(await stored('sue@example.test')).toMatchObject({
      first_name: 'Sue',
      last_name: 'Ann Base',
      email_verified_at: expect.any(Date),
      created_at: new Date('2023-01-31T09:00:00.123Z'),
    });
    expect(await enters('banned@example.test', 'wrong-password')).toBe('INVALID_CREDENTIALS');
    expect(await enters('banned@example.test', PASSWORD)).toBe('ACCOUNT_SUSPENDED');
  });

  it('from Auth0, with bcrypt', async () => {
    const line = {
      _id: { $oid: '60425dc43519d90068f82973' },
      email_verified: false,
      email: 'otto@example.test',
      name: 'otto@example.test',
      passwordHash: await bcrypt.hash(PASSWORD, 5),
      password_set_date: { $date: '2023-03-05T16:35:16.775Z' },
      tenant: 'example',
      connection: 'Username-Password-Authentication',
    };
    await imports([line], '--from', 'auth0');
    expect(await enters('otto@example.test', PASSWORD)).toBe('welcome');
    const { email_verified_at, first_name } = await stored('otto@example.test');
    expect(email_verified_at).toBeNull();
    expect(first_name).not.toContain('@');
  });

  it('from Keycloak, with PBKDF2 and with Argon2', async () => {
    const derived = pbkdf2Sync(PASSWORD, salt, 1000, 64, 'sha512');
    const argon = await argon2id({
      password: PASSWORD,
      salt,
      iterations: 2,
      memorySize: 512,
      parallelism: 1,
      hashLength: 32,
      outputType: 'binary',
    });
    const old = keycloak(
      { hashIterations: 1000, algorithm: 'pbkdf2-sha512', additionalParameters: {} },
      { value: base64(derived), salt: base64(salt), additionalParameters: {} },
    );
    const parameters = {
      hashLength: ['32'],
      memory: ['512'],
      type: ['id'],
      version: ['1.3'],
      parallelism: ['1'],
    };
    const recent = keycloak(
      { hashIterations: 2, algorithm: 'argon2', additionalParameters: parameters },
      { value: base64(Buffer.from(argon)), salt: base64(salt), additionalParameters: {} },
    );
    const user = { enabled: true, emailVerified: true, firstName: 'Kay', lastName: 'Cloak', totp: false };
    const done = await imports(
      [
        { ...user, username: 'kay-old', email: 'kay@example.test', credentials: [{ type: 'otp' }, old] },
        { ...user, username: 'kim@example.test', email: 'kim@example.test', credentials: [recent] },
        { ...user, username: 'kit', email: 'kit@example.test', enabled: false, credentials: [old] },
      ],
      '--from',
      'keycloak',
    );
    expect(done.out).toContain('3 accounts imported');
    expect(await enters('kay-old', PASSWORD)).toBe('welcome');
    expect(await enters('kim@example.test', PASSWORD)).toBe('welcome');
    expect(await enters('kit', PASSWORD)).toBe('ACCOUNT_SUSPENDED');
  });

  it("from Firebase, with the project's own scrypt", async () => {
    const config = joinPath(dir, 'firebase.json');
    writeFileSync(
      config,
      JSON.stringify({
        algorithm: 'SCRYPT',
        base64_signer_key:
          'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
        base64_salt_separator: 'Bw==',
        rounds: 8,
        mem_cost: 14,
      }),
    );
    const line = {
      localId: 'x1',
      email: 'fay@example.test',
      emailVerified: true,
      passwordHash:
        'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
      salt: '42xEC+ixf3L2lw==',
      displayName: 'Fay Base',
      createdAt: '1486324445000',
      providerUserInfo: [],
    };
    expect((await imports([line], '--from', 'firebase')).err).toContain('needs --firebase-config');
    await imports([line], '--from', 'firebase', '--firebase-config', config);
    expect(await enters('fay@example.test', 'user1password')).toBe('welcome');
  });

  it('from anywhere else, with roles and all that a profile has', async () => {
    const scrypt = scryptSync(PASSWORD, salt, 32, { N: 1024, r: 8, p: 1 });
    const line = {
      email: 'Ann@example.test',
      username: 'Ann.Other',
      firstName: 'Ann',
      lastName: 'Other',
      country: 'PT',
      birthDate: '1990-01-31',
      passwordHash: `$scrypt$ln=10,r=8,p=1$${base64(salt)}$${base64(scrypt)}`,
      emailVerified: true,
      createdAt: '2020-02-29T12:00:00Z',
      roles: ['STAFF', 'USER'],
    };
    const done = await imports([line, { email: 'nopass@example.test' }]);
    expect(done.out).toContain('2 accounts imported');
    expect(await enters('ann.other', PASSWORD)).toBe('welcome');
    expect(await enters('nopass@example.test', PASSWORD)).toBe('INVALID_CREDENTIALS');
    const rolesOf = (email: string) =>
      look(
        `select r.name from user_roles ur join roles r on r.id = ur.role_id join users u on u.id = ur.user_id
         where u.email_key = $1 order by 1`,
        [email],
      );
    expect(await rolesOf('ann@example.test')).toEqual([{ name: 'STAFF' }, { name: 'USER' }]);
    expect(await rolesOf('nopass@example.test')).toEqual([{ name: 'USER' }]);
    const { id } = await stored('ann@example.test');
    const events = await look('select type, details, mac from audit_events where subject = $1', [id]);
    expect(events[0]).toMatchObject({
      type: 'account.created',
      details: { by: 'import', roles: ['STAFF', 'USER'] },
      mac: expect.any(String),
    });
  });
});

describe('an imported password', () => {
  it('is stored as nothing that can be guessed at, and as one of ours after the first sign-in', async () => {
    const hash = await bcrypt.hash(PASSWORD, 4);
    await imports([{ email: 'box@example.test', passwordHash: hash }]);
    const before = await stored('box@example.test');
    expect(before['password_hash']).toMatch(/^i1\.v1\.[0-9a-f]{8}\./);
    expect(await look.dump()).not.toContain(hash);
    expect(await enters('box@example.test', 'wrong-password')).toBe('INVALID_CREDENTIALS');
    expect((await stored('box@example.test'))['password_hash']).toBe(before['password_hash']);

    const { made, checked } = await countHashes(() => enters('box@example.test', PASSWORD));
    expect({ made, checked }).toEqual({ made: 1, checked: 1 });
    expect((await stored('box@example.test'))['password_hash']).toMatch(/^v1\.[0-9a-f]{8}\.\$2b\$10\$/);
    expect(await enters('box@example.test', PASSWORD)).toBe('welcome');
  });

  it('is right however its é is typed', async () => {
    await imports([
      { email: 'nfc@example.test', passwordHash: await bcrypt.hash('caf\u00e9-au-lait', 4) },
      { email: 'nfd@example.test', passwordHash: await bcrypt.hash('cafe\u0301-au-lait', 4) },
    ]);
    expect(await enters('nfc@example.test', 'cafe\u0301-au-lait')).toBe('welcome');
    expect(await enters('nfd@example.test', 'cafe\u0301-au-lait')).toBe('welcome');
    // From then on it is one of ours, to which all spellings are one.
    expect(await enters('nfd@example.test', 'caf\u00e9-au-lait')).toBe('welcome');
  });
});

describe('lines that are no account', () => {
  const hash = `$scrypt$ln=10,r=8,p=1$${base64(salt)}$${base64(randomBytes(32))}`;
  const SECRET = 'a-secret-nobody-may-repeat';
  const HOSTILE: [string, unknown, string][] = [
    ['cut off', `{"email":"${SECRET}@example.test"`, 'The line is not JSON.'],
    ['a list', [SECRET], 'The line is not a JSON object.'],
    ['a word', JSON.stringify(SECRET), 'The line is not a JSON object.'],
    ['deep', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'The line is not a JSON object.'],
    ['without an address', { username: SECRET }, 'email: Is missing or of the wrong kind.'],
    ['with no address', { email: SECRET }, 'email: Must be an email address.'],
    ['with a list of addresses', { email: [SECRET] }, 'email: Is missing or of the wrong kind.'],
    [
      'with too much',
      { email: 'a@example.test', [SECRET]: SECRET },
      'There are fields that an account does not have.',
    ],
    [
      'with a prototype',
      '{"email":"a@example.test","__proto__":{"isOwner":true}}',
      'There are fields that an account does not have.',
    ],
    [
      'with an @ in the username',
      { email: 'a@example.test', username: `${SECRET}@b` },
      'username: May hold letters, digits and . _ + - only.',
    ],
    [
      'with a control character',
      { email: 'a@example.test', firstName: `${SECRET}\u0000` },
      'firstName: Must not hold control characters.',
    ],
    [
      'too young',
      { email: 'a@example.test', birthDate: '2026-01-01' },
      'birthDate: You must be at least 13 years old.',
    ],
    [
      'from the future',
      { email: 'a@example.test', createdAt: '2999-01-01T00:00:00Z' },
      'createdAt: Must be a time between 1970 and now.',
    ],
    ['made an owner', { email: 'a@example.test', roles: ['OWNER'] }, 'roles: OWNER is not given by a file.'],
    [
      'in a role that is none',
      { email: 'a@example.test', roles: [SECRET] },
      'roles: There is no role of one of these names.',
    ],
    [
      'with a password',
      { email: 'a@example.test', passwordHash: SECRET },
      'passwordHash: The hash is of a form that is not known.',
    ],
    [
      'with four gigabytes',
      {
        email: 'a@example.test',
        passwordHash: `$argon2id$v=19$m=4194304,t=1,p=1$${base64(salt)}$${SECRET}aaaa`,
      },
      'passwordHash: The hash asks for more work or memory than an import takes.',
    ],
    ['a megabyte long', `{"email":"${'x'.repeat(1_000_000)}"}`, 'The line is longer than 65536 bytes.'],
    [
      'of a known address',
      { email: 'OWNER@example.test', passwordHash: hash },
      'email: Email already exists',
    ],
    [
      'of a known username',
      { email: 'a@example.test', username: 'ＯＷＮＥＲ' },
      'username: Username already exists',
    ],
  ];

  it('are told by number and reason, never repeated, and do not keep the others out', async () => {
    const lines = HOSTILE.flatMap(([, line], at) => [
      '',
      line,
      { email: `fine${at}@example.test`, passwordHash: hash },
    ]);
    const report = joinPath(dir, 'refused.jsonl');
    const done = await imports(lines, '--report', report);
    expect(lastLine(done)).toContain(`${HOSTILE.length} accounts imported, ${HOSTILE.length} lines refused.`);
    expect(done.code).toBe(1);
    const told = readFileSync(report, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(told).toEqual(HOSTILE.map(([, , reason], at) => ({ line: 3 * at + 2, reason })));
    expect(done.out + done.err + readFileSync(report, 'utf8')).not.toContain(SECRET);
    expect(await look('select 1 from users where first_name = $1 or username = $1', [SECRET])).toEqual([]);
    expect(await enters('owner@example.test', app.owner.password)).toBe('welcome');
  });

  it('of bytes that are no text are refused', async () => {
    const path = joinPath(dir, 'bytes.jsonl');
    writeFileSync(
      path,
      Buffer.concat([
        Buffer.from('\ufeff{"email":"bom@example.test"}\r\n'),
        Buffer.from([0xff, 0xfe, 0x0a]),
        Buffer.from('{"email":"last@example.test"}'),
      ]),
    );
    const done = await run([path]);
    expect(done.out).toContain('line 2: The line is not UTF-8.');
    expect(done.out).toContain('2 accounts imported, 1 lines refused.');
  });

  it('of the same person twice: the first is taken', async () => {
    const done = await imports([
      { email: 'twice@example.test', firstName: 'First' },
      { email: 'Twice@example.test', firstName: 'Second' },
    ]);
    expect(done.out).toContain('line 2: email: Email already exists');
    expect((await stored('twice@example.test'))['first_name']).toBe('First');
  });

  it('a file that is not there, or a system nobody knows, needs a sentence', async () => {
    expect((await run([joinPath(dir, 'nothing.jsonl')])).err).toContain('is no file that can be read');
    expect((await imports([], '--from', 'ldap')).err).toContain('Usage:');
    expect((await run([])).code).toBe(1);
  });
});

describe('an import that is run again', () => {
  const crowd = (name: string, length: number) =>
    Array.from({ length }, (_, at) => ({
      email: `${name}${at}@example.test`,
      passwordHash: `$pbkdf2-sha256$i=1000$${base64(salt)}$${createHash('sha256').update(`${at}`).digest('base64')}`,
    }));
  const countOf = async (name: string) =>
    (
      await look<{ count: number }>('select count(*)::int as count from users where email_key like $1', [
        `${name}%`,
      ])
    )[0]?.count;

  it('after it was killed goes on where it was, and writes nobody twice', async () => {
    const path = file(crowd('killed', 4500));
    const killed = await run([path], /^1000 lines/m);
    expect(killed.code).toBeNull();
    const before = (await countOf('killed')) ?? 0;
    expect(before % 1000).toBe(0);
    expect(before).toBeLessThan(4500);
    const done = await run([path]);
    expect(done.out).toContain(`${4500 - before} accounts imported, 0 lines refused.`);
    expect(await countOf('killed')).toBe(4500);
    const [events] = await look(
      `select count(*)::int as count from audit_events e join users u on u.id = e.subject::uuid
       where e.type = 'account.created' and u.email_key like 'killed%'`,
    );
    expect(events).toEqual({ count: 4500 });
  });

  it('has nothing left to do, save what was refused and is right now', async () => {
    const ana = await join(app);
    const path = file([
      { email: 'again@example.test' },
      { email: ana.email },
      { email: 'late@example.test', roles: ['LATECOMER'] },
    ]);
    expect((await run([path])).out).toContain('1 accounts imported, 2 lines refused.');
    await look(
      "insert into roles (id, name, name_key, rank) values (gen_random_uuid(), 'LATECOMER', 'latecomer', 5)",
    );
    const second = await run([path]);
    expect(second.out).toContain('1 accounts imported, 1 lines refused.');
    expect(second.out).toContain('line 2: email: Email already exists');
    expect((await run([path])).out).toContain('0 accounts imported, 1 lines refused.');
  });

  it('twice at the same time does the work once', async () => {
    const path = file(crowd('both', 3000));
    const runs = await Promise.all([run([path]), run([path])]);
    expect(await countOf('both')).toBe(3000);
    for (const { out, err } of runs)
      expect(`${out}${err}`).toMatch(
        /accounts imported, 0 lines refused|Another import of this file is under way/,
      );
  });
});
