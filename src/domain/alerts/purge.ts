import type { Knex } from 'knex';
import type { Config } from '../../config.js';
import { AlertModel } from '../../db/models/alert.js';

const BATCH = 5000;

/** Removes alerts that somebody took note of long ago; open ones stay, and so does what is on record of both. */
export async function purgeAlerts({ db, config }: { db: Knex; config: Config }): Promise<void> {
  const { retentionDays } = config.alerts;
  if (retentionDays === 0) return;
  const isOver = "acknowledged_at < now() - ? * interval '1 day'";
  const over = AlertModel.query(db).select('id').where({ status: 'ACKNOWLEDGED' }).limit(BATCH);
  await AlertModel.query(db)
    .delete()
    .whereIn('id', over.whereRaw(isOver, [retentionDays]));
}
