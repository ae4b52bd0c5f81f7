import { AlertModel } from '../../db/models/alert.js';
import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { isId, newId } from '../ids.js';
import { sendSuspicionNotice, type NoticeDeps } from '../mail.js';
import type { Rule, Suspicion } from './rule.js';
import { postAlert } from './webhook.js';

/**
 * Raises an alert, has the webhook told and the account's owner, unless the rule has been heard about the same lately.
 * @returns whether it was raised
 */
export async function raise(
  deps: NoticeDeps,
  unit: Unit,
  type: string,
  rule: Rule,
  found: Suspicion,
): Promise<boolean> {
  const suspicion = `${type} ${found.about}`;
  if (await wasHeard(unit, suspicion, rule.quietSeconds)) return false;
  const row = {
    id: newId(),
    type,
    severity: found.severity ?? rule.severity,
    subject: found.subject,
    details: found.details,
    suspicion,
    dedupeKey: found.event === undefined ? suspicion : `${suspicion} ${found.event}`,
  };
  const [alert] = await unit
    .trx<AlertModel>('securityAlerts')
    .insert(row)
    .onConflict('dedupeKey')
    .ignore()
    .returning('*');
  if (!alert) return false;
  if (deps.config.webhook) await postAlert(unit.trx, alert);
  if (found.tell) await tellOwner(deps, unit, found);
  return true;
}

async function wasHeard({ trx }: Unit, suspicion: string, quietSeconds: number): Promise<boolean> {
  const query = AlertModel.query(trx).where({ suspicion }).select('id');
  if (Number.isFinite(quietSeconds))
    void query.whereRaw("raised_at > now() - ? * interval '1 second'", [quietSeconds]);
  return (await query.first()) !== undefined;
}

async function tellOwner(deps: NoticeDeps, unit: Unit, { subject, tell }: Suspicion): Promise<void> {
  if (subject === null || !tell || !isId(subject)) return;
  const user = await UserModel.query(unit.trx).findById(subject).whereNull('deletedAt');
  if (user) await sendSuspicionNotice(deps, unit, user, tell);
}
