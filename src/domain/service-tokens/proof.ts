import { timingSafeEqual } from 'node:crypto';
import type { ServiceModel } from '../../db/models/service.js';
import type { ServiceTokenModel } from '../../db/models/service-token.js';
import type { Catalogue } from '../catalogue.js';
import type { Clock } from '../clock.js';
import type { Feed } from '../revocations.js';
import type { Rejection } from '../tokens.js';
import { hashSecret, readServiceToken, type ServiceTokenParts } from './form.js';
import type { ServiceTokens } from './memory.js';

export interface ProofDeps {
  catalogue: Catalogue;
  feed: Feed;
  clock: Clock;
  serviceTokens: ServiceTokens;
}

/** A live token with the service that holds it; or why it is not to be trusted. */
export type ServiceProof =
  | { readonly token: ServiceTokenModel; readonly service: ServiceModel; readonly rejection?: undefined }
  | { readonly rejection: Rejection };

/**
 * Says whether a service token is good now. Answers at once, without a promise, for a live one while the feed is fresh.
 * @throws {AuthError} SERVICE_UNAVAILABLE when revocations have not been heard for too long
 */
export function proveServiceToken(deps: ProofDeps, text: string): ServiceProof | Promise<ServiceProof> {
  const parts = readServiceToken(text);
  if (!parts) return { rejection: 'MALFORMED' };
  return deps.feed.isFresh() ? look(deps, parts) : deps.feed.ensureFresh().then(() => look(deps, parts));
}

function look(deps: ProofDeps, parts: ServiceTokenParts): ServiceProof | Promise<ServiceProof> {
  const stored = deps.serviceTokens.find(parts.id);
  return stored instanceof Promise
    ? stored.then((found) => judge(deps, parts, found))
    : judge(deps, parts, stored);
}

/** The secret first: who does not have it learns nothing about the token. */
function judge(
  { catalogue, clock, serviceTokens }: ProofDeps,
  { secret }: ServiceTokenParts,
  token: ServiceTokenModel | undefined,
): ServiceProof {
  if (!token || !timingSafeEqual(token.secretHash, hashSecret(secret)))
    return { rejection: 'UNTRUSTED_SIGNATURE' };
  const service = catalogue.service(token.serviceId);
  if (!service) return { rejection: 'SUBJECT_DELETED' };
  if (service.status === 'DISABLED') return { rejection: 'SUBJECT_DISABLED' };
  if (token.revokedAt) return { rejection: 'REVOKED' };
  if (token.expiresAt && token.expiresAt.getTime() <= clock.now()) return { rejection: 'EXPIRED' };
  serviceTokens.used(token.id);
  return { token, service };
}
