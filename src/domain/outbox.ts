import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { atOnce } from '../db/at-once.js';
import type { Duty } from '../db/standing.js';

/** Takes what waits in a table and hands it over, as often as it takes. */
export interface Outbox<T extends Parcel = never> {
  /** Looks soon. */
  collect(): void;
  /** Hands over one that was leased by {@link leasedAtBirth}, without looking for it. @param leasedAtMs before that, by `performance.now()` */
  takeOver(parcel: T, leasedAtMs: number): void;
  close(): Promise<void>;
}

/** Something that waits to leave; its row goes when it has left. */
export interface Parcel {
  id: string;
  tries: number;
}

/** What delivering needs. */
export interface OutboxDeps {
  db: Knex;
  /** Who has it looks for what others have left behind. */
  duty: Duty;
  log: Logger;
}

/** One way out. */
export interface Route<T extends Parcel> {
  table: 'mailOutbox' | 'outbox' | 'webhookDeliveries';
  /** A column: parcels with the same value in it leave one after another, in the order of their ids. */
  lane: 'recipient' | 'accountId';
  /** What the log calls a parcel. */
  what: 'mail' | 'webhook delivery';
  /** Hands one over; whatever it throws means that it must be tried again. Well within the lease. */
  deliver: (parcel: T) => Promise<void>;
}

const LOOK_EVERY_MS = 15_000;
/** A parcel that is being handed over is nobody else's for so long; a crash in between means it goes out once more. */
const LEASE_SECONDS = 60;
/** What has waited longer for its turn is left to the next who looks, when its lease is over: handing it over takes time, too. */
const LONGEST_IN_HAND_MS = 30_000;
const LONGEST_WAIT_SECONDS = 3600;
const BATCH = 10;
/** After so many tries, more than a day, a parcel is given up: it is of no use to anybody by then. */
const MOST_TRIES = 40;

const TABLES = {
  mailOutbox: 'mail_outbox',
  outbox: 'outbox',
  webhookDeliveries: 'webhook_deliveries',
} as const;

/**
 * In SQL, `next_try_at` and `tries` of a parcel that whoever writes it will hand over: leased, unless an earlier one is in
 * its lane. All are texts of places.
 */
export const leasedAtBirth = (table: 'mailOutbox', lane: 'recipient', id: string, inLane: string): string => `
  select now() + ${LEASE_SECONDS} * (tries * interval '1 second') as next_try_at, tries
  from (select case when exists (
    select from ${TABLES[table]} where ${lane} = ${inLane} and id < ${id}) then 0 else 1 end as tries) as lease`;

/** A parcel that is leased to this process. */
interface InHand<T> {
  readonly parcel: T;
  readonly leasedAtMs: number;
}

const isFresh = ({ leasedAtMs }: InHand<unknown>) => performance.now() - leasedAtMs < LONGEST_IN_HAND_MS;

/** Starts delivering. Any number of processes may do so at once: each parcel is leased to one of them. */
export function openOutbox<T extends Parcel>({ db, duty, log }: OutboxDeps, route: Route<T>): Outbox<T> {
  let running: Promise<void> | undefined;
  const state = { again: false, closed: false };
  const inHand: InHand<T>[] = [];
  const isWanted = () => (state.again || inHand.length > 0) && !state.closed;
  const handOverSome = async () => {
    for (let left = BATCH; left > 0 && !state.closed; left--) {
      const one = inHand.shift();
      if (one && isFresh(one)) later(await handOver(db, log, route, one.parcel));
    }
  };
  // In turns: neither what was just written nor what waits for longer keeps the other waiting.
  const round = async () => {
    while (isWanted()) {
      await handOverSome();
      if (!state.again || state.closed) continue;
      state.again = false;
      const batch = await lease(db, route);
      if (batch.length > 0) state.again = true;
      for (const parcel of batch) later(await handOver(db, log, route, parcel));
    }
  };
  const run = () => {
    if (state.closed || running) return;
    running = round()
      .catch((error: unknown) => log.warn({ err: error }, `what waits in ${route.table} could not be read`))
      .finally(() => {
        running = undefined;
        // What came after the last look.
        if (isWanted()) run();
      });
  };
  const collect = () => {
    state.again = true;
    run();
  };
  const later = (seconds: number | undefined) => {
    if (seconds !== undefined && seconds * 1000 < LOOK_EVERY_MS) setTimeout(collect, seconds * 1000).unref();
  };
  const timer = setInterval(() => duty.isOnDuty && collect(), LOOK_EVERY_MS).unref();
  collect();
  return {
    collect,
    takeOver(parcel, leasedAtMs) {
      inHand.push({ parcel, leasedAtMs });
      run();
    },
    async close() {
      state.closed = true;
      clearInterval(timer);
      await running;
      await giveBack(db, route, inHand);
    },
  };
}

/** What this process has leased and does not come to any more is anybody's at once. */
async function giveBack<T extends Parcel>(
  db: Knex,
  { table }: Route<T>,
  inHand: readonly InHand<T>[],
): Promise<void> {
  const ids = inHand.filter(isFresh).map(({ parcel }) => parcel.id);
  if (ids.length === 0) return;
  await db(table)
    .whereIn('id', ids)
    .update({ nextTryAt: db.raw('now()') })
    .catch(() => undefined);
}

async function lease<T extends Parcel>(db: Knex, { table, lane }: Route<T>): Promise<T[]> {
  const earlier = db({ earlier: table })
    .whereRaw('?? = ??', [`earlier.${lane}`, `waiting.${lane}`])
    .whereRaw('earlier.id < waiting.id');
  const due = db({ waiting: table })
    .select('waiting.id')
    .where('waiting.nextTryAt', '<=', db.raw('now()'))
    .whereNotExists(earlier)
    .orderBy('waiting.id')
    .limit(BATCH)
    .forUpdate('waiting')
    .skipLocked();
  const leased = (await db(table)
    .whereIn('id', due)
    .update({
      nextTryAt: db.raw("now() + ? * interval '1 second'", [LEASE_SECONDS]),
      tries: db.raw('tries + 1'),
    })
    .returning('*')) as T[];
  return leased.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** @returns after how many seconds it is to be tried again, if at all */
async function handOver<T extends Parcel>(
  db: Knex,
  log: Logger,
  { table, what, deliver }: Route<T>,
  parcel: T,
): Promise<number | undefined> {
  try {
    await deliver(parcel);
  } catch (error) {
    const about = { err: error, parcel: parcel.id, tries: parcel.tries };
    if (parcel.tries < MOST_TRIES) {
      log.warn(about, `a ${what} could not be handed over; it will be tried again`);
      return postpone(db, table, parcel);
    }
    log.error(about, `a ${what} could not be handed over for more than a day; it is given up`);
  }
  const name = TABLES[table];
  await atOnce(db, { name: `forget_${name}`, text: `delete from ${name} where id = $1` }, [parcel.id]);
  return undefined;
}

async function postpone(db: Knex, table: string, { id, tries }: Parcel): Promise<number> {
  const wait = Math.min(LONGEST_WAIT_SECONDS, 2 ** Math.min(tries, 12));
  await db(table)
    .where({ id })
    .update({ nextTryAt: db.raw("now() + ? * interval '1 second'", [wait]) });
  return wait;
}
