import type { IncomingMessage } from 'node:http';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import { Loaders } from './db/loaders.js';
import { authorityOf, type Actor, type Roles } from './domain/access.js';
import type { Client } from './domain/client.js';
import type { Clock } from './domain/clock.js';
import type { Limiters } from './domain/limits.js';
import type { Postman } from './domain/mail.js';
import type { HashQueue } from './domain/passwords.js';
import type { Feed } from './domain/revocations.js';
import { verifyAccessToken, type AccessClaims, type Keyring, type VerifiedTokens } from './domain/tokens.js';

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
  readonly roles: Roles;
  readonly verified: VerifiedTokens;
  readonly hashes: HashQueue;
  readonly limiters: Limiters;
  readonly postman: Postman;
}

/** What every resolver of one request is given. */
export interface Context {
  readonly app: App;
  /** Who makes this request. Signing up, in and refreshing make the account the actor before the answer is read. */
  actor: Actor;
  /** The access token that came along, believed or not. */
  readonly bearer: string | undefined;
  readonly client: Client;
  readonly loaders: Loaders;
  /** Set once the request was understood as GraphQL, so that its errors are the graph's and not HTTP's. */
  readonly progress: { isGraphQL: boolean };
}

/** The context of one request that came through the door. Apollo Server copies it, so what changes stands one level down. */
export function makeContext(app: App, actor: Actor, bearer: string | undefined, client: Client): Context {
  return { app, actor, bearer, client, loaders: new Loaders(app.db), progress: { isGraphQL: false } };
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;
const UNREADABLE = '';

/** Compares the length first: this is asked of every header of every request. */
const isAuthorization = (name: string) => name.length === 13 && name.toLowerCase() === 'authorization';

/** The bearer token of a request; undefined without an Authorization header, '' for one that cannot be read as a single bearer. */
export function bearerOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  let seen = 0;
  for (let at = 0; at < request.rawHeaders.length; at += 2)
    if (isAuthorization(request.rawHeaders[at] ?? '')) seen++;
  return seen === 1 ? (BEARER.exec(header)?.[1] ?? UNREADABLE) : UNREADABLE;
}

/**
 * Who makes a request that came through the door. A bearer, where there is one, is the only proof of an actor; a bad one
 * leaves the caller anonymous. Without one it is the gateway, for itself.
 */
export function actorOf(app: App, bearer: string | undefined): Actor | Promise<Actor> {
  if (bearer === undefined) return { kind: 'gateway' };
  if (bearer === UNREADABLE) return { kind: 'anonymous', rejection: 'MALFORMED' };
  try {
    const verification = verifyAccessToken(app, bearer);
    if (verification instanceof Promise)
      return verification.then((found) => believe(app, found), unavailable);
    return believe(app, verification);
  } catch {
    return unavailable();
  }
}

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
