import type { Knex } from 'knex';
import { SessionModel } from '../../db/models/session.js';
import { transaction } from '../../db/transaction.js';
import { NO_ID } from '../ids.js';
import type { SessionDeps } from './deps.js';

/** How long an ended session and its spent tokens are kept, in days, so that a late replay is still recognised. */
const KEEP_DAYS = 30;
const BATCH = 5000;
/** By how much the clocks of processes that make ids may differ, in milliseconds. */
const SKEW_MS = 15_000;

type PurgeDeps = Pick<SessionDeps, 'db' | 'config' | 'clock'>;

/** Erases sealed successors that no replay may open any more, and sessions that ended long ago. */
export async function purgeSessions(deps: PurgeDeps): Promise<void> {
  await eraseBoxes(deps);
  await forgetSessions(deps.db);
}

async function forgetSessions(db: Knex): Promise<void> {
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

/** Up to which time successors were gone through, in milliseconds since 1970, for each pool. */
const gone = new WeakMap<Knex, number>();

/**
 * A box is as old as the successor in it, and successors are in the order of their ids: those are gone through that have come since the
 * last time. The first time all tokens are, as others may have left boxes behind.
 */
async function eraseBoxes({ db, config, clock }: PurgeDeps): Promise<void> {
  const { replayWindowSeconds } = config.sessions;
  const from = gone.get(db);
  const to = clock.now() - replayWindowSeconds * 1000;
  const [column, start, end] =
    from === undefined ? ['id', NO_ID, LAST_ID] : ['parent_id', idAt(from - SKEW_MS), idAt(to)];
  let after: string | null = start;
  while (after !== null)
    after = await eraseSome(db, { column, after, end, most: BATCH, window: replayWindowSeconds });
  gone.set(db, to);
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Before all ids of that moment and later (RFC 9562 §5.7). */
function idAt(ms: number): string {
  const time = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/** By their ids, however few tokens PostgreSQL believes there are. @returns the last id gone through; null at the end */
async function eraseSome(db: Knex, bite: Record<string, string | number>): Promise<string | null> {
  return transaction(db, async ({ trx }) => {
    await trx.raw('set local enable_seqscan = off; set local enable_bitmapscan = off');
    const { rows } = await trx.raw<{ rows: { last: string | null }[] }>(ERASE, bite);
    return rows[0]?.last ?? null;
  });
}

const ERASE = `
  with bite as materialized (
    select id, parent_id from refresh_tokens where id > :after and id < :end order by id limit :most
  ), erased as (
    update refresh_tokens set successor_box = null
    where id = any(array(select :column: from bite))
      and successor_box is not null and rotated_at < now() - :window * interval '1 second'
  )
  select (select id from bite order by id desc limit 1) as last`;
