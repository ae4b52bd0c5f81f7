import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { StaticServiceToken } from '../config/stateless.js';
import type { Actor, ServiceActor } from '../domain/access.js';
import { credentialsOf } from '../http/credentials.js';

/** Who asks, and with which bearer. */
export interface Identity {
  readonly actor: Actor;
  readonly service: ServiceActor | undefined;
  readonly bearer: string | undefined;
}

/** The service whose token this is, if any. */
export type FindService = (token: string | undefined) => ServiceActor | undefined;

/** Knows the services of SERVICE_TOKEN_HASHES by their tokens. Each may ask about every token: there are no others' secrets here. */
export function knowServices(tokens: readonly StaticServiceToken[]): FindService {
  return (token) => {
    if (token === undefined || token === '') return undefined;
    const digest = createHash('sha256').update(token).digest();
    // Each is compared, so that the time tells nothing.
    const matches = tokens.map(({ hash }) => timingSafeEqual(hash, digest));
    const found = tokens[matches.indexOf(true)];
    return found && asActor(found);
  };
}

function asActor({ name, hash }: StaticServiceToken): ServiceActor {
  const tokenId = hash.toString('hex').slice(0, 16);
  return { kind: 'service', id: name, name, tokenId, scopes: new Set(['tokens:introspect']) };
}

/** As where accounts are kept (context.ts), save that no bearer makes anybody a user. */
export function identify(request: IncomingMessage, find: FindService): Identity {
  const { bearer, serviceToken } = credentialsOf(request);
  const service = find(serviceToken ?? bearer);
  const isUnproved = serviceToken !== undefined && !service;
  if (isUnproved) return { actor: { kind: 'anonymous' }, service: undefined, bearer };
  if (bearer === undefined) return { actor: service ?? { kind: 'gateway' }, service, bearer };
  // A token of another issuer may be asked about by its holder, and proves nothing here.
  const isOwn = service !== undefined && serviceToken === undefined;
  return { actor: isOwn ? service : { kind: 'anonymous', rejection: 'UNTRUSTED_ISSUER' }, service, bearer };
}
