import type { ServiceModel } from '../db/models/service.js';
import type { ServiceTokenModel as StoredServiceToken } from '../db/models/service-token.js';
import type { Actor, ServiceActor } from './access.js';
import type { Client } from './client.js';
import type { Meters } from './meters.js';
import { proveServiceToken, type ProofDeps, type ServiceProof } from './service-tokens/proof.js';
import type { Rejection } from './tokens.js';
import type { Witness } from './witness.js';

export type { ServiceTokenModel as StoredServiceToken } from '../db/models/service-token.js';
export { isServiceToken } from './service-tokens/form.js';
export { proveServiceToken } from './service-tokens/proof.js';
export {
  endShownServiceToken,
  issueServiceToken,
  revokeServiceToken,
  rotateServiceToken,
  type IssuedServiceToken,
} from './service-tokens/manage.js';
export { isLive, openServiceTokens, type ServiceTokens } from './service-tokens/memory.js';

export interface ServiceTokenDeps extends ProofDeps {
  witness: Witness;
  meters: Pick<Meters, 'verified'>;
}

/** What is said about one service token; data, whatever the token is like. */
export interface ServiceTokenAnswer {
  valid: boolean;
  reason: Rejection | null;
  service: ServiceModel | null;
  scopes: readonly string[];
  expiresAt: Date | null;
}

/**
 * The service that a token proves, as an actor; else why not. From memory on the hot path.
 * @throws {AuthError} SERVICE_UNAVAILABLE when nothing can be said for certain
 */
export function actorOfServiceToken(
  deps: ProofDeps,
  text: string,
): ServiceActor | Rejection | Promise<ServiceActor | Rejection> {
  const proof = proveServiceToken(deps, text);
  return proof instanceof Promise ? proof.then(asActor) : asActor(proof);
}

function asActor(proof: ServiceProof): ServiceActor | Rejection {
  if (proof.rejection !== undefined) return proof.rejection;
  return actorOf(proof.token, proof.service);
}

/** By the row that was read, which is another one after every change. */
const actors = new WeakMap<StoredServiceToken, ServiceActor>();

function actorOf(token: StoredServiceToken, { id, name }: ServiceModel): ServiceActor {
  const known = actors.get(token);
  if (known?.name === name) return known;
  const scopes = new Set(token.scopes);
  const actor: ServiceActor = { kind: 'service', id, name, tokenId: token.id, scopes };
  actors.set(token, actor);
  return actor;
}

/**
 * Says whether this is a live token of the service with that name.
 * @throws {AuthError} SERVICE_UNAVAILABLE when nothing can be said for certain
 */
export async function verifyServiceToken(
  deps: ServiceTokenDeps,
  asker: { actor: Actor; client: Client },
  serviceName: string,
  text: string,
): Promise<ServiceTokenAnswer> {
  const proof = await proveServiceToken(deps, text);
  if (proof.rejection !== undefined) return refused(deps, asker, proof.rejection);
  const { token, service } = proof;
  if (service.name !== serviceName) return refused(deps, asker, 'WRONG_AUDIENCE', service.id);
  deps.meters.verified('VALID');
  return { valid: true, reason: null, service, scopes: token.scopes, expiresAt: token.expiresAt };
}

function refused(
  { witness, meters }: ServiceTokenDeps,
  { actor, client }: { actor: Actor; client: Client },
  reason: Rejection,
  subject?: string,
): ServiceTokenAnswer {
  const askedBy = actor.kind === 'user' || actor.kind === 'service' ? actor.id : null;
  witness.refused({ reason, subject, askedBy, client });
  meters.verified(reason);
  return { valid: false, reason, service: null, scopes: [], expiresAt: null };
}
