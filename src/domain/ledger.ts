import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { Duty } from '../db/standing.js';
import type { Clock } from './clock.js';
import { anchorOf, type Seal } from './ledger/blocks.js';
import { purgeNext } from './ledger/retention.js';
import { isStillThere, sealNext, type Sealed } from './ledger/seal.js';

export { verifyRecord, type Finding, type VerifyOptions, type Verified } from './ledger/verify.js';

/** Seals the audit record in the background, block by block, and removes what need not be kept any longer. */
export interface Sealer {
  /** Seals whatever can be sealed now. @throws when the database is away */
  seal(): Promise<void>;
  /** Removes what AUDIT_RETENTION_DAYS says. @throws when the database is away, or the record is not what was sealed */
  purge(): Promise<void>;
  /** Seals once more, and stops. */
  close(): Promise<void>;
}

interface SealerDeps {
  db: Knex;
  duty: Duty;
  config: Config;
  clock: Clock;
  log: Logger;
}

const SEAL_EVERY_MS = 5000;
/** Ids of events in one line of the log. */
const MOST_NAMED = 20;
const HOUR_MS = 3_600_000;

/** Makes certain that positions go on where they left off. @returns whether they did not, as in a database that was restored */
export async function resumeRecord(db: Knex): Promise<boolean> {
  const { rows } = await db.raw<{ rows: { resumed: boolean }[] }>('select resume_audit() as resumed');
  return rows[0]?.resumed === true;
}

/** Starts sealing, once it is certain that positions go on where they left off. */
export async function openSealer(deps: SealerDeps): Promise<Sealer> {
  const { db, config, clock, log } = deps;
  if (await resumeRecord(db))
    log.info('this database was restored; the audit record goes on after its last seal');
  const state: { known: Seal | undefined; told: number; purged: number; working: Promise<void> } = {
    known: undefined,
    told: -Infinity,
    purged: -Infinity,
    working: Promise.resolve(),
  };
  const seal = async () => {
    await requireKnown();
    for (
      let made = await sealNext(db, config.encryptionKeys);
      made;
      made = await sealNext(db, config.encryptionKeys)
    )
      tell(made);
  };
  const requireKnown = async () => {
    if (!state.known || (await isStillThere(db, state.known))) return;
    log.error(
      { anchor: anchorOf(state.known) },
      'a seal of the audit record is gone; run npm run audit:verify',
    );
    state.known = undefined;
  };
  // Now and then at a level that is kept, so that there is an anchor outside of the database.
  const tell = (made: Sealed) => {
    state.known = made.seal;
    if (made.strangers.length > 0)
      log.error(
        { events: made.strangers.slice(0, MOST_NAMED), count: made.strangers.length },
        'there are events on record that this service did not write; run npm run audit:verify',
      );
    const isDue = clock.monotonic() - state.told >= HOUR_MS;
    if (isDue) state.told = clock.monotonic();
    log[isDue ? 'info' : 'debug'](
      { anchor: anchorOf(made.seal), events: made.seal.events },
      'audit events sealed',
    );
  };
  const purge = async () => {
    const { retentionDays } = config.audit;
    if (retentionDays === 0) return;
    for (;;) {
      const purged = await purgeNext(db, config.encryptionKeys, retentionDays);
      if (!purged) return;
      log.info(purged, 'old audit events removed');
    }
  };
  const round = async () => {
    await seal().catch((error: unknown) =>
      log.warn({ err: error }, 'the audit record could not be sealed yet'),
    );
    if (clock.monotonic() - state.purged < HOUR_MS) return;
    state.purged = clock.monotonic();
    await purge().catch((error: unknown) =>
      log.error({ err: error }, 'old audit events could not be removed'),
    );
  };
  /** One piece of work after the other: the lock would let the second one go home. */
  const inTurn = (work: () => Promise<void>) => {
    const done = state.working.then(work);
    state.working = done.catch(() => undefined);
    return done;
  };
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy || !deps.duty.isOnDuty) return;
    isBusy = true;
    void inTurn(round).finally(() => (isBusy = false));
  }, SEAL_EVERY_MS).unref();
  return {
    seal: () => inTurn(seal),
    purge: () => inTurn(purge),
    async close() {
      clearInterval(timer);
      await inTurn(seal).catch((error: unknown) =>
        log.warn({ err: error }, 'the audit record could not be sealed'),
      );
    },
  };
}
