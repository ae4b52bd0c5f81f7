import { timingSafeEqual } from 'node:crypto';
import type { ServiceModel } from '../../db/models/service.js';
import type { ServiceTokenModel } from '../../db/models/service-token.js';
import type { Catalogue } from '../catalogue.js';
import type { Clock } from '../clock.js';
import type { Feed } from '../revocations.js';
import type { Rejection } from '../tokens.js';
import type { Shown } from './form.js';
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
  const shown = deps.serviceTokens.read(text);
  if (!shown) return { rejection: 'MALFORMED' };
  return deps.feed.isFresh() ? look(deps, shown) : deps.feed.ensureFresh().then(() => look(deps, shown));
}

function look(deps: ProofDeps, shown: Shown): ServiceProof | Promise<ServiceProof> {
  const stored = deps.serviceTokens.find(shown.id);
  return stored instanceof Promise
    ? stored.then((found) => judge(deps, shown, found))
    : judge(deps, shown, stored);
}

/** The secret first: who does not have it learns nothing about the token. */
function judge(
  { catalogue, clock, serviceTokens }: ProofDeps,
  shown: Shown,
  token: ServiceTokenModel | undefined,
): ServiceProof {
  if (!token || !timingSafeEqual(token.secretHash, shown.secretHash))
    return { rejection: 'UNTRUSTED_SIGNATURE' };
  const service = catalogue.service(token.serviceId);
  if (!service) return { rejection: 'SUBJECT_DELETED' };
  if (service.status === 'DISABLED') return { rejection: 'SUBJECT_DISABLED' };
  if (token.revokedAt) return { rejection: 'REVOKED' };
  if (token.expiresAt && token.expiresAt.getTime() <= clock.now()) return { rejection: 'EXPIRED' };
  serviceTokens.used(shown);
  return { token, service };
}
