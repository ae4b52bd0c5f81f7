import type { Knex } from 'knex';
import { AlertModel } from '../../db/models/alert.js';
import { AuthError } from '../../errors.js';
import { administer, type UserActor } from '../access.js';
import { administration } from '../administration.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { isId } from '../ids.js';
import { readPage, type Order, type Page, type PageRequest } from '../pages.js';

const newestFirst: Order<AlertModel> = {
  name: 'raised',
  column: 'raisedAt',
  type: 'timestamptz(3)',
  value: (alert) => alert.raisedAt.toISOString(),
  descending: true,
};

/** Alerts, newest first; of one status, where one is given. */
export async function listAlerts(
  db: Knex,
  request: PageRequest,
  status: AlertModel['status'] | null | undefined,
): Promise<Page<AlertModel>> {
  const query = AlertModel.query(db);
  if (status) void query.where({ status });
  return readPage(query, newestFirst, request);
}

/** Takes note of an alert; one that was taken note of before stays as it is. @throws {AuthError} NOT_FOUND, FORBIDDEN */
export async function acknowledgeAlert(
  { db }: { db: Knex },
  actor: UserActor,
  id: string,
  client: Client,
): Promise<AlertModel> {
  return administration(db, async ({ trx }) => {
    await administer(trx, actor, 'alerts:manage');
    const alert = isId(id) ? await AlertModel.query(trx).findById(id) : undefined;
    if (!alert) throw new AuthError('NOT_FOUND');
    const acknowledged = await AlertModel.query(trx)
      .findById(alert.id)
      .where({ status: 'OPEN' })
      .patch({
        status: 'ACKNOWLEDGED',
        acknowledgedAt: trx.raw('now()'),
        acknowledgedBy: actor.id,
      });
    if (acknowledged === 0) return alert;
    await record(trx, client, {
      type: 'alert.acknowledged',
      actor: actor.id,
      subject: alert.id,
      details: { rule: alert.type },
    });
    return AlertModel.query(trx).findById(alert.id).throwIfNotFound();
  });
}
