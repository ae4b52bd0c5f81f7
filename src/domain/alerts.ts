import { openWatcher, type WatcherDeps } from './alerts/watcher.js';
import { openWebhook, type WebhookDeps } from './alerts/webhook.js';

export type { AlertModel as StoredAlert } from '../db/models/alert.js';
export { acknowledgeAlert, listAlerts } from './alerts/list.js';
export { purgeAlerts } from './alerts/purge.js';
export { rules } from './alerts/rules.js';

/** What raises alerts and has them told. */
export interface Alerts {
  close(): Promise<void>;
}

/** Starts watching the audit record and, where a webhook is configured, telling it what was found. */
export function openAlerts(deps: WatcherDeps & WebhookDeps): Alerts {
  const webhook = openWebhook(deps);
  const watcher = openWatcher(deps, webhook);
  return {
    async close() {
      await watcher.close();
      await webhook?.close();
    },
  };
}
