import type { Knex } from 'knex';
import { atOnce, type Statement } from '../../db/at-once.js';
import { fromRowJson } from '../../db/models/row-json.js';
import { SessionModel } from '../../db/models/session.js';
import { UserModel } from '../../db/models/user.js';
import { unite } from '../access.js';
import { eventOf } from '../audit.js';
import type { CataloguedRole } from '../catalogue.js';
import type { Client } from '../client.js';
import { writeDeviceToken } from '../devices.js';
import { newId } from '../ids.js';
import { aalOf } from './assurance.js';
import type { SessionDeps } from './deps.js';
import { makeRefreshToken, type Opened } from './open.js';
import { hashSecret, type RefreshToken } from './refresh-token.js';

/**
 * An account as it was when its password was checked. Whatever changes what the password opens, a second factor or a role
 * included, raises its version, suspends or deletes it or changes the hash.
 */
export type Checked = Pick<UserModel, 'passwordHash' | 'authzVersion'>;

/** Whose session, and how it was proved. */
export interface Proof {
  userId: string;
  client: Client;
  /** RFC 8176 names of the methods used. */
  amr: string[];
  /** The device that it comes from, where the account knows it; else it is a new one. */
  deviceId?: string | undefined;
  /** Where nobody holds the account: nothing is opened unless it still is as it was. */
  checked?: Checked;
}

/** Of a statement that begins a session for the account that its part `account` names, by the places of {@link openingValues}. */
export const OPENING = `
    session as (
      insert into sessions
        (id, user_id, expires_at, idle_expires_at, ip_address, user_agent, location, device_id, amr, aal)
      select $2::uuid, id, now() + $3::float8 * interval '1 second', now() + $4::float8 * interval '1 second',
        $5::text, $6::text, $7::text, $8::uuid, $9::text[], $10::smallint from account
      returning *
    ), token as (
      insert into refresh_tokens (id, session_id, secret_hash) select $11::uuid, $2::uuid, $12::bytea from account
    ), event as (
      insert into audit_events (id, type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac)
      select $13::uuid, $14::text, $15::text, $16::text, $17::text, $5::text, $6::text, $18::text, $19::jsonb, $20::text
      from account
    )`;

/** As one JSON array, the roles that `of` selects the ids of, as `role_id`. */
export const rolesOf = (of: string): string => `
      (select coalesce(json_agg((
        select json_build_object('name', r.name, 'rank', r.rank, 'permissions', array(
          select p.permission from role_permissions p where p.role_id = r.id order by p.permission))
        from roles r where r.id = o.role_id)), '[]')
      from ${of} o)`;

// The conditions are asked again of the newest version of the account's row, once it is ours; everything else follows from that.
const OPEN: Statement = {
  name: 'open_session',
  text: `
    with account as (
      update users set last_sign_in_at = now()
      where id = $1 and ($21::integer is null or
        authz_version = $21 and password_hash = $22 and deleted_at is null and suspended_at is null)
      returning *
    ), ${OPENING}
    select row_to_json(a) as account, row_to_json(s) as session,
      (select f.confirmed_at from totp_factors f where f.user_id = a.id) as "appSince",
      ${rolesOf('(select u.role_id from user_roles u where u.user_id = a.id)')} as roles
    from account a cross join session s`,
};

/** What a statement with {@link OPENING} in it answers. */
export interface OpenedRow {
  account: Record<string, unknown>;
  session: Record<string, unknown>;
  appSince: Date | null;
  roles: CataloguedRole[];
}

/**
 * Signs an account in by one statement, which commits by itself unless `db` is a transaction: the time of its sign-in, the
 * session, its refresh token and the record of it.
 * @returns undefined where the account is no more as it was `checked`: nothing has changed then
 * @see docs/decisions/0031-a-sign-in-at-once.md
 */
export async function openAtOnce(deps: SessionDeps, db: Knex, proof: Proof): Promise<Opened | undefined> {
  const { values, opened } = beginSession(deps, db, proof);
  const { checked } = proof;
  const condition = [checked?.authzVersion ?? null, checked?.passwordHash ?? null];
  const [row] = await atOnce<OpenedRow>(db, OPEN, [...values, ...condition]);
  return row && opened(row);
}

/**
 * A session to come.
 * @returns what fills the places of {@link OPENING}, `$1` to `$20`, and what is opened once the row is there
 */
export function beginSession(deps: SessionDeps, db: Knex, { deviceId = newId(), ...proof }: Proof) {
  const token = makeRefreshToken();
  const opened = ({ account, session, appSince, roles }: OpenedRow): Opened => {
    const user = fromRowJson(UserModel, account);
    return {
      session: fromRowJson(SessionModel, session),
      user,
      authority: unite(roles),
      refreshToken: token.text,
      deviceToken: writeDeviceToken(deps.config.encryptionKeys, user, appSince, deviceId, deps.clock.now()),
    };
  };
  return { values: valuesOf(deps, db, { ...proof, deviceId }, token), opened };
}

/** In the order of the statement's places. */
function valuesOf(
  { config: { sessions } }: SessionDeps,
  db: Knex,
  { userId, client, amr, deviceId }: Proof & { deviceId: string },
  token: RefreshToken,
): unknown[] {
  const sessionId = newId();
  const { location } = client;
  const event = eventOf(db, client, {
    type: 'sign_in.succeeded',
    actor: userId,
    subject: userId,
    details: { session: sessionId, amr, ...(location === null ? {} : { location }) },
  });
  const { id, type, outcome, actor, subject, ipAddress, userAgent, requestId, details, mac } = event;
  return [
    ...[userId, sessionId, sessions.ttlSeconds, sessions.refreshTtlSeconds],
    ...[ipAddress, userAgent, location, deviceId, amr, aalOf(amr)],
    ...[token.id, hashSecret(token.secret)],
    ...[id, type, outcome, actor, subject, requestId, details, mac],
  ];
}
