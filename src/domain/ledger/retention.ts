import type { Knex } from 'knex';
import { AuditRetentionModel } from '../../db/models/audit-retention.js';
import { AuditSealModel } from '../../db/models/audit-seal.js';
import { record } from '../audit.js';
import type { SealingKeys } from '../sealing.js';
import { mayWork, signRetention } from './blocks.js';

/** Events that one transaction removes, about: what takes longer than a statement may would never be removed. */
const MOST_EVENTS = 20_000;
const MOST_SEALS = 500;

/** What one removal came to. */
export interface Purged {
  throughSeq: number;
  events: number;
}

/**
 * Removes the oldest sealed blocks that are older than `days`, and leaves a signed word of it.
 * @returns undefined when there is nothing to remove, or another process is at it
 * @throws Error when there are not as many events as were sealed: evidence stays where it is
 */
export async function purgeNext(db: Knex, keys: SealingKeys, days: number): Promise<Purged | undefined> {
  return db.transaction(async (trx) => {
    if (!(await mayWork(trx))) return undefined;
    const chosen = await choose(trx, days);
    if (!chosen) return undefined;
    const { through, events, now } = chosen;
    const { seq: throughSeq, digest, toPosition } = through;
    const retention = { throughSeq, digest, toPosition, events, purgedAt: now };
    await AuditRetentionModel.query(trx).insert(signRetention(keys, retention)).returning([]);
    await record(trx, undefined, { type: 'audit.purged', details: { through: throughSeq, events } });
    const { rows } = await trx.raw<{ rows: { removed: number }[] }>('select purge_audit(?) as removed', [
      throughSeq,
    ]);
    if (rows[0]?.removed !== events)
      throw new Error(
        `Of ${events} audit events under seals up to ${throughSeq}, ${rows[0]?.removed ?? 0} are there.`,
      );
    return { throughSeq, events };
  });
}

async function choose(trx: Knex, days: number) {
  const { rows } = await trx.raw<{ rows: { now: Date; cutoff: Date; after: number }[] }>(
    `select now()::timestamptz(3) as now, now() - ? * interval '1 day' as cutoff,
       (select coalesce(max(through_seq), 0) from audit_retentions) as after`,
    [days],
  );
  const { now, cutoff, after } = rows[0] as (typeof rows)[0];
  const old = await AuditSealModel.query(trx)
    .where('seq', '>', after)
    .where('sealedAt', '<', cutoff)
    .orderBy('seq')
    .limit(MOST_SEALS);
  let events = 0;
  let through: AuditSealModel | undefined;
  for (const seal of old) {
    if (through && events + seal.events > MOST_EVENTS) break;
    through = seal;
    events += seal.events;
  }
  return through && { through, events, now };
}
