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
  /** Whether the account's password is still the one of that time. */
  readonly isCurrent: boolean;
}

/** Accounts without a password have had none since the beginning. */
const epochOf = ({ passwordChangedAt }: UserModel): number => passwordChangedAt?.getTime() ?? 0;

/** What a device shows at its next sign-in, to be told from strangers: worthless without a password, and for other accounts. */
export function issueDeviceToken(keys: SealingKeys, user: UserModel, deviceId: string, now: number): string {
  const text = `agd_${user.id}_${deviceId}_${epochOf(user)}_${Math.floor(now / 1000)}`;
  return `${text}.${authenticate(keys, PURPOSE, text)}`;
}

/** The device of this account that a token speaks of; none for what is unreadable, forged, too old or another account's. */
export function readDeviceToken(
  keys: SealingKeys,
  user: UserModel,
  token: string | null | undefined,
  now: number,
): Device | undefined {
  if (typeof token !== 'string' || token.length > LONGEST) return undefined;
  const [, userId, id = '', epoch, issuedAt, code = ''] = WRITTEN.exec(token) ?? [];
  if (userId !== user.id || !isId(id) || Number(issuedAt) + LIFE_SECONDS < now / 1000) return undefined;
  const text = token.slice(0, token.length - code.length - 1);
  return isAuthentic(keys, PURPOSE, text, code)
    ? { id, isCurrent: Number(epoch) === epochOf(user) }
    : undefined;
}
