import { atOnce, type Statement } from '../../db/at-once.js';
import { MailModel } from '../../db/models/mail.js';
import { fromRowJson } from '../../db/models/row-json.js';
import { keysOf, tellTaken, type NewProfile } from '../accounts.js';
import { eventOf } from '../audit.js';
import type { Client } from '../client.js';
import { newId } from '../ids.js';
import { writeVerification } from '../mail.js';
import { leasedAtBirth } from '../outbox.js';
import { beginSession, OPENING, rolesOf, type Opened, type OpenedRow } from '../sessions.js';
import type { SignInDeps } from '../signin.js';

/** Somebody who signs up, with everything checked. */
interface Newcomer {
  profile: NewProfile;
  passwordHash: string;
  client: Client;
}

// The unique indexes decide who gets a name; whoever loses has written nothing.
const ENROL: Statement = {
  name: 'enrol',
  text: `
    with newcomer as (
      insert into users (id, email, email_key, username, username_key, password_hash, first_name, middle_name,
        last_name, phone, telegram, country, birth_date, last_sign_in_at)
      select $1::uuid, $22::text, $23::text, $24::text, $25::text, $26::text, $27::text, $28::text,
        $29::text, $30::text, $31::text, $32::text, $33::date, case when $21::boolean then now() end
      from roles where name = $34::text
      returning *
    ), granted as (
      insert into user_roles (user_id, role_id)
      select n.id, r.id from newcomer n join roles r on r.name = $34::text
      returning role_id
    ), created as (
      insert into audit_events (id, type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac)
      select $35::uuid, $36::text, $37::text, $38::text, $39::text, $5::text, $6::text, $18::text, $40::jsonb, $41::text
      from newcomer
    ), secret as (
      insert into one_time_tokens (id, purpose, user_id, secret_hash, expires_at)
      select $42::uuid, $43::text, id, $44::bytea, now() + $45::float8 * interval '1 second' from newcomer
    ), mail as (
      insert into mail_outbox (id, account_id, recipient, subject, body_sealed, next_try_at, tries)
      select $46::uuid, n.id, $47::text, $48::text, $49::text, lease.* from newcomer n,
        (${leasedAtBirth('mailOutbox', 'recipient', '$46::uuid', '$47::text')}) as lease
      returning *
    ), account as (
      select * from newcomer where $21::boolean
    ), ${OPENING}
    select row_to_json(n) as account, row_to_json(s) as session, null as "appSince",
      ${rolesOf('granted')} as roles, (select row_to_json(m) from mail m) as mail
    from newcomer n left join session s on true`,
};

interface Row extends Omit<OpenedRow, 'session'> {
  /** Null where the address has to be confirmed first. */
  session: Record<string, unknown> | null;
  mail: Record<string, unknown>;
}

/**
 * Adds an account by one statement, which commits by itself: with its role, the mail that confirms its address, the record
 * of it and, unless the address has to be confirmed first, its first session.
 * @returns the session, if there is one
 * @throws {AuthError} CONFLICT naming the field that somebody else has taken: nothing is written then
 * @see docs/decisions/0033-a-sign-up-at-once.md
 */
export async function enrolAtOnce(deps: SignInDeps, newcomer: Newcomer): Promise<Opened | undefined> {
  const id = newId();
  // Before the events of the session, whose ids are later ones.
  const account = accountOf(deps, id, newcomer);
  const { values, opened } = beginSession(deps, deps.db, {
    userId: id,
    client: newcomer.client,
    amr: ['pwd'],
  });
  const isEntering = !deps.config.accounts.requireEmailVerification;
  const startedAtMs = performance.now();
  const all = [...values, isEntering, ...account];
  const [row] = await tellTaken(atOnce<Row>(deps.db, ENROL, all));
  if (!row) throw new Error('The role of newcomers is not there.');
  const mail = fromRowJson(MailModel, row.mail);
  if (mail.tries > 0) deps.postman.takeOver(mail, startedAtMs);
  else deps.postman.collect();
  return row.session ? opened({ ...row, session: row.session }) : undefined;
}

/** In the order of the statement's places, from `$22` on. */
function accountOf(deps: SignInDeps, id: string, { profile, passwordHash, client }: Newcomer): unknown[] {
  const { emailKey, usernameKey } = keysOf(profile);
  const { email, username, firstName, middleName, lastName, phone, telegram, country, birthDate } = profile;
  const event = eventOf(deps.db, client, {
    type: 'account.created',
    actor: id,
    subject: id,
    details: { by: 'sign-up' },
  });
  const { secret, mail } = writeVerification(deps, { id, email, firstName });
  return [
    ...[email, emailKey, username, usernameKey, passwordHash, firstName, middleName],
    ...[lastName, phone, telegram, country, birthDate, deps.catalogue.defaultRole],
    ...[event.id, event.type, event.outcome, event.actor, event.subject, event.details, event.mac],
    ...[secret.id, secret.purpose, secret.secretHash, secret.lifeSeconds],
    ...[mail.id, mail.recipient, mail.subject, mail.bodySealed],
  ];
}
