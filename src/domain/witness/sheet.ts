import type { EventType } from '../audit.js';
import type { Client } from '../client.js';
import { isId, newId } from '../ids.js';

/** Types of event that are gathered. */
export type GatheredType = Extract<
  EventType,
  'access.denied' | 'token.refused' | 'service_token.exchanged' | 'token.exchanged'
>;

/** What alike happenings have in common. */
export interface Sample {
  outcome: 'SUCCESS' | 'FAILURE' | 'DENIED';
  actor: string | null;
  subject: string | null;
  client: Client | undefined;
  details: Record<string, string | null>;
}

/** Alike happenings, as one event to be; its id is made at once, so that writing it twice writes it once. */
export interface Gathered extends Sample {
  id: string;
  type: GatheredType;
  count: number;
}

/** One page of notes; bounded, however much happens. */
export interface Sheet {
  readonly events: Map<string, Gathered>;
  /** By service ('' for none), then by account. */
  readonly accepted: Map<string, Map<string, number>>;
  readonly sightings: Map<string, { sessionId: string; network: string }>;
  /** By service token and address. */
  readonly served: Map<string, { tokenId: string; ipAddress: string; requests: number }>;
  acceptances: number;
  /** How often it could not be written. */
  failures: number;
  readonly isEmpty: boolean;
}

/** So many different events are kept apart; those beyond are counted together, by type. */
const MOST_EVENTS = 500;
/** So many pairs of account and service; a write of more would take longer than a statement may. */
const MOST_ACCEPTANCES = 20_000;
const MOST_SIGHTINGS = 10_000;

export function emptySheet(): Sheet {
  const events = new Map<string, Gathered>();
  const accepted = new Map<string, Map<string, number>>();
  const sightings: Sheet['sightings'] = new Map();
  const served: Sheet['served'] = new Map();
  return {
    events,
    accepted,
    sightings,
    served,
    acceptances: 0,
    failures: 0,
    get isEmpty() {
      return events.size + accepted.size + sightings.size + served.size === 0;
    },
  };
}

/** Counts one happening of a kind; `sample` is asked for only where it is the first. @returns whether the sheet is full */
export function note(sheet: Sheet, type: GatheredType, key: string, sample: () => Sample): boolean {
  const known = sheet.events.get(`${type} ${key}`);
  if (known) known.count++;
  else if (sheet.events.size < MOST_EVENTS)
    sheet.events.set(`${type} ${key}`, { id: newId(), type, count: 1, ...sample() });
  else collapse(sheet, type, sample);
  return sheet.events.size >= MOST_EVENTS;
}

/** Beyond the bound only the type, the outcome and the number remain. */
function collapse(sheet: Sheet, type: GatheredType, sample: () => Sample): void {
  const { outcome } = sample();
  const key = `${type} beyond ${outcome}`;
  const known = sheet.events.get(key);
  if (known) known.count++;
  else
    sheet.events.set(key, {
      id: newId(),
      type,
      count: 1,
      outcome,
      actor: null,
      subject: null,
      client: undefined,
      details: {},
    });
}

/** Counts one accepted verification. @returns whether the sheet is full; one beyond is not counted */
export function noteAcceptance(sheet: Sheet, accountId: string, serviceId: string | null): boolean {
  const service = serviceId ?? '';
  let accounts = sheet.accepted.get(service);
  if (!accounts) {
    accounts = new Map<string, number>();
    sheet.accepted.set(service, accounts);
  }
  const before = accounts.get(accountId);
  if (before === undefined && (sheet.acceptances >= MOST_ACCEPTANCES || !isId(accountId)))
    return sheet.acceptances >= MOST_ACCEPTANCES;
  if (before === undefined) sheet.acceptances++;
  accounts.set(accountId, (before ?? 0) + 1);
  return sheet.acceptances >= MOST_ACCEPTANCES;
}

/** Keeps a sighting. @returns whether the sheet is full; one beyond is not kept */
export function noteSighting(sheet: Sheet, sessionId: string, network: string): boolean {
  if (sheet.sightings.size < MOST_SIGHTINGS)
    sheet.sightings.set(`${sessionId} ${network}`, { sessionId, network });
  return sheet.sightings.size >= MOST_SIGHTINGS;
}

/** Counts a request of a service. @returns whether the sheet is full; one from elsewhere beyond that is not counted */
export function noteServed(sheet: Sheet, tokenId: string, ipAddress: string): boolean {
  const known = sheet.served.get(`${tokenId} ${ipAddress}`);
  if (known) known.requests++;
  else if (sheet.served.size < MOST_SIGHTINGS)
    sheet.served.set(`${tokenId} ${ipAddress}`, { tokenId, ipAddress, requests: 1 });
  return sheet.served.size >= MOST_SIGHTINGS;
}
