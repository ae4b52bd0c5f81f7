import { RefreshTokenModel } from '../../db/models/refresh-token.js';
import { SessionModel } from '../../db/models/session.js';
import type { SessionDeps } from './deps.js';

/** How long an ended session and its spent tokens are kept, in days, so that a late replay is still recognised. */
const KEEP_DAYS = 30;
const BATCH = 5000;

/** Erases sealed successors that no replay may open any more, and sessions that ended long ago. */
export async function purgeSessions({ db, config }: Pick<SessionDeps, 'db' | 'config'>): Promise<void> {
  const due = RefreshTokenModel.query(db)
    .select('id')
    .whereNotNull('successorBox')
    .whereRaw("rotated_at < now() - ? * interval '1 second'", [config.sessions.replayWindowSeconds])
    .limit(BATCH);
  let emptied = BATCH;
  while (emptied === BATCH)
    emptied = await RefreshTokenModel.query(db).whereIn('id', due.clone()).patch({ successorBox: null });
  await SessionModel.query(db)
    .delete()
    .whereIn(
      'id',
      SessionModel.query(db)
        .select('id')
        .whereRaw("coalesce(ended_at, least(idle_expires_at, expires_at)) < now() - ? * interval '1 day'", [
          KEEP_DAYS,
        ])
        .limit(BATCH),
    );
}
