import type { Knex } from 'knex';
import { TotpFactorModel } from '../db/models/totp-factor.js';
import type { UserModel } from '../db/models/user.js';
import { isId } from './ids.js';
import { authenticate, isAuthentic, type SealingKeys } from './sealing.js';

/** How long a device is known without signing in again, in seconds: half a year. */
const LIFE_SECONDS = 180 * 24 * 60 * 60;
const PURPOSE = 'known device';
/** What we write is about 160 characters; longer texts are not looked at. */
const LONGEST = 400;
const WRITTEN = /^agd_([0-9a-f-]{36})_([0-9a-f-]{36})_(\d{1,15})_(\d{1,15})\.(.+)$/;

/** A device that an account was proved on before. */
export interface Device {
  readonly id: string;
  /** Whether what may be guessed of the account, its password and the codes of its app, is still that of then. */
  readonly isCurrent: boolean;
}

/**
 * Since when an account has the password and the app that it has: whoever knew the password alone has gathered devices to
 * guess codes on. Accounts that have neither have had none since the beginning.
 */
const epochOf = ({ passwordChangedAt }: UserModel, appSince: Date | null | undefined): number =>
  Math.max(...[passwordChangedAt, appSince].map((since) => since?.getTime() ?? 0));

async function readEpoch(db: Knex, user: UserModel): Promise<number> {
  const app = await TotpFactorModel.query(db).findById(user.id).select('confirmedAt');
  return epochOf(user, app?.confirmedAt);
}

/**
 * What a device shows at its next sign-in, to be told from strangers: worthless without a password, and for other accounts.
 * @param appSince when the account's authenticator app was confirmed
 */
export function writeDeviceToken(
  keys: SealingKeys,
  user: UserModel,
  appSince: Date | null,
  deviceId: string,
  now: number,
): string {
  const text = `agd_${user.id}_${deviceId}_${epochOf(user, appSince)}_${Math.floor(now / 1000)}`;
  return `${text}.${authenticate(keys, PURPOSE, text)}`;
}

/** The device of this account that a token speaks of; none for what is unreadable, forged, too old or another account's. */
export async function readDeviceToken(
  db: Knex,
  keys: SealingKeys,
  user: UserModel,
  token: string | null | undefined,
  now: number,
): Promise<Device | undefined> {
  if (typeof token !== 'string' || token.length > LONGEST) return undefined;
  const [, userId, id = '', epoch, issuedAt, code = ''] = WRITTEN.exec(token) ?? [];
  if (userId !== user.id || !isId(id) || Number(issuedAt) + LIFE_SECONDS < now / 1000) return undefined;
  const text = token.slice(0, token.length - code.length - 1);
  return isAuthentic(keys, PURPOSE, text, code)
    ? { id, isCurrent: Number(epoch) === (await readEpoch(db, user)) }
    : undefined;
}
