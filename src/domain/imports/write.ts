import type { Knex } from 'knex';
import { UserModel } from '../../db/models/user.js';
import { lookupKey } from '../accounts.js';
import { findReserving } from '../address-changes.js';
import { recordAll } from '../audit.js';
import { newId } from '../ids.js';
import type { Entry, Refusal } from './entry.js';

interface Written {
  accounts: number;
  refused: Refusal[];
}

/** Writes accounts with their roles and the record of them; those whose names are taken are refused. Within a transaction. */
export async function writeEntries(trx: Knex, entries: readonly Entry[]): Promise<Written> {
  if (entries.length === 0) return { accounts: 0, refused: [] };
  const rows = entries.map((entry) => ({ entry, row: rowOf(trx, entry) }));
  const reserved = await reservedAmong(trx, rows);
  const free = rows.filter(({ row }) => !reserved.has(row.emailKey));
  if (free.length === 0) return { accounts: 0, refused: await describeTaken(trx, rows, reserved) };
  const inserted = await trx('users')
    .insert(free.map(({ row }) => row))
    .onConflict()
    .ignore()
    .returning<{ id: string }[]>('id');
  const ids = new Set(inserted.map(({ id }) => id));
  const fresh = rows.filter(({ row }) => ids.has(row.id));
  await grant(trx, fresh);
  await recordAll(
    trx,
    fresh.map(({ entry, row }) => eventOf(entry, row.id)),
  );
  const refused = await describeTaken(
    trx,
    rows.filter(({ row }) => !ids.has(row.id)),
    reserved,
  );
  return { accounts: fresh.length, refused };
}

/** The addresses among these that somebody may yet take back. */
async function reservedAmong(trx: Knex, rows: readonly Row[]): Promise<Set<string>> {
  const found = await findReserving(
    trx,
    rows.map(({ row }) => row.emailKey),
  );
  return new Set(found.map(({ oldEmailKey }) => oldEmailKey));
}

interface Row {
  entry: Entry;
  row: ReturnType<typeof rowOf>;
}

const NO_PROFILE = {
  middleName: null,
  lastName: null,
  phone: null,
  telegram: null,
  country: null,
  birthDate: null,
};

function rowOf(trx: Knex, { profile, passwordHash, isVerified, isSuspended, createdAt }: Entry) {
  const now = trx.raw('now()');
  return {
    ...NO_PROFILE,
    ...profile,
    id: newId(),
    emailKey: lookupKey(profile.email),
    usernameKey: lookupKey(profile.username),
    passwordHash,
    passwordChangedAt: passwordHash === null ? null : now,
    emailVerifiedAt: isVerified ? now : null,
    suspendedAt: isSuspended ? now : null,
    suspensionReason: isSuspended ? 'Was suspended where the account was imported from.' : null,
    createdAt: createdAt ?? now,
  };
}

async function grant(trx: Knex, rows: readonly Row[]): Promise<void> {
  const grants = rows.flatMap(({ entry, row }) => entry.roles.map((roleId) => ({ userId: row.id, roleId })));
  if (grants.length > 0) await trx('userRoles').insert(grants);
}

function eventOf({ namedRoles }: Entry, subject: string) {
  const details = { by: 'import', ...(namedRoles ? { roles: namedRoles } : {}) };
  return { id: newId(), client: undefined, entry: { type: 'account.created' as const, subject, details } };
}

/** Who was first may be an account of long ago, or another line of this file. */
async function describeTaken(
  trx: Knex,
  rows: readonly Row[],
  reserved: ReadonlySet<string>,
): Promise<Refusal[]> {
  if (rows.length === 0) return [];
  const taken = async (column: 'emailKey' | 'usernameKey') => {
    const keys = rows.map(({ row }) => row[column]);
    const held = await UserModel.query(trx).whereIn(column, keys).select(column);
    return new Set(held.map((user) => user[column]));
  };
  const [emails, usernames] = [await taken('emailKey'), await taken('usernameKey')];
  return rows.map(({ entry: { line }, row }) => {
    const reasons = [
      ...(emails.has(row.emailKey) || reserved.has(row.emailKey) ? ['email: Email already exists'] : []),
      ...(usernames.has(row.usernameKey) ? ['username: Username already exists'] : []),
    ];
    return { line, reason: reasons.join(' ') };
  });
}
