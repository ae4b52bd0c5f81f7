import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { isUnavailable } from '../errors.js';
import type { Client } from './client.js';
import { isId } from './ids.js';
import { emptySheet, note, noteAcceptance, noteServed, noteSighting, type Sheet } from './witness/sheet.js';
import { rememberSightings } from './witness/sightings.js';
import { writeSheet } from './witness/write.js';

export { purgeSightings } from './witness/sightings.js';

/** Somebody was kept from a field. */
export interface Denial {
  /** Id of the account or service that asked; null for a caller without a name. */
  actor: string | null;
  /** Type and field of the schema, as in `Mutation.deleteUser`; never a word of the caller's. */
  field: string;
  /** The code that the caller was told. */
  code: string;
  client: Client;
}

/** A verification was answered `valid: false`. */
export interface Refusal {
  /** A TokenRejection. */
  reason: string;
  /** Whom the token speaks of, where its signature was good. */
  subject?: string | null | undefined;
  /** The service that was asked about. */
  serviceId?: string | null | undefined;
  /** Id of the account or service that asked; null for the gateway and for callers without a name. */
  askedBy: string | null;
  client?: Client | undefined;
}

/** A verification was answered `valid: true`. */
export interface Acceptance {
  accountId: string;
  /** The service that was asked about; null for none. */
  serviceId: string | null;
}

/** A session was used from a network. */
export interface Sighting {
  sessionId: string;
  /** The IPv4 address or the IPv6 /64; null, which is not written, where only the gateway's is known. */
  network: string | null;
}

/** A service made a request for itself. */
export interface Serving {
  serviceId: string;
  /** Of the service token that proved it. */
  tokenId: string;
  /** Null, which is not written, where it is not known. */
  ipAddress: string | null;
}

/** A service token was exchanged for a JWT. */
export interface Exchange {
  serviceId: string;
  tokenId: string;
  /** Id of the service that the JWT is for. */
  audience: string;
  client: Client;
}

/** A token of a person was exchanged for one of ours, for one service. */
export interface Delegation {
  /** Id of the service that asked; null for the gateway. */
  askedBy: string | null;
  /** Whom the token speaks of. */
  subject: string | null;
  /** Id of the service that it is for. */
  audience: string;
  client: Client;
}

/**
 * Takes down what happens too often to be written one by one. All but `flush` and `close` answer at once and never
 * throw; what they are told is written within about a second, alike things as one with their count.
 */
export interface Witness {
  denied(denial: Denial): void;
  refused(refusal: Refusal): void;
  accepted(acceptance: Acceptance): void;
  seen(sighting: Sighting): void;
  served(serving: Serving): void;
  exchanged(exchange: Exchange): void;
  delegated(delegation: Delegation): void;
  /** Writes what was gathered so far. It does not throw: what cannot be written stays for the next time. */
  flush(): Promise<void>;
  /** Writes what is left, and stops. */
  close(): Promise<void>;
}

const FLUSH_EVERY_MS = 1000;
/** A sheet that PostgreSQL refuses so often, for another reason than being away, would be refused for ever. */
const MOST_TRIES = 10;

/** What is refused to a subject in good standing, rather than a bad token. */
const DENIALS: ReadonlySet<string> = new Set(['NO_SERVICE_ACCESS', 'MISSING_PERMISSION']);

/** Starts gathering; `db` is where it is written to. */
export function openWitness({ db, log }: { db: Knex; log: Logger }): Witness {
  const sightings = rememberSightings();
  const state: { sheet: Sheet; unwritten: Sheet | undefined; writing: Promise<void> | undefined } = {
    sheet: emptySheet(),
    unwritten: undefined,
    writing: undefined,
  };
  const writeOne = async (sheet: Sheet) => {
    await writeSheet(db, sheet);
    state.unwritten = undefined;
  };
  const write = async () => {
    // At most two sheets at any time: one that could not be written yet, and the one that is being filled.
    for (let rounds = 0; rounds < 2; rounds++) {
      state.unwritten ??= take(state);
      if (state.unwritten) await writeOne(state.unwritten);
    }
  };
  const putOff = (error: unknown) => {
    const { unwritten } = state;
    if (!unwritten) return;
    if (unwritten.failures++ === 0)
      log.warn({ err: error }, 'what was witnessed could not be written yet; it will be tried again');
    if (isUnavailable(error) || unwritten.failures < MOST_TRIES) return;
    log.error(
      { err: error, events: unwritten.events.size },
      'what was witnessed cannot be written; it is given up',
    );
    state.unwritten = undefined;
  };
  const flush = async () => {
    // What came since a write began belongs to the next one.
    await state.writing;
    state.writing ??= write()
      .catch(putOff)
      .finally(() => (state.writing = undefined));
    await state.writing;
  };
  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS).unref();
  const soon = (isFull: boolean) => void (isFull && !state.writing && !state.unwritten && flush());
  return {
    denied: ({ actor, field, code, client }) =>
      soon(
        note(
          state.sheet,
          'access.denied',
          `${actor ?? ''} ${field} ${code} ${client.ipAddress ?? ''}`,
          () => ({
            outcome: 'DENIED',
            actor,
            subject: null,
            client,
            details: { field, code },
          }),
        ),
      ),
    refused({ reason, subject = null, serviceId, askedBy, client }) {
      // What is no id is the caller's own word.
      const service = isId(serviceId ?? '') ? (serviceId ?? '').toLowerCase() : null;
      const key = `${reason} ${subject ?? ''} ${service ?? ''} ${askedBy ?? ''} ${client?.ipAddress ?? ''}`;
      const outcome = DENIALS.has(reason) ? 'DENIED' : 'FAILURE';
      const details = { reason, service };
      soon(
        note(state.sheet, 'token.refused', key, () => ({
          outcome,
          actor: askedBy,
          subject,
          client,
          details,
        })),
      );
    },
    accepted: ({ accountId, serviceId }) => soon(noteAcceptance(state.sheet, accountId, serviceId)),
    seen({ sessionId, network }) {
      if (network !== null && sightings.isNews(sessionId, network))
        soon(noteSighting(state.sheet, sessionId, network));
    },
    served: ({ tokenId, ipAddress }) =>
      soon(ipAddress !== null && noteServed(state.sheet, tokenId, ipAddress)),
    exchanged: ({ serviceId, tokenId, audience, client }) =>
      soon(
        note(state.sheet, 'service_token.exchanged', `${tokenId} ${audience}`, () => ({
          outcome: 'SUCCESS',
          actor: serviceId,
          subject: tokenId,
          client,
          details: { service: serviceId, audience },
        })),
      ),
    delegated: ({ askedBy, subject, audience, client }) =>
      soon(
        note(state.sheet, 'token.exchanged', `${askedBy ?? ''} ${subject ?? ''} ${audience}`, () => ({
          outcome: 'SUCCESS',
          actor: askedBy,
          subject,
          client,
          details: { service: askedBy, audience },
        })),
      ),
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** Hands over what was gathered and starts an empty sheet; undefined when there was nothing. */
function take(state: { sheet: Sheet }): Sheet | undefined {
  if (state.sheet.isEmpty) return undefined;
  const { sheet } = state;
  state.sheet = emptySheet();
  return sheet;
}
