import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Duty } from '../../db/standing.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { isUnavailable } from '../../errors.js';
import type { NoticeDeps } from '../mail.js';
import type { Outbox } from '../outbox.js';
import { raise } from './raise.js';
import { moveOn, readOn, takeTurn } from './record.js';
import type { Looking, Rule, Suspicion, Watched } from './rule.js';
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
/** What a rule asks the database about so many events at once stays well within the time that a statement may take. */
const USUAL_AT_ONCE = 200;

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

/** @returns whether there is more to look at */
async function lookOnce(deps: WatcherDeps, unit: Unit, webhook: Outbox | undefined): Promise<boolean> {
  const place = await takeTurn(unit.trx);
  if (!place) return false;
  const { events, last } = await readOn(unit.trx, place, WAKING);
  let raised = 0;
  for (const [type, rule] of TABLE)
    for (const some of portionsFor(rule, events))
      for (const suspicion of await findSafely(deps, unit.trx, type, rule, some, place.lookedAt))
        if (await raise(deps, unit, type, rule, suspicion)) raised++;
  await moveOn(unit.trx, last, place);
  if (raised > 0) unit.afterCommit(() => webhook?.collect());
  return last !== undefined;
}

/** What wakes the rule, as much at a time as it looks at; nothing, once, where it looks all the same. */
function portionsFor({ wakes, alwaysLooks, eventsAtOnce }: Rule, events: readonly Watched[]): Watched[][] {
  const types: readonly string[] = wakes;
  const woken = types.length === 0 ? [] : events.filter(({ type }) => types.includes(type));
  if (woken.length === 0) return alwaysLooks ? [[]] : [];
  const size = Math.min(eventsAtOnce ?? USUAL_AT_ONCE, woken.length);
  return Array.from({ length: Math.ceil(woken.length / size) }, (_, at) =>
    woken.slice(at * size, (at + 1) * size),
  );
}

/** Inside a savepoint: a rule that cannot make sense of something must not keep the others from theirs. */
async function findSafely(
  { log }: WatcherDeps,
  trx: Knex,
  type: string,
  rule: Rule,
  events: readonly Watched[],
  lookedAt: Date,
): Promise<Suspicion[]> {
  const { windowSeconds, atLeast } = rule;
  const find = (inner: Knex) =>
    rule.find({ trx: inner, events, windowSeconds, atLeast, lookedAt } satisfies Looking);
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
