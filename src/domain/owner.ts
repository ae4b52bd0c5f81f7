import { randomInt } from 'node:crypto';
import type { Knex } from 'knex';
import type { Config } from '../config.js';
import { UserModel } from '../db/models/user.js';
import { transaction } from '../db/transaction.js';
import { lockAdministration, OWNER_ROLE } from './access.js';
import { createAccount } from './accounts.js';
import { record } from './audit.js';
import { hashPassword, passwordFault, passwordWeakness, type PasswordDeps } from './passwords.js';

/** The first owner's login; `password` only where it was made up here and must be shown once. */
export interface FirstOwner {
  username: string;
  email: string;
  password?: string;
}

/** Why the password that is configured for the first owner would be refused of anybody; undefined where it is good. */
export function ownerPasswordFault(config: Config): string | undefined {
  const { password, email, username } = config.owner;
  if (password === undefined) return undefined;
  return passwordFault(password) ?? passwordWeakness(config, password, [email, username]);
}

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Makes the OWNER account of a database that has none, with a password of its own unless one is configured. */
export async function ensureOwner(
  deps: PasswordDeps & { db: Knex; config: Config },
): Promise<FirstOwner | undefined> {
  if (await anyOwner(deps.db)) return undefined;
  const { email, username, password: given } = deps.config.owner;
  const password = given ?? inventPassword();
  const passwordHash = await hashPassword(deps, password);
  return transaction(deps.db, async (unit) => {
    await lockAdministration(unit.trx);
    if (await anyOwner(unit.trx)) return undefined;
    const user = await createAccount(unit, { email, username, firstName: 'Owner' }, passwordHash, OWNER_ROLE);
    await UserModel.query(unit.trx)
      .findById(user.id)
      .patch({ emailVerifiedAt: unit.trx.raw('now()') });
    await record(unit.trx, undefined, {
      type: 'account.created',
      subject: user.id,
      details: { by: 'first start' },
    });
    return { username, email, ...(given === undefined ? { password } : {}) };
  });
}

/** Also one that is deleted or suspended: what a deployment did on purpose is not undone by a start. */
const anyOwner = async (db: Knex) =>
  (await db('userRoles')
    .join('roles', 'roles.id', 'userRoles.roleId')
    .where({ 'roles.name': OWNER_ROLE })
    .first('roleId')) !== undefined;

/** Five groups of four letters and digits that are hard to mistake: 100 bits. */
function inventPassword(): string {
  const group = () => Array.from({ length: 4 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return Array.from({ length: 5 }, group).join('-');
}
