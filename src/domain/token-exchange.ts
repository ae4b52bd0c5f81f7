import { badInput } from '../errors.js';
import type { Actor } from './access.js';
import type { Client } from './client.js';
import { audienceOf } from './service-jwts.js';
import { signDelegated, type Rejection } from './tokens.js';
import { verifyToken, type TokenAnswer, type VerificationDeps } from './verification.js';

/** Who asks for a token: a service, or the gateway for the subgraph that it is about to ask. */
export interface Exchanger {
  actor: Extract<Actor, { kind: 'service' | 'gateway' }>;
  client: Client;
}

/** What is asked for: a token of ours for this one, to show one service. */
export interface ExchangeRequest {
  token: string;
  /** Name or id of the service that it is for; the asking one itself unless said. */
  audience: string | undefined;
  /** Among what the subject may do there; all of it unless said. */
  scopes: readonly string[] | undefined;
}

/** A token that was given, or why none is. */
export type Exchanged =
  | { readonly text: string; readonly seconds: number; readonly scopes: readonly string[] }
  | { readonly text?: undefined; readonly rejection: Rejection };

/**
 * Gives a short JWT of ours for a token of a person, ours or another issuer's (RFC 8693), to a service that could verify that token
 * for its audience: who the person is, and what they may do there now. It proves nobody at our own doors.
 * @throws {AuthError} BAD_USER_INPUT naming `audience` or `scope`; FORBIDDEN for another audience without tokens:introspect;
 *   SERVICE_UNAVAILABLE
 */
export async function exchangeToken(
  deps: VerificationDeps,
  { actor, client }: Exchanger,
  { token, audience: asked, scopes: wanted }: ExchangeRequest,
): Promise<Exchanged> {
  const audience = audienceOf(deps, actor.kind === 'service' ? actor.id : '', asked);
  const asker = { actor, bearer: undefined, client };
  const answer = await verifyToken(deps, asker, { token, serviceId: audience.id });
  if (answer.reason !== null) return { rejection: answer.reason };
  const left = secondsLeft(deps, answer);
  // A service has a credential of its own to show.
  if (answer.subject?.type === 'SERVICE') return { rejection: 'WRONG_TYPE' };
  if (left < 1) return { rejection: 'EXPIRED' };
  const scopes = narrowed(answer.scopes, wanted);
  const act = actOf(deps, actor);
  const said = { aud: audience.name, client_id: act.client_id, act, ...subjectOf(answer, scopes) };
  const { text, seconds } = await signDelegated(deps, said, deps.clock.now() / 1000 + left);
  const subject = answer.subject?.id ?? null;
  deps.witness.delegated({
    askedBy: actor.kind === 'service' ? actor.id : null,
    subject,
    audience: audience.id,
    client,
  });
  return { text, seconds, scopes };
}

/** Until the token ends, or the access to the service that it is for. */
function secondsLeft({ clock }: VerificationDeps, { expiresAt, service }: TokenAnswer): number {
  const ends = [expiresAt, service?.expiresAt].map((at) => at?.getTime() ?? Infinity);
  return (Math.min(...ends) - clock.now()) / 1000;
}

/** In characters, of all permissions; and as `scope`, where they stand a second time: a token must fit into a header. */
const LONGEST = 4000;
const LONGEST_SCOPE = 2000;

/** @throws {AuthError} BAD_USER_INPUT naming `scope` */
function narrowed(held: readonly string[], wanted: readonly string[] = held): string[] {
  const scopes = [...new Set(wanted)].sort();
  const fault = (message: string) => badInput([{ name: 'scope', message }]);
  if (!scopes.every((scope) => held.includes(scope)))
    throw fault('Must be among what the subject may do there.');
  if (scopes.join(' ').length > LONGEST) throw fault('Too much for one token: say what is needed.');
  return scopes;
}

/** The gateway is no service: our own audience stands for it, which no service may be named. */
const actOf = ({ config: { tokens } }: VerificationDeps, actor: Exchanger['actor']) =>
  actor.kind === 'service'
    ? { sub: actor.id, client_id: actor.name }
    : { sub: tokens.issuer, client_id: tokens.audience };

function subjectOf({ subject, sessionId, service }: TokenAnswer, scopes: readonly string[]) {
  const scope = scopes.join(' ');
  const { id = '', type = 'EXTERNAL', role = null, roles = [] } = subject ?? {};
  return {
    sub: id,
    subject_type: type === 'USER' ? ('USER' as const) : ('EXTERNAL' as const),
    ...(sessionId === null ? {} : { sid: sessionId }),
    role,
    roles,
    permissions: scopes,
    ...(scope.length <= LONGEST_SCOPE ? { scope } : {}),
    ...(service?.role ? { service_role: service.role.name } : {}),
  };
}
