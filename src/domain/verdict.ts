import { AuthError } from '../errors.js';
import type { Actor, ServiceAccess } from './access.js';
import type { Catalogue } from './catalogue.js';
import type { Client } from './client.js';
import type { Rejection } from './tokens.js';
import type { Witness } from './witness.js';

/** Who asks about a token, and with which bearer. */
export interface Asker {
  actor: Actor;
  bearer: string | undefined;
  client: Client;
}

/** A no, whoever issued the token; `service` where that is why. */
export interface Refused {
  valid: false;
  reason: Rejection;
  subject: null;
  service: ServiceAccess | null;
  sessionId: null;
  issuer: null;
  scopes: readonly string[];
  expiresAt: null;
  claims: null;
}

export interface VerdictDeps {
  /** Undefined where no services are known. */
  catalogue: Pick<Catalogue, 'service'> | undefined;
  witness: Pick<Witness, 'refused'>;
}

/** What is refused, and of whom the token speaks where its signature was good. */
export interface Refusing {
  reason: Rejection;
  subject?: string | undefined;
  /** Id of the service that was asked about. */
  serviceId?: string | null | undefined;
  /** What the subject is at that service all the same. */
  access?: ServiceAccess | null | undefined;
}

/** Answers no. It is told, and goes on record later, in a batch. */
export function refuse(
  { witness, catalogue }: VerdictDeps,
  { actor, client }: Pick<Asker, 'actor' | 'client'>,
  { reason, subject, serviceId: asked, access = null }: Refusing,
): Refused {
  const askedBy = actor.kind === 'user' || actor.kind === 'service' ? actor.id : null;
  // An id that no service has is the caller's own word: each made-up one would be an event of its own.
  const serviceId = catalogue?.service(asked?.toLowerCase() ?? '')?.id;
  witness.refused({ reason, subject, serviceId, askedBy, client });
  return {
    valid: false,
    reason,
    subject: null,
    service: access,
    sessionId: null,
    issuer: null,
    scopes: [],
    expiresAt: null,
    claims: null,
  };
}

/**
 * What a token says is for its holder, for services and the gateway, and for whoever may introspect.
 * @param isOwn whether the token speaks of the account that asks
 * @throws {AuthError} FORBIDDEN, UNAUTHENTICATED
 */
export function requireMayAsk({ actor, bearer }: Asker, token: string, isOwn = false): void {
  const isTrusted = actor.kind === 'gateway' || actor.kind === 'service';
  if (isTrusted || bearer === token || isOwn) return;
  if (actor.kind === 'user' && actor.permissions.has('tokens:introspect')) return;
  throw new AuthError(actor.kind === 'user' ? 'FORBIDDEN' : 'UNAUTHENTICATED');
}
