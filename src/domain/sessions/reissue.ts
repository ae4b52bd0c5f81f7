import { RefreshTokenModel } from '../../db/models/refresh-token.js';
import type { SessionModel } from '../../db/models/session.js';
import type { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { readAuthority } from '../access.js';
import { makeRefreshToken, storeRefreshToken, type NewRefreshToken, type Opened } from './open.js';

/**
 * Gives a session its next refresh token without being shown the present one, which steps back. That one has no box for
 * its holder to open, so {@link rotate} exchanges it once more within the replay window: an answer that was lost, or a
 * second tab, signs nobody out. In a transaction that holds the session.
 */
export async function reissue(unit: Unit, session: SessionModel, user: UserModel): Promise<Opened> {
  const token = makeRefreshToken();
  await stepBack(unit, session.id, token);
  await storeRefreshToken(unit, session.id, token);
  return { session, user, authority: await readAuthority(unit.trx, user.id), refreshToken: token.text };
}

/** The session's active token gives way to another, unpresented. */
export async function stepBack(unit: Unit, sessionId: string, { id }: NewRefreshToken): Promise<void> {
  await RefreshTokenModel.query(unit.trx)
    .where({ sessionId, state: 'active' })
    .patch({ state: 'rotated', rotatedAt: unit.trx.raw('clock_timestamp()'), successorId: id });
}
