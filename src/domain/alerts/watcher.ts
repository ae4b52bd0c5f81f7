import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { AuditEventModel } from '../../db/models/audit-event.js';
import type { Duty } from '../../db/standing.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { isUnavailable } from '../../errors.js';
import { NO_ID } from '../ids.js';
import type { NoticeDeps } from '../mail.js';
import type { Outbox } from '../outbox.js';
import { raise } from './raise.js';
import type { Looking, Rule, Suspicion } from './rule.js';
import { rules } from './rules.js';

export interface WatcherDeps extends NoticeDeps {
  db: Knex;
  duty: Duty;
  log: Logger;
}

/** Looks through what is recorded, for what is suspicious. */
export interface Watcher {
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 1000;
/** One process at a time looks: the others have nothing to add. */
const LOCK = 7_203_110_007;
/** Events at a time. */
const BATCH = 200;

const TABLE: readonly (readonly [string, Rule])[] = Object.entries(rules);
const WAKING = [...new Set(TABLE.flatMap(([, { wakes }]) => wakes))];

/** Starts looking, each second. A crash loses nothing: how far it has come stands beside the alerts, in one transaction. */
export function openWatcher(deps: WatcherDeps, webhook: Outbox | undefined): Watcher {
  const state = { closed: false, isFailing: false };
  let looking: Promise<void> | undefined;
  const look = async () => {
    while (!state.closed && (await transaction(deps.db, (unit) => lookOnce(deps, unit, webhook)))) continue;
    state.isFailing = false;
  };
  const complain = (error: unknown) => {
    if (!state.isFailing)
      deps.log.warn({ err: error }, 'the audit record cannot be watched; it will be tried again');
    state.isFailing = true;
  };
  const start = () => {
    looking ??= look()
      .catch(complain)
      .finally(() => (looking = undefined));
  };
  const timer = setInterval(() => deps.duty.isOnDuty && start(), LOOK_EVERY_MS).unref();
  start();
  return {
    async close() {
      state.closed = true;
      clearInterval(timer);
      await looking;
    },
  };
}

interface Place {
  position: number;
  eventId: string;
  lookedAt: Date;
  /** Every event below this position is committed or never will be. */
  settled: number;
}

/** @returns whether there is more to look at */
async function lookOnce(deps: WatcherDeps, unit: Unit, webhook: Outbox | undefined): Promise<boolean> {
  const place = await takeTurn(unit.trx);
  if (!place) return false;
  const events = await nextEvents(unit.trx, place);
  let raised = 0;
  for (const [type, rule] of TABLE)
    for (const suspicion of await findSafely(deps, unit.trx, type, rule, events, place.lookedAt))
      if (await raise(deps, unit, type, rule, suspicion)) raised++;
  const isMore = events.length === BATCH;
  await moveOn(unit.trx, isMore ? events.at(-1) : undefined, place);
  if (raised > 0) unit.afterCommit(() => webhook?.collect());
  return isMore;
}

const PLACE = `
  select c.position, c.event_id as "eventId", c.looked_at as "lookedAt", pg_snapshot_xmin(pg_current_snapshot())::text::bigint +
    (select shift from audit_shifts order by seq desc limit 1) as settled
  from alert_cursor c`;

/** @returns where to go on; undefined where somebody else is looking */
async function takeTurn(trx: Knex): Promise<Place | undefined> {
  const { rows: locks } = await trx.raw<{ rows: { mine: boolean }[] }>(
    'select pg_try_advisory_xact_lock(?) as mine',
    [LOCK],
  );
  if (locks[0]?.mine !== true) return undefined;
  return (await trx.raw<{ rows: Place[] }>(PLACE)).rows[0];
}

/** In the order of positions, up to where no transaction that is still open can add anything. */
async function nextEvents(trx: Knex, { position, eventId, settled }: Place): Promise<AuditEventModel[]> {
  return AuditEventModel.query(trx)
    .whereRaw('(position, id) > (?, ?)', [position, eventId])
    .where('position', '<', settled)
    .whereIn('type', WAKING)
    .orderBy(['position', 'id'])
    .limit(BATCH);
}

async function moveOn(
  trx: Knex,
  last: AuditEventModel | undefined,
  { settled, position }: Place,
): Promise<void> {
  const next = last
    ? { position: last.position, eventId: last.id }
    : { position: Math.max(settled, position), eventId: NO_ID };
  await trx('alertCursor').update({ ...next, lookedAt: trx.raw('now()') });
}

/** Inside a savepoint: a rule that cannot make sense of something must not keep the others from theirs. */
async function findSafely(
  { log }: WatcherDeps,
  trx: Knex,
  type: string,
  rule: Rule,
  events: readonly AuditEventModel[],
  lookedAt: Date,
): Promise<Suspicion[]> {
  const waking: readonly string[] = rule.wakes;
  const woken = events.filter((event) => waking.includes(event.type));
  if (woken.length === 0 && rule.alwaysLooks !== true) return [];
  const { windowSeconds, atLeast } = rule;
  const find = (inner: Knex) =>
    rule.find({ trx: inner, events: woken, windowSeconds, atLeast, lookedAt } satisfies Looking);
  try {
    return await trx.transaction(find);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    log.error(
      { err: error, rule: type },
      'a rule for alerts failed; the events it was to look at are passed over',
    );
    return [];
  }
}
