import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { AuditEventModel } from '../../db/models/audit-event.js';
import type { Looking, Suspicion } from './rule.js';

/** One sign-in of the past. */
interface SignIn {
  occurredAt: Date;
  location: string | null;
  /** The network at large: an IPv4 /16 or an IPv6 /32, within which a provider moves its customers about. */
  network: string | null;
}

/** The latest so many tell what somebody is used to. */
const MOST_REMEMBERED = 500;

const SIGN_INS = `
  select occurred_at as "occurredAt", details->>'location' as location, network_of(ip_address, 16, 32) as network
  from audit_events
  where subject = ? and type = 'sign_in.succeeded' and occurred_at > ?::timestamptz - ? * interval '1 second'`;
const EARLIER = `${SIGN_INS} and (occurred_at, id) < (?, ?) order by occurred_at desc, id desc limit ${MOST_REMEMBERED}`;
const THIS_ONE = `${SIGN_INS} and id = ?`;

async function recall(
  { trx, windowSeconds }: Looking,
  { id, subject, occurredAt }: AuditEventModel,
): Promise<{ now: SignIn | undefined; earlier: SignIn[] }> {
  const since = [subject ?? '', occurredAt, windowSeconds];
  const [now] = await read(trx, THIS_ONE, [...since, id]);
  return { now, earlier: await read(trx, EARLIER, [...since, occurredAt, id]) };
}

const read = async (trx: Knex, sql: string, values: Knex.RawBinding[]): Promise<SignIn[]> =>
  (await trx.raw<{ rows: SignIn[] }>(sql, values)).rows;

/** Days over which a history must reach before its hours say anything. */
const LEAST_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Hours to either side that count as the same. */
const USUAL_HOURS = 2;

/** Sign-ins at an hour at which the account is never awake. */
export async function findUnusualHours(looking: Looking): Promise<Suspicion[]> {
  const found: Suspicion[] = [];
  for (const event of looking.events) {
    const { earlier } = await recall(looking, event);
    const oldest = earlier.at(-1)?.occurredAt ?? event.occurredAt;
    const isLong = event.occurredAt.getTime() - oldest.getTime() >= LEAST_DAYS * DAY_MS;
    if (earlier.length < looking.atLeast || !isLong) continue;
    const hour = event.occurredAt.getUTCHours();
    if (earlier.some(({ occurredAt }) => hoursBetween(occurredAt.getUTCHours(), hour) <= USUAL_HOURS))
      continue;
    const { subject, details } = event;
    found.push({
      about: subject ?? '',
      subject,
      event: event.id,
      details: { hour, session: details?.['session'] },
    });
  }
  return found;
}

/** Around the clock: from 23 to 1 it is two. */
function hoursBetween(one: number, other: number): number {
  const apart = Math.abs(one - other);
  return Math.min(apart, 24 - apart);
}

/** Sign-ins from where the account was never used before. */
export async function findNewPlaces(looking: Looking): Promise<Suspicion[]> {
  const found: Suspicion[] = [];
  for (const event of looking.events) {
    const { now, earlier } = await recall(looking, event);
    const place = now && newPlace(now, earlier, looking.atLeast);
    if (place) found.push(describe(event, place));
  }
  return found;
}

/** Tells places apart without naming them: what a suspicion is about outlives the erasure of an account. */
const digest = (place: string) => createHash('sha256').update(place).digest('base64url');

interface Place {
  kind: 'location' | 'network';
  name: string;
}

/** By location, where it is known of enough earlier sign-ins as well to say that it is new; else by network. */
function newPlace(now: SignIn, earlier: readonly SignIn[], atLeast: number): Place | undefined {
  for (const kind of ['location', 'network'] as const) {
    const name = now[kind];
    const known = earlier.map((signIn) => signIn[kind]).filter((one) => one !== null);
    if (name === null) continue;
    if (known.includes(name)) return undefined;
    if (known.length >= atLeast) return { kind, name };
  }
  return undefined;
}

function describe({ id, subject, occurredAt, ipAddress, details }: AuditEventModel, place: Place): Suspicion {
  const mailed = place.kind === 'location' ? place.name : ipAddress;
  return {
    about: `${subject ?? ''} ${digest(place.name)}`,
    severity: place.kind === 'location' ? 'MEDIUM' : 'LOW',
    subject,
    event: id,
    details: { [place.kind]: place.name, session: details?.['session'] },
    tell: { kind: 'new place', at: occurredAt, place: mailed },
  };
}
