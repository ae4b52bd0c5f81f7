import type { Knex } from 'knex';
import { AuditSealModel } from '../../db/models/audit-seal.js';
import type { SealingKeys } from '../sealing.js';
import { BlockDigest, GENESIS, mayWork, pagesBetween, signSeal, type Header, type Seal } from './blocks.js';
import { contentOf, isGenuine } from '../audit.js';

/** Events under one seal, about: a transaction is never divided. */
const MOST_EVENTS = 5000;

/** What sealing a block came to. */
export interface Sealed {
  seal: Seal;
  /** Ids of events that this service has not written. */
  strangers: string[];
}

/**
 * Seals the next block of events that nothing can be added to any more: those of transactions below the oldest one still
 * running. @returns undefined when there is nothing to seal, or another process is at it
 */
export async function sealNext(db: Knex, keys: SealingKeys): Promise<Sealed | undefined> {
  const sealed = await db.transaction(async (trx) => {
    if (!(await mayWork(trx))) return undefined;
    const last = await AuditSealModel.query(trx).orderBy('seq', 'desc').first();
    const block = await nextBlock(trx, last);
    if (!block) return undefined;
    const made = await sealBlock(trx, keys, block, last);
    await AuditSealModel.query(trx).insert(made.seal).returning([]);
    return made;
  });
  // By no transaction that could be taken back: what stood here last is known even where the seal is gone.
  if (sealed) await db.raw("select setval('audit_last_seal', ?)", [sealed.seal.seq]);
  return sealed;
}

interface Block {
  from: number;
  to: number;
  unsigned: boolean;
  now: Date;
}

const HORIZON = `
  select now()::timestamptz(3) as now, (select shift from audit_shifts order by seq limit 1) as "unsignedThrough",
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint + (select shift from audit_shifts order by seq desc limit 1) as horizon`;
const PLACES = `
  (select position from audit_events where position >= :from and position < :to order by position limit 1)
  union all
  (select position from audit_events where position >= :from and position < :to order by position limit 1 offset :most)`;

async function nextBlock(trx: Knex, last: Seal | undefined): Promise<Block | undefined> {
  const { rows } = await trx.raw<{ rows: { now: Date; unsignedThrough: number; horizon: number }[] }>(
    HORIZON,
  );
  const { now, unsignedThrough, horizon } = rows[0] as (typeof rows)[0];
  const from = last?.toPosition ?? 0;
  // Only at the beginning of the chain: whatever somebody makes of audit_shifts later changes nothing.
  const unsigned = unsignedThrough > 0 && from <= unsignedThrough && last?.unsigned !== false;
  const to = unsigned ? Math.min(horizon, unsignedThrough + 1) : horizon;
  const { rows: places } = await trx.raw<{ rows: { position: number }[] }>(PLACES, {
    from,
    to,
    most: MOST_EVENTS,
  });
  const [first, beyond] = places.map(({ position }) => position);
  if (first === undefined) return unsigned ? { from, to, unsigned, now } : undefined;
  if (beyond === undefined) return { from, to, unsigned, now };
  return { from, to: Math.max(beyond, first + 1), unsigned, now };
}

async function sealBlock(
  trx: Knex,
  keys: SealingKeys,
  block: Block,
  last: Seal | undefined,
): Promise<Sealed> {
  const digest = new BlockDigest();
  const strangers: string[] = [];
  for await (const page of pagesBetween(trx, block.from, block.to))
    for (const event of page) {
      const content = contentOf(event);
      digest.add(event, content);
      if (!block.unsigned && !(event.mac !== null && isGenuine(keys, content, event.mac)))
        strangers.push(event.id);
    }
  const header: Header = {
    seq: (last?.seq ?? 0) + 1,
    fromPosition: block.from,
    toPosition: block.to,
    events: digest.events,
    unsigned: block.unsigned,
    previous: last?.digest ?? GENESIS,
    sealedAt: block.now,
  };
  return { seal: signSeal(keys, header, digest.under(header)), strangers };
}

/** Whether a seal that this process knows of is still what it was. */
export async function isStillThere(
  db: Knex,
  { seq, digest }: Pick<Seal, 'seq' | 'digest'>,
): Promise<boolean> {
  const { rows } = await db.raw<{ rows: { gone: boolean }[] }>(
    `select not exists (select from audit_seals where seq = :seq and digest = :digest)
       and not exists (select from audit_retentions where through_seq > :seq) as gone`,
    { seq, digest },
  );
  return rows[0]?.gone !== true;
}
