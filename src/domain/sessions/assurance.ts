import { SessionModel } from '../../db/models/session.js';
import type { Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import type { UserActor } from '../access.js';

/** What a code adds to the methods of a session (RFC 8176 §2): a one-time password, and that it was one factor of several. */
export const SECOND_FACTOR: readonly string[] = ['otp', 'mfa'];

/** The assurance that these methods amount to: 2 with several factors. */
export const aalOf = (amr: readonly string[]): number => (amr.includes('mfa') ? 2 : 1);

/** How long a proof counts as fresh, in seconds. */
const FRESH_SECONDS = 5 * 60;

/** The one behind a session has just proved the second factor. */
export async function raiseAssurance(unit: Unit, sessionId: string): Promise<SessionModel> {
  const { amr } = await lock(unit, sessionId);
  return patch(unit, sessionId, {
    amr: [...new Set([...amr, ...SECOND_FACTOR])],
    provedAt: unit.trx.raw('now()') as unknown as Date,
  });
}

/** The second factor that a session was opened with is no more. */
export async function lowerAssurance(unit: Unit, sessionId: string): Promise<void> {
  const { amr } = await lock(unit, sessionId);
  await patch(unit, sessionId, { amr: amr.filter((method) => !SECOND_FACTOR.includes(method)) });
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
