import type { Looking, Suspicion, Watched } from './rule.js';

/** In words that the index of failures knows. */
const FAILED = "('sign_in.failed', 'password.refused', 'mfa.failed')";
/** An event bears the time at which its transaction began: one may be seen before another that is a little older. */
const SLACK = "interval '10 seconds'";

const BY_ACCOUNT = `
  select e.id as event, e.subject, count(*) as failures
  from audit_events e join audit_events f
    on f.subject = e.subject and f.type in ${FAILED}
    and f.occurred_at > e.occurred_at - ? * interval '1 second' and f.occurred_at <= e.occurred_at + ${SLACK}
  where e.id = any(?)
  group by e.id, e.subject having count(*) >= ? order by e.id`;

/** Many failed checks of one account's secrets. */
export async function findFailuresByAccount(looking: Looking): Promise<Suspicion[]> {
  const { trx, windowSeconds, atLeast, events } = looking;
  const { rows } = await trx.raw<{ rows: { event: string; subject: string; failures: number }[] }>(
    BY_ACCOUNT,
    [windowSeconds, idsOf(events), atLeast],
  );
  return rows.map(({ event, subject, failures }) => ({
    about: subject,
    subject,
    event,
    details: { failures },
  }));
}

const BY_ADDRESS = `
  select e.id as event, network_of(e.ip_address, 32, 64) as network, count(*) as failures,
    count(distinct f.subject) as accounts
  from audit_events e join audit_events f
    on network_of(f.ip_address, 32, 64) = network_of(e.ip_address, 32, 64) and f.type in ${FAILED}
    and f.occurred_at > e.occurred_at - ? * interval '1 second' and f.occurred_at <= e.occurred_at + ${SLACK}
  where e.id = any(?)
  group by e.id having count(*) >= ? order by e.id`;

/** So many known accounts that were tried from one network are not one person's. */
const MANY_ACCOUNTS = 5;

interface AddressRow {
  event: string;
  network: string;
  failures: number;
  accounts: number;
}

/** Many failed checks of secrets from one network. */
export async function findFailuresByAddress(looking: Looking): Promise<Suspicion[]> {
  const { trx, windowSeconds, atLeast, events } = looking;
  const { rows } = await trx.raw<{ rows: AddressRow[] }>(BY_ADDRESS, [windowSeconds, idsOf(events), atLeast]);
  return rows.map(({ event, ...details }) => {
    const severity = details.accounts >= MANY_ACCOUNTS ? 'HIGH' : 'MEDIUM';
    // What became worse is told again.
    return { about: `${details.network} ${severity}`, severity, subject: null, event, details };
  });
}

const OF_ALL = `
  select count(*) as failures, count(distinct f.subject) as accounts,
    count(distinct network_of(f.ip_address, 32, 64)) as networks
  from audit_events f where f.type in ${FAILED} and f.occurred_at > now() - ? * interval '1 second'`;

/** Many failed checks of many accounts' secrets, wherever from: somebody goes through a list. */
export async function findStuffing({ trx, windowSeconds, atLeast, events }: Looking): Promise<Suspicion[]> {
  const { rows } = await trx.raw<{ rows: Record<'failures' | 'accounts' | 'networks', number>[] }>(OF_ALL, [
    windowSeconds,
  ]);
  const [details] = rows;
  const event = events.at(-1);
  if (!details || !event || details.failures < atLeast) return [];
  return [{ about: 'everybody', subject: null, event: event.id, details }];
}

const idsOf = (events: readonly Watched[]) => events.map(({ id }) => id);
