import type { Knex } from 'knex';
import { AuthError, badInput } from '../errors.js';
import type { Catalogue } from './catalogue.js';
import { takeTurns } from './turns.js';

/** What a report covers: days of the calendar in UTC, both included; with a service, only accounts that have access to it. */
export interface ReportRequest {
  /** YYYY-MM-DD. */
  from: string;
  /** YYYY-MM-DD. */
  to: string;
  serviceId?: string | null | undefined;
}

/** What happened on one day, among the accounts of one role, at one service or, without one, here. */
export interface ReportRow {
  /** YYYY-MM-DD, in UTC. */
  day: string;
  /** The role of highest rank that the account has now; null where no account is known. */
  role: string | null;
  /** Name of the service that asked; null for what happened here. */
  service: string | null;
  signIns: number;
  failures: number;
  denials: number;
  verifications: number;
  newAccounts: number;
  deletedAccounts: number;
}

const LONGEST_DAYS = 366;
const DAY_MS = 86_400_000;

/** Which events count as what. */
const COUNTED: Record<string, keyof ReportRow> = {
  'sign_in.succeeded': 'signIns',
  'sign_in.failed': 'failures',
  'mfa.failed': 'failures',
  'access.denied': 'denials',
  'token.refused': 'denials',
  'account.created': 'newAccounts',
  'account.deleted': 'deletedAccounts',
};

/** Each reads as much as a year's events. */
const turns = takeTurns({ atOnce: 1, longest: 50, message: 'Too many reports are being made right now.' });

// What an event tells of the account, as an id where it can be one.
const ACCOUNT = `case when coalesce(subject, actor) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then coalesce(subject, actor)::uuid end`;

const REPORT = `
  with happened as (
    select (occurred_at at time zone 'UTC')::date as day, ${ACCOUNT} as account, (details->>'service') as service,
           type, coalesce((details->>'count')::bigint, 1) as times
    from audit_events
    where occurred_at >= (:from)::timestamp at time zone 'UTC'
      and occurred_at < ((:to)::timestamp + interval '1 day') at time zone 'UTC' and type = any(:types)
    union all
    select day, account_id, nullif(service_id, '00000000-0000-0000-0000-000000000000')::text, 'verified', accepted
    from verification_counts where day between :from and :to
  ), concerned as (
    select h.*, (select r.name from user_roles u join roles r on r.id = u.role_id where u.user_id = h.account
                 order by r.rank desc, r.name limit 1) as role
    from happened h
    where (:service)::uuid is null or h.service = :service
       or (h.service is null and exists (
            select from service_access a where a.user_id = h.account and a.service_id = (:service)::uuid))
  )
  select c.day::text as day, c.role, s.name as service, c.type, sum(c.times)::bigint as times
  from concerned c left join services s on s.id::text = c.service
  group by 1, 2, 3, 4 order by 1, 2 nulls last, 3 nulls first`;

/**
 * Counts sign-ins, failures, denials, accepted verifications, new and deleted accounts by day, role and service.
 * Reports are made one after the other.
 * @throws {AuthError} BAD_USER_INPUT for days that do not follow one another or are more than 366, NOT_FOUND for an unknown
 *   service, RATE_LIMITED or SERVICE_UNAVAILABLE when too many ask for one
 */
export async function accessReport(
  { db, catalogue }: { db: Knex; catalogue: Catalogue },
  request: ReportRequest,
): Promise<ReportRow[]> {
  requireSoundPeriod(request);
  const service = request.serviceId?.toLowerCase() ?? null;
  if (service !== null && !catalogue.service(service)) throw new AuthError('NOT_FOUND');
  const { from, to } = request;
  const { rows } = await turns(db, () =>
    db.raw<{ rows: Counted[] }>(REPORT, { from, to, service, types: Object.keys(COUNTED) }),
  );
  return [...gather(rows).values()];
}

interface Counted {
  day: string;
  role: string | null;
  service: string | null;
  type: string;
  times: string | number;
}

function gather(counted: readonly Counted[]): Map<string, ReportRow> {
  const rows = new Map<string, ReportRow>();
  for (const { day, role, service, type, times } of counted) {
    const key = JSON.stringify([day, role, service]);
    const row = rows.get(key) ?? { ...NOTHING, day, role, service };
    const column = COUNTED[type] ?? 'verifications';
    rows.set(key, { ...row, [column]: Number(row[column]) + Number(times) });
  }
  return rows;
}

const NOTHING = { signIns: 0, failures: 0, denials: 0, verifications: 0, newAccounts: 0, deletedAccounts: 0 };

function requireSoundPeriod({ from, to }: ReportRequest): void {
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1) throw badInput([{ name: 'to', message: 'Must not be before `from`.' }]);
  if (days > LONGEST_DAYS)
    throw badInput([{ name: 'to', message: `Must be at most ${LONGEST_DAYS} days after \`from\`.` }]);
}

const COLUMNS = {
  day: 'day',
  role: 'role',
  service: 'service',
  sign_ins: 'signIns',
  failures: 'failures',
  denials: 'denials',
  verifications: 'verifications',
  new_accounts: 'newAccounts',
  deleted_accounts: 'deletedAccounts',
} as const satisfies Record<string, keyof ReportRow>;

/** A report as comma-separated values with a line of headings (RFC 4180). Names of roles and services hold no sign that needs quoting. */
export function reportAsCsv(rows: readonly ReportRow[]): string {
  const lines = rows.map((row) => Object.values(COLUMNS).map((column) => row[column] ?? ''));
  return [Object.keys(COLUMNS), ...lines].map((line) => `${line.join(',')}\r\n`).join('');
}
