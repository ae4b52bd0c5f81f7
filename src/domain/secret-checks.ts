import type { Knex } from 'knex';
import { SessionModel } from '../db/models/session.js';
import type { UserModel } from '../db/models/user.js';
import type { Client } from './client.js';
import type { Device } from './devices.js';
import {
  countFailure,
  noteFailure,
  release,
  reserve,
  type Count,
  type Limiters,
  type Reserved,
  type Wanted,
} from './limits.js';

/** Who tries to prove a secret of which account, and from where: it decides whose budget pays. */
export interface Trial {
  /** The account's emailKey; the normalised login where nobody has it, so that both are counted alike. */
  readonly account: string;
  readonly from: Device | { readonly sessionId: string } | undefined;
  readonly client: Client;
  /** Where the statement that takes the points of its budget does something else as well. */
  readonly count?: Count | undefined;
}

/** A try from within a session: it draws on the device that the session was opened from, or else on its own budget. */
export async function trialInSession(
  db: Knex,
  { emailKey: account }: UserModel,
  sessionId: string,
  client: Client,
): Promise<Trial> {
  const session = await SessionModel.query(db).findById(sessionId).select('deviceId');
  const deviceId = session?.deviceId ?? null;
  const from = deviceId === null ? { sessionId } : { id: deviceId, isCurrent: true };
  return { account, from, client };
}

/**
 * Does `work` within the budget of secret checks: a point is taken before, stays taken where `work` says that the secret
 * was wrong, and is given back where it was right or could not be looked at. Nothing else gives points back.
 * @throws {AuthError} RATE_LIMITED, and what `work` throws
 * @see test/attack/throttling.test.ts
 */
export async function withinBudget<T>(
  limiters: Limiters,
  trial: Trial,
  work: (wrong: () => void) => Promise<T>,
): Promise<T> {
  const reserved = await reserve(limiters, budgetsOf(trial), undefined, trial.count);
  const found: { outcome: 'right' | 'wrong' | 'unknown' } = { outcome: 'right' };
  try {
    return await work(() => {
      found.outcome = 'wrong';
    });
  } catch (error) {
    if (found.outcome === 'right') found.outcome = 'unknown';
    throw error;
  } finally {
    limiters.meters.tried(found.outcome);
    await (found.outcome === 'wrong' ? keep(limiters, trial, reserved) : release(limiters, reserved));
  }
}

/** Whoever a secret was wrong for, strangers pay for it as well: nobody gets two budgets by having a device. */
async function keep(limiters: Limiters, trial: Trial, reserved: Reserved): Promise<void> {
  await noteFailure(limiters, reserved);
  if (trial.from) await countFailure(limiters, ofStrangers(trial));
}

const ofStrangers = ({ account: key }: Trial): Wanted => ({ name: 'secretChecks', key });

/** A known device and a session answer for themselves alone: nobody else's failures shut them out. */
function budgetsOf(trial: Trial): Wanted[] {
  const { account, from } = trial;
  if (from && 'sessionId' in from) return [{ name: 'secretChecksInSession', key: from.sessionId }];
  if (from?.isCurrent === true) return [{ name: 'secretChecksOnDevice', key: from.id }];
  const own = from ? ({ name: 'secretChecksOnFormerDevices', key: account } as const) : ofStrangers(trial);
  return [own, ...budgetsOfStrangers(trial.client)];
}

/** What many accounts are tried by at once. */
function budgetsOfStrangers({ network, service }: Client): Wanted[] {
  return [
    ...(network === null ? [] : [{ name: 'failuresFromAddress', key: network } as const]),
    ...(service === undefined ? [] : [{ name: 'failuresByService', key: service } as const]),
    { name: 'failuresOverall', key: 'all' },
  ];
}
