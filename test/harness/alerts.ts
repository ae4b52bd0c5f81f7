import { randomUUID } from 'node:crypto';
import type { TestApp } from './app.js';
import type { Look } from './look.js';
import { until } from './until.js';

/** An alert as the graph shows it. */
export interface Alert {
  id: string;
  type: string;
  severity: string;
  status: string;
  subject: string | null;
  raisedAt: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is in it depends on the type
  details: any;
}

const ALERTS = `query ($first: Int, $after: String, $status: AlertStatus) {
  securityAlerts(first: $first, after: $after, status: $status) {
    nodes { id type severity status subject raisedAt details acknowledgedAt acknowledgedBy } totalCount pageInfo { hasNextPage endCursor }
  }
}`;

/** Reads alerts as somebody. */
export const readAlerts = (
  app: Pick<TestApp, 'graphql'>,
  { access }: { access: string },
  variables: Record<string, unknown> = { first: 100 },
) => app.graphql(ALERTS, variables, { bearer: access });

/** Waits until everything recorded so far has been looked at, so that what is not there was not raised. */
export async function watched(look: Look): Promise<void> {
  const [now] = await look<{ position: number; at: Date }>(
    'select coalesce(max(position), 0) as position, clock_timestamp() as at from audit_events',
  );
  await until('the record was watched', async () => {
    const [cursor] = await look<{ done: boolean }>(
      'select position > $1 and looked_at > $2 as done from alert_cursor',
      [now?.position, now?.at],
    );
    return cursor?.done === true;
  });
}

/** Sign-ins of the past, which nobody looks at any more: written as they would stand in the record. */
export async function signedInBefore(
  look: Look,
  userId: string,
  times: readonly Date[],
  { ip = '127.0.0.1', location }: { ip?: string; location?: string } = {},
): Promise<void> {
  for (const at of times)
    await look(
      `insert into audit_events (id, occurred_at, type, outcome, actor, subject, ip_address, details, position)
       values ($1, $2, 'sign_in.succeeded', 'SUCCESS', $3, $3, $4, $5, 0)`,
      [
        randomUUID(),
        at,
        userId,
        ip,
        { session: randomUUID(), ...(location === undefined ? {} : { location }) },
      ],
    );
}
