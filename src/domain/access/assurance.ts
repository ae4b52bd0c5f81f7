import type { Knex } from 'knex';
import { AuthError } from '../../errors.js';

/** How long a proof counts as fresh, in seconds. */
export const FRESH_SECONDS = 5 * 60;

/**
 * What the session of an account that has a second factor must have proved: it, at any time, or it within the last five
 * minutes.
 */
export type Assurance = 'proved' | 'fresh';

/** How far a session has come, and whether its account could come any further. */
export interface Reached {
  aal: number;
  isFresh: boolean;
  /** Whether the account has an authenticator app, or a passkey. */
  hasFactor: boolean;
}

/** As the database has it. @returns undefined for a session that is gone */
export async function readAssurance(db: Knex, sessionId: string): Promise<Reached | undefined> {
  const { rows } = await db.raw<{ rows: Reached[] }>(
    `select s.aal, s.proved_at > now() - ? * interval '1 second' as "isFresh",
       exists (select from totp_factors f where f.user_id = s.user_id and f.confirmed_at is not null)
         or exists (select from passkeys p where p.user_id = s.user_id) as "hasFactor"
     from sessions s where s.id = ? and s.ended_at is null`,
    [FRESH_SECONDS, sessionId],
  );
  return rows[0];
}

/**
 * Before what an account with a second factor does not do without it; where there is none, the session is as good as it
 * can be.
 * @throws {AuthError} UNAUTHENTICATED for a session that has ended, INSUFFICIENT_AAL, which stepping up satisfies
 */
export async function requireAssurance(db: Knex, sessionId: string, wanted: Assurance): Promise<void> {
  const reached = await readAssurance(db, sessionId);
  if (!reached) throw new AuthError('UNAUTHENTICATED');
  const isEnough = reached.aal >= 2 && (wanted === 'proved' || reached.isFresh);
  if (reached.hasFactor && !isEnough)
    throw new AuthError(
      'INSUFFICIENT_AAL',
      reached.aal >= 2 ? { message: 'Prove your second factor again; it was proved too long ago.' } : {},
    );
}
