import type { Looking, Suspicion } from './rule.js';

/** Refresh tokens that came again after they were spent. */
export function findReuse({ events }: Looking): Promise<Suspicion[]> {
  const found = events.map(({ id, subject, details, occurredAt }) => ({
    about: id,
    subject,
    details: { session: details?.['session'] },
    tell: { kind: 'refresh reuse' as const, at: occurredAt },
  }));
  return Promise.resolve(found);
}
