import { RevocationModel } from '../db/models/revocation.js';
import type { Unit } from '../db/transaction.js';
import { announce, openFeed, type Announced, type Feed, type FeedDeps } from './revocations/feed.js';
import { ENTRY_LIFE_SECONDS } from './revocations/log.js';

export { openFeed, type Announced, type Feed, type FeedDeps };
export type { LogEntry } from './revocations/log.js';

/** How an account stands, as far as its tokens are concerned. */
export type SubjectStatus = 'ACTIVE' | 'SUSPENDED' | 'DELETED';

/** What verifiers must hear of. */
export type Revocation =
  | { kind: 'session'; key: string }
  | { kind: 'subject'; key: string; status: SubjectStatus; version: number }
  /**
   * A role, service or service token is another one now; with a status, nothing but that: a service or a role at one, a service token
   * that is new, one that was given another end, one that is revoked.
   */
  | { kind: 'roles'; key: string; status?: 'SERVICES' | 'ISSUED' | 'ROTATED' | 'ENDED' }
  /** The set of signing keys is another one now; `COMPROMISED` for one that is trusted no more. */
  | { kind: 'keys'; key: string; status?: 'COMPROMISED' };

/** For commands, which hold nothing in memory: NOTIFY, which leaves with the commit, reaches every process. */
export const byNotifyAlone: Announced = { publish: () => undefined, poll: () => Promise.resolve() };

// Appends are serialised until their commit, so that no reader's cursor passes a row that commits late.
const APPEND_LOCK = 7_203_110_002;
const pending = new WeakMap<Unit, Revocation[]>();

/** Adds to the feed when the transaction commits: last before the commit, announced right after it. */
export function revoke(feed: Announced, unit: Unit, ...entries: Revocation[]): void {
  const known = pending.get(unit);
  if (known) return void known.push(...entries);
  const all = [...entries];
  pending.set(unit, all);
  unit.beforeCommit(() => append(unit, all));
  unit.afterCommit(() => announce(feed));
}

async function append(unit: Unit, entries: Revocation[]): Promise<void> {
  if (entries.length === 0) return;
  await unit.trx.raw('select pg_advisory_xact_lock(?)', [APPEND_LOCK]);
  const expiresAt = unit.trx.raw("clock_timestamp() + ? * interval '1 second'", [ENTRY_LIFE_SECONDS]);
  await RevocationModel.query(unit.trx)
    .insert(
      entries.map((entry) => ({
        status: null,
        version: null,
        ...entry,
        expiresAt: expiresAt as unknown as Date,
      })),
    )
    .returning([]);
  await unit.trx.raw("select pg_notify('authgraph_revocations', '')");
}

/** More than any database gives while its backup lies about. */
const LEAP = 2 ** 32;

/**
 * Empties the feed and leaves out numbers, which a database that has since been replaced by its backup may have given: whoever
 * followed it there would take new entries for those that it knows, and starts over now. For when no token is left that an
 * entry could be about.
 */
export async function beginAnew({ trx }: Unit): Promise<void> {
  await trx.raw('select pg_advisory_xact_lock(?)', [APPEND_LOCK]);
  await RevocationModel.query(trx).delete();
  await trx.raw(
    `select setval(one, nextval(one) + ${LEAP}) from pg_get_serial_sequence('revocations', 'seq') one`,
  );
}

/** Forgets entries that no unexpired token can need any more. */
export async function purgeRevocations(deps: Pick<FeedDeps, 'db'>): Promise<void> {
  await RevocationModel.query(deps.db).delete().where('expiresAt', '<', deps.db.raw('now()'));
}
