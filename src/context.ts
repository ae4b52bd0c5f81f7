import type { IncomingMessage } from 'node:http';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import { Loaders } from './db/loaders.js';
import { authorityOf, type Actor, type Remembered, type ServiceActor } from './domain/access.js';
import type { Catalogue } from './domain/catalogue.js';
import type { Client } from './domain/client.js';
import type { Clock } from './domain/clock.js';
import type { Issuers } from './domain/issuers.js';
import type { Limiters } from './domain/limits.js';
import type { MailTemplates, Postman } from './domain/mail.js';
import type { Meters } from './domain/meters.js';
import type { HashPool } from './domain/passwords.js';
import type { Feed } from './domain/revocations.js';
import { actorOfServiceToken, isServiceToken, type ServiceTokens } from './domain/service-tokens.js';
import { credentialsOf, UNREADABLE, type Credentials } from './http/credentials.js';
import type { Locate } from './http/location.js';
import type { Progress } from './http/present-errors.js';
import { settle } from './http/settle.js';
import type { Witness } from './domain/witness.js';
import { verifyAccessToken, type AccessClaims, type Keyring, type VerifiedTokens } from './domain/tokens.js';
import type { Tracer } from './domain/tracing.js';

/** Everything that a running service holds; made in app.ts, handed to domain functions, which name what they need of it. */
export interface App {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly db: Knex;
  /** A few connections of their own for what must not wait behind requests: revocations, keys, readiness. */
  readonly vital: Knex;
  readonly feed: Feed;
  readonly keyring: Keyring;
  /** Those whose tokens are believed besides ours. */
  readonly issuers: Issuers;
  readonly catalogue: Catalogue;
  readonly remembered: Remembered;
  readonly serviceTokens: ServiceTokens;
  readonly verified: VerifiedTokens;
  readonly hashes: HashPool;
  readonly limiters: Limiters;
  readonly postman: Postman;
  readonly templates: MailTemplates;
  readonly locate: Locate;
  /** Takes down denials, verifications and sightings; written in batches. */
  readonly witness: Witness;
  /** Counts what happens. */
  readonly meters: Meters;
  /** Undefined where no traces are made. */
  readonly tracer: Tracer | undefined;
}

/** What every resolver of one request is given. */
export interface Context {
  readonly app: App;
  /** Who makes this request. Signing up, in and refreshing make the account the actor before the answer is read. */
  actor: Actor;
  /** The service that passes the request on, or makes it; undefined where none has proved itself. */
  readonly service: ServiceActor | undefined;
  /** The bearer token that came along, believed or not. */
  readonly bearer: string | undefined;
  readonly client: Client;
  readonly loaders: Loaders;
  readonly progress: Progress;
}

/** The context of one request that came through the door. Apollo Server copies it, so what changes stands one level down. */
export function makeContext(
  app: App,
  actor: Actor,
  bearer: string | undefined,
  client: Client,
  service?: ServiceActor,
): Context {
  return {
    app,
    actor,
    service,
    bearer,
    client,
    loaders: new Loaders(app.db),
    progress: { isGraphQL: false },
  };
}

/** The context of a request, with whoever makes it proved by its headers. At once, where nobody has to be asked. */
export function contextOf(app: App, request: IncomingMessage, client: Client): Context | Promise<Context> {
  const credentials = credentialsOf(request);
  return settle(identify(app, credentials), (identity) => contextFor(app, identity, credentials, client));
}

function contextFor(
  app: App,
  { actor, service }: Identity,
  { bearer }: Credentials,
  client: Client,
): Context {
  if (actor.kind === 'anonymous' && actor.rejection) app.meters.disbelieved(actor.rejection);
  if (actor.kind === 'user') app.witness.seen({ sessionId: actor.sessionId, network: client.network });
  if (service) client.service = service.id;
  if (actor.kind === 'service')
    app.witness.served({ serviceId: actor.id, tokenId: actor.tokenId, ipAddress: client.ipAddress });
  return makeContext(app, actor, bearer, client, service);
}

/** Who makes a request, and the service that has proved itself with it. */
export interface Identity {
  readonly actor: Actor;
  readonly service: ServiceActor | undefined;
}

/**
 * Who makes a request that came through the door. A bearer, where there is one, is the only proof of an actor. Without one
 * it is the service of the service token; without either it is the gateway, for itself. Any credential that is presented
 * and not good leaves the caller anonymous.
 */
export function identify(app: App, { bearer, serviceToken }: Credentials): Identity | Promise<Identity> {
  if (serviceToken === undefined) return settle(actorOf(app, bearer), alone);
  return settle(serviceActorOf(app, serviceToken), (service) =>
    service.kind !== 'service' || bearer === undefined
      ? alone(service)
      : settle(actorOf(app, bearer), (actor) => ({ actor, service })),
  );
}

const alone = (actor: Actor): Identity => ({ actor, service: actor.kind === 'service' ? actor : undefined });

/** The service that proves itself with this request, on whosever behalf; an anonymous caller where none does. */
export function provingServiceOf(
  app: App,
  { bearer, serviceToken = bearer }: Credentials,
): Actor | Promise<Actor> {
  const isPresented = serviceToken !== undefined && isServiceToken(serviceToken);
  return isPresented ? serviceActorOf(app, serviceToken) : { kind: 'anonymous' };
}

function actorOf(app: App, bearer: string | undefined): Actor | Promise<Actor> {
  if (bearer === undefined) return { kind: 'gateway' };
  if (bearer === UNREADABLE) return { kind: 'anonymous', rejection: 'MALFORMED' };
  if (isServiceToken(bearer)) return serviceActorOf(app, bearer);
  try {
    const verification = verifyAccessToken(app, bearer);
    if (verification instanceof Promise)
      return verification.then((found) => believe(app, found), unavailable);
    return believe(app, verification);
  } catch {
    return unavailable();
  }
}

function serviceActorOf(app: App, token: string): Actor | Promise<Actor> {
  const found = actorOfServiceToken(app, token);
  return found instanceof Promise ? found.then(asActor, unavailable) : asActor(found);
}

const asActor = (found: ServiceActor | string): Actor =>
  // Named apart, as a caller is told of its account's end and not of a service's.
  typeof found === 'string' ? { kind: 'anonymous', rejection: `SERVICE_TOKEN_${found}` } : found;

const unavailable = (): Actor => ({ kind: 'anonymous', rejection: 'UNAVAILABLE' });

function believe(
  app: App,
  { claims, rejection }: { claims?: AccessClaims; rejection?: string | undefined },
): Actor | Promise<Actor> {
  if (rejection !== undefined || !claims) return { kind: 'anonymous', rejection: rejection ?? 'MALFORMED' };
  const actor = (authority: Awaited<ReturnType<typeof authorityOf>>): Actor => ({
    kind: 'user',
    id: claims.sub,
    sessionId: claims.sid,
    aal: claims.aal,
    ...authority,
  });
  const authority = authorityOf(app, claims);
  return authority instanceof Promise ? authority.then(actor, unavailable) : actor(authority);
}
