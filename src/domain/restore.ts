import type { Knex } from 'knex';
import type { Config } from '../config.js';
import { MailModel } from '../db/models/mail.js';
import { OutboxModel } from '../db/models/outbox.js';
import { ServiceTokenModel } from '../db/models/service-token.js';
import { SessionModel } from '../db/models/session.js';
import { WebhookDeliveryModel } from '../db/models/webhook-delivery.js';
import { transaction, type Unit } from '../db/transaction.js';
import { record } from './audit.js';
import { resumeRecord } from './ledger.js';
import { byNotifyAlone, beginAnew, revoke } from './revocations.js';
import { replaceKeys } from './tokens.js';

/** How much of what a backup held is void now. */
export interface Voided {
  sessions: number;
  keys: number;
  /** Mailed secrets, and sign-ins that waited for their second factor. */
  links: number;
  /** Mails and words to the webhook that waited, and were sent since. */
  mails: number;
  serviceTokens: number;
  /** Service tokens that live on: some of them may have been revoked since. */
  liveServiceTokens: number;
}

/**
 * Raises the authorization epoch of a database that was restored from a backup: what was spent, ended or revoked since lives
 * again in it, so nothing that was handed out before counts any more. People sign in again; their passwords and factors are
 * those of the backup.
 */
export async function raiseEpoch(
  { db, config }: { db: Knex; config: Config },
  { endsServiceTokens }: { endsServiceTokens: boolean },
): Promise<Voided> {
  await resumeRecord(db);
  return transaction(db, async (unit) => {
    await beginAnew(unit);
    const sessions = await endEverySession(unit);
    const keys = await replaceKeys({ config, feed: byNotifyAlone }, unit);
    const serviceTokens = endsServiceTokens ? await endServiceTokens(unit) : 0;
    await record(unit.trx, undefined, {
      type: 'database.restored',
      details: { sessions, keys, serviceTokens },
    });
    return {
      sessions,
      keys,
      links: await voidSecrets(unit),
      mails: await dropWaiting(unit),
      serviceTokens,
      liveServiceTokens: await live(unit).resultSize(),
    };
  });
}

const now = ({ trx }: Unit) => trx.raw('now()') as unknown as Date;

// Without an entry for each: no token of theirs is signed by a key that is trusted.
const endEverySession = async (unit: Unit): Promise<number> =>
  await SessionModel.query(unit.trx)
    .whereNull('endedAt')
    .patch({ endedAt: now(unit), endReason: 'restored' });

/** What can be used once, and may have been. */
const ONCE = ['oneTimeTokens', 'mfaChallenges', 'webauthnChallenges'];

async function voidSecrets(unit: Unit): Promise<number> {
  let count = 0;
  for (const table of ONCE)
    count += await unit
      .trx(table)
      .whereNull('usedAt')
      .update({ usedAt: now(unit) });
  return count;
}

async function dropWaiting({ trx }: Unit): Promise<number> {
  const mails = (await MailModel.query(trx).delete()) + (await OutboxModel.query(trx).delete());
  return mails + (await WebhookDeliveryModel.query(trx).delete());
}

const live = ({ trx }: Unit) =>
  ServiceTokenModel.query(trx)
    .whereNull('revokedAt')
    .where((either) => void either.whereNull('expiresAt').orWhere('expiresAt', '>', trx.raw('now()')));

async function endServiceTokens(unit: Unit): Promise<number> {
  const ended = await live(unit)
    .patch({ revokedAt: now(unit) })
    .returning(['id', 'serviceId']);
  for (const { id, serviceId } of ended) {
    const details = { service: serviceId };
    await record(unit.trx, undefined, { type: 'service_token.revoked', subject: id, details });
    revoke(byNotifyAlone, unit, { kind: 'roles', key: id, status: 'ENDED' });
  }
  return ended.length;
}
