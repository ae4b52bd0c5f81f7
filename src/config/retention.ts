import { whole } from './processes.js';

const days = (fallback: number) =>
  whole()
    .refine((count) => count === 0 || (count >= 30 && count <= 36_500), 'must be 0, or from 30 to 36500')
    .default(fallback);

/** The variables that say for how many days things are kept; 0 is for ever. */
export const retentionVariables = { AUDIT_RETENTION_DAYS: days(0), ALERT_RETENTION_DAYS: days(365) };
