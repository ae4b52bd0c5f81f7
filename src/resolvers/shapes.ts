import Bowser from 'bowser';
import type { Actor, UserActor } from '../domain/access.js';
import { statusOf, type StoredAccount } from '../domain/accounts.js';
import type { Page } from '../domain/pages.js';
import type { StoredRole } from '../domain/roles.js';
import { endOf, type StoredSession, type Tokens } from '../domain/sessions.js';
import type { SignedIn } from '../domain/signin.js';
import type { StoredKey } from '../domain/tokens.js';
import type { AuthPayload, EmailVerificationPending } from '../schema/auth.js';
import type { SigningKey, SigningKeyState } from '../schema/key.js';
import type { Connection } from '../schema/page.js';
import type { Role } from '../schema/role.js';
import type { Session } from '../schema/session.js';
import type { User } from '../schema/user.js';

/** A stored account as the graph shows it; what is not named here cannot leave. */
export function shapeUser(user: StoredAccount): User {
  const { id, username, firstName, middleName, lastName, email, phone, telegram, country, birthDate } = user;
  const { passwordChangedAt, lastSignInAt, createdAt, updatedAt, deletedAt } = user;
  const profile = {
    id,
    username,
    firstName,
    middleName,
    lastName,
    email,
    phone,
    telegram,
    country,
    birthDate,
  };
  return {
    ...profile,
    status: statusOf(user),
    isEmailVerified: user.emailVerifiedAt !== null,
    passwordChangedAt,
    lastSignInAt,
    createdAt,
    updatedAt,
    deletedAt,
  };
}

/** What other subgraphs get in place of an account that is deleted or unknown, so that their lists stay whole. */
export function tombstone(id: string): User {
  return { id, username: 'deleted', firstName: '', createdAt: new Date(0) };
}

/** A tombstone says nothing but its id; whatever else is asked of it is null. */
export const isTombstone = (user: User): boolean => user.status === undefined;

/** @param actor to tell which session is the one that asks */
export function shapeSession(session: StoredSession, actor: Actor): Session {
  const { id, createdAt, lastSeenAt, ipAddress, amr, aal } = session;
  const current = actor.kind === 'user' && actor.sessionId === id;
  return {
    id,
    createdAt,
    lastSeenAt,
    expiresAt: endOf(session),
    ipAddress,
    device: deviceName(session.userAgent),
    location: null,
    amr,
    aal,
    current,
  };
}

function deviceName(userAgent: string | null): string | null {
  if (userAgent === null || userAgent === '') return null;
  const { browser, os } = Bowser.parse(userAgent);
  return browser.name === undefined || browser.name === ''
    ? null
    : [browser.name, os.name].filter(Boolean).join(' on ');
}

/** Turns each node of a page into its shape, edges and nodes alike. */
export function shapePage<M, T>(page: Page<M>, shape: (row: M) => T): Connection<T> {
  const edges = page.edges.map(({ cursor, node }) => ({ cursor, node: shape(node) }));
  return {
    edges,
    nodes: edges.map((edge) => edge.node),
    pageInfo: page.pageInfo,
    totalCount: page.totalCount,
  };
}

export function shapeKey(key: StoredKey): SigningKey {
  const { kid, algorithm, publishedAt, activatesAt, retiredAt, removedAt } = key;
  return {
    kid,
    algorithm,
    state: key.state.toUpperCase() as SigningKeyState,
    publishedAt,
    activatesAt,
    retiredAt,
    removedAt,
  };
}

export function shapeRole({ id, name, description, rank, builtIn }: StoredRole): Role {
  return { id, name, description, rank, builtIn };
}

/** The actor that whoever was just given these tokens is from now on. */
export function actorOfTokens({ user, session, authority }: Tokens): UserActor {
  return { kind: 'user', id: user.id, sessionId: session.id, aal: session.aal, ...authority };
}

export function shapeTokens(tokens: Tokens): AuthPayload {
  const { accessToken, refreshToken, expiresAt, refreshExpiresAt } = tokens;
  const session = shapeSession(tokens.session, actorOfTokens(tokens));
  return {
    __typename: 'AuthPayload',
    user: shapeUser(tokens.user),
    accessToken,
    refreshToken,
    tokenType: 'Bearer',
    expiresAt,
    refreshExpiresAt,
    session,
  };
}

export function shapeSignedIn(signedIn: SignedIn): AuthPayload | EmailVerificationPending {
  return signedIn.kind === 'tokens'
    ? shapeTokens(signedIn.tokens)
    : { __typename: 'EmailVerificationPending', email: signedIn.email };
}
