import { SessionModel } from '../../db/models/session.js';
import type { Unit } from '../../db/transaction.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { revoke, type Feed } from '../revocations.js';

type EndReason =
  | 'signed_out'
  | 'revoked'
  | 'refresh_reused'
  | 'account_suspended'
  | 'account_deleted'
  | 'password_changed'
  | 'password_reset'
  | 'factors_changed'
  | 'email_changed'
  | 'email_change_undone';

interface Ending {
  reason: EndReason;
  actor?: string;
  client?: Client;
  /** A session of the same account that goes on. */
  except?: string;
}

/** Ends live sessions of one account: all, or the one named. @returns how many ended */
export async function endSessions(
  feed: Feed,
  unit: Unit,
  userId: string,
  sessionId: string | undefined,
  ending: Ending,
): Promise<number> {
  const query = SessionModel.query(unit.trx).where({ userId }).whereNull('endedAt');
  if (sessionId !== undefined) void query.where({ id: sessionId });
  if (ending.except !== undefined) void query.whereNot({ id: ending.except });
  const ended = await query
    .patch({ endedAt: unit.trx.raw('now()'), endReason: ending.reason })
    .returning('id');
  for (const { id } of ended) {
    const actor = ending.actor === undefined ? {} : { actor: ending.actor };
    await record(unit.trx, ending.client, {
      type: 'session.ended',
      ...actor,
      subject: userId,
      details: { session: id, reason: ending.reason },
    });
  }
  if (ended.length > 0) revoke(feed, unit, ...ended.map(({ id }) => ({ kind: 'session' as const, key: id })));
  return ended.length;
}
