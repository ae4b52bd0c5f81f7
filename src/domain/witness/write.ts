import type { Knex } from 'knex';
import { recordAll } from '../audit.js';
import { newId, NO_ID } from '../ids.js';
import type { Sheet } from './sheet.js';

/**
 * Writes a sheet in one transaction. Should its commit have been lost on the way, writing the sheet again adds no event a
 * second time; counts may then be too high.
 */
export async function writeSheet(db: Knex, sheet: Sheet): Promise<void> {
  await db.transaction(async (trx) => {
    await writeEvents(trx, sheet);
    await writeAcceptances(trx, sheet);
    await writeSightings(trx, sheet);
    await writeServed(trx, sheet);
  });
}

async function writeEvents(trx: Knex, { events }: Sheet): Promise<void> {
  await recordAll(
    trx,
    [...events.values()].map(({ id, type, outcome, actor, subject, client, details, count }) => ({
      id,
      client,
      entry: {
        type,
        outcome,
        ...(actor === null ? {} : { actor }),
        ...(subject === null ? {} : { subject }),
        details: { ...details, count },
      },
    })),
  );
}

// In one order everywhere, so that two processes that add to the same rows wait for each other and do not block.
const ADD_ACCEPTANCES = `
  insert into verification_counts (day, service_id, account_id, accepted)
  select (now() at time zone 'UTC')::date, service, account, times
  from unnest(?::uuid[], ?::uuid[], ?::bigint[]) as told (service, account, times)
  order by service, account
  on conflict (day, service_id, account_id) do update set accepted = verification_counts.accepted + excluded.accepted`;

async function writeAcceptances(trx: Knex, { accepted }: Sheet): Promise<void> {
  const rows = [...accepted].flatMap(([service, accounts]) =>
    [...accounts].map(([account, times]) => [service === '' ? NO_ID : service, account, times] as const),
  );
  if (rows.length === 0) return;
  await trx.raw(ADD_ACCEPTANCES, columnsOf(rows));
}

const ADD_SIGHTINGS = `
  insert into session_sightings (session_id, network)
  select session, network from unnest(?::uuid[], ?::text[]) as told (session, network)
  order by session, network
  on conflict (session_id, network) do update set last_seen_at = now()`;

async function writeSightings(trx: Knex, { sightings }: Sheet): Promise<void> {
  const rows = [...sightings.values()].map(({ sessionId, network }) => [sessionId, network] as const);
  if (rows.length === 0) return;
  await trx.raw(ADD_SIGHTINGS, columnsOf(rows));
}

// Where a token is used for the first time, that is an event; a token that is gone meanwhile is nobody's.
const ADD_SERVED = `
  insert into service_token_sightings (token_id, network, requests)
  select t.id, network_of(u.address, 16, 32), sum(u.requests)
  from unnest(?::uuid[], ?::text[], ?::bigint[]) as u (token, address, requests)
  join service_tokens t on t.id = u.token
  group by 1, 2 order by 1, 2
  on conflict (token_id, network) do update
    set last_seen_at = now(), requests = service_token_sightings.requests + excluded.requests
  returning token_id as token, network, xmax = 0 as "isNew"`;

async function writeServed(trx: Knex, { served }: Sheet): Promise<void> {
  const rows = [...served.values()].map((one) => [one.tokenId, one.ipAddress, one.requests] as const);
  if (rows.length === 0) return;
  const { rows: written } = await trx.raw<{ rows: { token: string; network: string; isNew: boolean }[] }>(
    ADD_SERVED,
    columnsOf(rows),
  );
  await recordAll(
    trx,
    written
      .filter(({ isNew }) => isNew)
      .map(({ token, network }) => ({
        id: newId(),
        client: undefined,
        entry: { type: 'service_token.seen', subject: token, details: { network } },
      })),
  );
}

/** Rows turned into one array for each column, as unnest takes them. */
function columnsOf(rows: readonly (readonly (string | number)[])[]): Knex.RawBinding[] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column])) as unknown as Knex.RawBinding[];
}
