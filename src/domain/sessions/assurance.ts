import { SessionModel } from '../../db/models/session.js';
import type { Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import { FRESH_SECONDS, type UserActor } from '../access.js';

/** What a code adds to the methods of a session (RFC 8176 §2): a one-time password, and that it was one factor of several. */
export const SECOND_FACTOR: readonly string[] = ['otp', 'mfa'];

/** The part of it that an authenticator app alone stands for. */
export const TOTP_METHODS: readonly string[] = ['otp'];
/** The methods that the use of a passkey can add, save that it was one factor of several. */
export const PASSKEY_METHODS: readonly string[] = ['hwk', 'swk', 'user'];

/**
 * What the use of a passkey adds: a key that never leaves its device or one that may, that somebody was there, and that it
 * was one factor of several, as the device has verified who it was.
 * @see docs/decisions/0013-passkeys.md
 */
export const passkeyMethods = (deviceType: 'singleDevice' | 'multiDevice'): readonly string[] => [
  deviceType === 'singleDevice' ? 'hwk' : 'swk',
  'user',
  'mfa',
];

/** The assurance that these methods amount to: 2 with several factors. */
export const aalOf = (amr: readonly string[]): number => (amr.includes('mfa') ? 2 : 1);

/** The one behind a session has just proved a second factor, or a passkey, by these methods. */
export async function raiseAssurance(
  unit: Unit,
  sessionId: string,
  methods: readonly string[],
): Promise<SessionModel> {
  const { amr } = await lock(unit, sessionId);
  return patch(unit, sessionId, {
    amr: [...new Set([...amr, ...methods])],
    provedAt: unit.trx.raw('now()') as unknown as Date,
  });
}

/**
 * A factor that a session may have been opened with is no more: its methods go, and with them the assurance that several
 * factors gave. @param proved by what the session was proved just now
 */
export async function withdrawMethods(
  unit: Unit,
  sessionId: string,
  gone: readonly string[],
  proved: readonly string[] = [],
): Promise<void> {
  const { amr } = await lock(unit, sessionId);
  const left = [...new Set([...proved, ...amr])].filter((one) => one !== 'mfa' && !gone.includes(one));
  const areSeveral = left.includes('user') || (left.includes('pwd') && left.includes('otp'));
  await patch(unit, sessionId, { amr: areSeveral ? [...left, 'mfa'] : left });
}

/** What changes factors asks for a second factor that was proved lately, as `stepUp` does. @throws {AuthError} INSUFFICIENT_AAL */
export async function requireFreshAssurance(unit: Unit, { sessionId }: UserActor): Promise<void> {
  const fresh = await SessionModel.query(unit.trx)
    .findById(sessionId)
    .where('aal', '>=', 2)
    .whereRaw("proved_at > now() - ? * interval '1 second'", [FRESH_SECONDS]);
  if (!fresh) throw new AuthError('INSUFFICIENT_AAL');
}

const lock = (unit: Unit, id: string) =>
  SessionModel.query(unit.trx).findById(id).forUpdate().throwIfNotFound();

function patch(unit: Unit, id: string, change: { amr: string[]; provedAt?: Date }): Promise<SessionModel> {
  return SessionModel.query(unit.trx)
    .findById(id)
    .patch({ ...change, aal: aalOf(change.amr) })
    .returning('*')
    .first()
    .throwIfNotFound() as unknown as Promise<SessionModel>;
}
