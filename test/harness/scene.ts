import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { hashSecret, writeRefreshToken } from '../../src/domain/sessions/refresh-token.js';
import type { Answer, TestApp } from './app.js';
import { lookInto } from './look.js';
import { refresh } from './calls.js';
import { ownerOf, type Person } from './people.js';

/** Somebody set in place without the cost of a password; signs in with that of the owner of the house. */
export interface Seated {
  id: string;
  username: string;
  email: string;
  password: string;
}

/** What a role is made of. */
export interface RoleSpec {
  rank: number;
  permissions: string[];
}

/** The house with people and things put in place past the service, where nothing about them has to be proved. */
export type Scene = Awaited<ReturnType<typeof openScene>>;

let count = 0;
/** Of this test file alone: a database may come with people of another one. */
const CAST = randomBytes(4).toString('hex');
/** A word that nothing else is called. */
export const unique = (start: string) => `${start}${++count}x${CAST}`;

/** Opens a scene on a service under test; close it before the service. */
export async function openScene(app: TestApp) {
  const { query: look, close } = await openQueue(app.databaseUrl);
  const [owner] = await look<{ hash: string }>(
    'select password_hash as hash from users where username = $1',
    [app.owner.username],
  );

  /** Writes one row, by the names of its columns. @returns its id */
  async function put(table: string, row: Record<string, unknown>): Promise<string> {
    const whole: Record<string, unknown> = { id: randomUUID(), ...row };
    const places = Object.keys(whole).map((_, at) => `$${at + 1}`);
    await look(
      `insert into ${table} (${Object.keys(whole).join(', ')}) values (${places.join(', ')})`,
      Object.values(whole),
    );
    return String(whole['id']);
  }

  /** An account with these roles, by their names; `columns` outweigh what it has else. */
  async function seat(roles: string[], columns: Record<string, unknown> = {}): Promise<Seated> {
    const username = unique('seated');
    const email = `${username}@example.test`;
    const id = await put('users', {
      username,
      username_key: username,
      email,
      email_key: email,
      first_name: 'Set',
      last_name: 'Down',
      password_hash: owner?.hash,
      ...columns,
    });
    await look('insert into user_roles (user_id, role_id) select $1, id from roles where name = any($2)', [
      id,
      roles,
    ]);
    return { id, username, email, password: app.owner.password };
  }

  /** @returns the id of a session that nobody has the tokens of */
  const session = (userId: string) =>
    put('sessions', {
      user_id: userId,
      idle_expires_at: IN_AN_HOUR(),
      expires_at: IN_AN_HOUR(),
      amr: ['pwd'],
      aal: 1,
    });

  /** Signs somebody in past the password: by the first refresh token of a session that was opened for them. */
  async function enter(person: Seated): Promise<Person> {
    const token = { id: randomUUID(), secret: randomBytes(32) };
    const sessionId = await session(person.id);
    const secret_hash = hashSecret(token.secret);
    await put('refresh_tokens', { id: token.id, session_id: sessionId, secret_hash });
    const { code, access, refresh: next } = await refresh(app, writeRefreshToken(token));
    if (code !== undefined) throw new Error(`nobody could be signed in: ${code}`);
    return { ...person, access, refresh: next, sessionId };
  }

  /** @returns the secret of a link that would have been mailed */
  async function link(purpose: string, userId: string): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const secret_hash = createHash('sha256').update(token).digest();
    await put('one_time_tokens', { purpose, user_id: userId, secret_hash, expires_at: IN_AN_HOUR() });
    return token;
  }

  /** A permission of an application. @returns its name */
  async function permission(name = unique('matrix:')): Promise<string> {
    await look('insert into permissions (name) values ($1) on conflict do nothing', [name]);
    return name;
  }

  async function role({ rank, permissions }: RoleSpec): Promise<{ id: string; name: string }> {
    const name = unique('role');
    const id = await put('roles', { name, name_key: name, rank });
    await give(id, permissions);
    return { id, name };
  }

  const give = (roleId: string, permissions: string[]) =>
    look('insert into role_permissions (role_id, permission) select $1, unnest($2::text[])', [
      roleId,
      permissions,
    ]);

  const service = async () => {
    const name = unique('service-');
    return { id: await put('services', { name }), name };
  };

  /** @param serviceId of the service that it is bound to; a general one without */
  async function businessRole(
    permissions: string[] = [],
    serviceId: string | null = null,
  ): Promise<{ id: string; name: string }> {
    const name = unique('business');
    const id = await put('business_roles', { name, name_key: name, service_id: serviceId });
    await look(
      'insert into business_role_permissions (business_role_id, permission) select $1, unnest($2::text[])',
      [id, permissions],
    );
    return { id, name };
  }

  const { access } = await ownerOf(app);
  /** What the owner of the house is answered. */
  async function asOwner(query: string, variables: Record<string, unknown> = {}): Promise<Answer['data']> {
    const { data, errors, body } = await app.graphql(query, variables, { bearer: access });
    if (errors.length > 0) throw new Error(body);
    return data;
  }

  /** A token of a service of its own, as the owner of the house issues it. */
  async function serviceToken(scopes: string[]): Promise<{ id: string; token: string }> {
    const { issueServiceToken } = await asOwner(
      `mutation ($s: ID!, $i: IssueServiceTokenInput!) {
        issueServiceToken(serviceId: $s, input: $i) { token serviceToken { id } } }`,
      { s: (await service()).id, i: { scopes } },
    );
    const { token, serviceToken } = issueServiceToken as { token: string; serviceToken: { id: string } };
    return { id: serviceToken.id, token };
  }

  const digest = () => digestOf(look);
  return {
    app,
    look,
    put,
    seat,
    session,
    enter,
    link,
    permission,
    role,
    give,
    service,
    businessRole,
    asOwner,
    serviceToken,
    digest,
    close,
  };
}

/** A connection that is asked one thing after the other, whoever asks meanwhile. */
async function openQueue(databaseUrl: string) {
  const look = await lookInto(databaseUrl);
  let last: Promise<unknown> = Promise.resolve();
  const query: Query = (sql, values = []) => {
    const next = last.then(() => look(sql, values));
    last = next.catch(() => undefined);
    return next as never;
  };
  return { query, close: () => look.close() };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads the columns it has asked for
type Query = <Row = Record<string, any>>(sql: string, values?: unknown[]) => Promise<Row[]>;

const IN_AN_HOUR = () => new Date(Date.now() + 3_600_000);

/** What goes on by itself: what is witnessed and mailed, and what tells of a change rather than being one. Nor do counts of tries count. */
const BY_ITSELF =
  /^knex|^audit_|^alert_|^security_alerts|^limit_counters|outbox|deliveries|sightings|counts|^signing_keys|revocations/;

/** What every table holds, as a short text for each: equal before and after what changes nothing. Boxes of spent tokens are emptied in time. */
async function digestOf(look: Query): Promise<Record<string, string>> {
  const tables: { name: string }[] = await look(
    "select tablename as name from pg_tables where schemaname = 'public' order by 1",
  );
  const quiet = tables.map(({ name }) => name).filter((name) => !BY_ITSELF.test(name));
  const parts = quiet.map(
    (name) =>
      `select '${name}' as name, md5(string_agg(row, chr(10) order by row collate "C")) as digest
       from (select (to_jsonb(t) - 'last_used_at' - 'last_seen_at' - 'failures' - 'successor_box')::text as row from "${name}" t) rows`,
  );
  const rows: { name: string; digest: string }[] = await look(parts.join(' union all '));
  return Object.fromEntries(rows.map(({ name, digest }) => [name, digest]));
}
