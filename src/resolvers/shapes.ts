import type { Context } from '../context.js';
import type { Actor, ServiceAccess as KnownServiceAccess, UserActor } from '../domain/access.js';
import { statusOf, type StoredAccount } from '../domain/accounts.js';
import type { StoredAlert } from '../domain/alerts.js';
import type { StoredBusinessRole } from '../domain/business-roles.js';
import type { StoredEvent } from '../domain/audit.js';
import type { Page } from '../domain/pages.js';
import type { StoredPasskey } from '../domain/passkeys.js';
import type { StoredRole } from '../domain/roles.js';
import type { IssuedServiceToken as Issued, StoredServiceToken } from '../domain/service-tokens.js';
import type { StoredService } from '../domain/services.js';
import { endOf, type BareTokens, type StoredSession, type Tokens } from '../domain/sessions.js';
import type { SignedIn, SignedUp } from '../domain/signin.js';
import type { StoredKey } from '../domain/tokens.js';
import type { SecurityAlert } from '../schema/alert.js';
import type { AuditEvent } from '../schema/audit.js';
import type { AuthPayload, EmailVerificationPending, MfaChallenge } from '../schema/auth.js';
import type { BusinessRole } from '../schema/business-role.js';
import type { SigningKey, SigningKeyState } from '../schema/key.js';
import type { Connection } from '../schema/page.js';
import type { Passkey } from '../schema/passkey.js';
import type { Role } from '../schema/role.js';
import type { Service } from '../schema/service.js';
import type { ServiceAccess } from '../schema/service-access.js';
import type { IssuedServiceToken, ServiceToken } from '../schema/service-token.js';
import type { Session } from '../schema/session.js';
import type { User } from '../schema/user.js';
import { deviceName } from './device-name.js';

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
  // What stands there instead of the names of an erased account keeps them unique, and is nobody's name.
  const shown = user.erasedAt ? { ...profile, username: ERASED, email: null } : profile;
  return {
    ...shown,
    status: statusOf(user),
    isEmailVerified: user.emailVerifiedAt !== null,
    passwordChangedAt,
    lastSignInAt,
    createdAt,
    updatedAt,
    deletedAt,
  };
}

/** The username of an account that is nobody any more. */
const ERASED = 'deleted';

/** What other subgraphs get in place of an account that is deleted or unknown, so that their lists stay whole. */
export function tombstone(id: string): User {
  return { id, username: ERASED, firstName: '', createdAt: new Date(0) };
}

/** A tombstone says nothing but its id; whatever else is asked of it is null. */
export const isTombstone = (user: User): boolean => user.status === undefined;

/** @param actor to tell which session is the one that asks */
export function shapeSession(session: StoredSession, actor: Actor): Session {
  const { id, createdAt, lastSeenAt, ipAddress, location, amr, aal } = session;
  const current = actor.kind === 'user' && actor.sessionId === id;
  return {
    id,
    createdAt,
    lastSeenAt,
    expiresAt: endOf(session),
    ipAddress,
    device: deviceName(session.userAgent),
    location,
    amr,
    aal,
    current,
  };
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

export function shapeEvent(event: StoredEvent): AuditEvent {
  const { id, occurredAt, type, outcome, actor, subject, ipAddress, userAgent, requestId, details } = event;
  return { id, occurredAt, type, outcome, actor, subject, ipAddress, userAgent, requestId, details };
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

export function shapeAlert(alert: StoredAlert): SecurityAlert {
  const { id, type, severity, status, subject, raisedAt, details, acknowledgedAt, acknowledgedBy } = alert;
  return { id, type, severity, status, subject, raisedAt, details, acknowledgedAt, acknowledgedBy };
}

export function shapeRole({ id, name, description, rank, builtIn }: StoredRole): Role {
  return { id, name, description, rank, builtIn };
}

/** Without its key. */
export function shapePasskey({ id, name, createdAt, lastUsedAt }: StoredPasskey): Passkey {
  return { id, name, createdAt, lastUsedAt };
}

export function shapeService({
  id,
  name,
  description,
  status,
  createdAt,
  updatedAt,
}: StoredService): Service {
  return { id, name, description, status, createdAt, updatedAt };
}

export function shapeBusinessRole(role: StoredBusinessRole): BusinessRole {
  const { id, name, description, permissions, serviceId } = role;
  return { id, name, description, permissions, serviceId };
}

export function shapeServiceAccess(access: KnownServiceAccess): ServiceAccess {
  const { service, role, status, expiresAt, valid } = access;
  return {
    service: shapeService(service),
    role: role && shapeBusinessRole(role),
    status,
    expiresAt,
    valid,
  };
}

/** Without the digest of its secret. */
export function shapeServiceToken(token: StoredServiceToken): ServiceToken {
  const { id, label, prefix, scopes, createdAt, expiresAt, lastUsedAt, revokedAt } = token;
  return { id, label, prefix, scopes, createdAt, expiresAt, lastUsedAt, revokedAt };
}

export function shapeIssued({ token, serviceToken }: Issued): IssuedServiceToken {
  return { token, serviceToken: shapeServiceToken(serviceToken) };
}

/** The actor that whoever was just given these tokens is from now on. */
export function actorOfTokens({ user, session, authority }: BareTokens): UserActor {
  return { kind: 'user', id: user.id, sessionId: session.id, aal: session.aal, ...authority };
}

export function shapeTokens(tokens: Tokens): AuthPayload {
  return {
    ...shapeBareTokens(tokens),
    // Seldom asked for.
    get user() {
      return shapeUser(tokens.user);
    },
    get session() {
      return shapeSession(tokens.session, actorOfTokens(tokens));
    },
  };
}

/** Without session and account: for an answer of which neither is selected. */
export function shapeBareTokens(tokens: BareTokens): Omit<AuthPayload, 'user' | 'session'> {
  const { accessToken, refreshToken, expiresAt, refreshExpiresAt, deviceToken = null } = tokens;
  return {
    __typename: 'AuthPayload',
    accessToken,
    refreshToken,
    tokenType: 'Bearer',
    expiresAt,
    refreshExpiresAt,
    deviceToken,
    mfaEnrollmentRequired: tokens.authority.withheld === 'enrolment',
  };
}

/** From here on the request acts with what was proved, so that its own fields can be read in the same answer. */
export function enteredBy(context: Context, tokens: Tokens): AuthPayload {
  context.actor = actorOfTokens(tokens);
  return shapeTokens(tokens);
}

export function shapeSignedUp(signedUp: SignedUp): AuthPayload | EmailVerificationPending {
  return signedUp.kind === 'tokens'
    ? shapeTokens(signedUp.tokens)
    : { __typename: 'EmailVerificationPending', email: signedUp.email };
}

export function shapeSignedIn(signedIn: SignedIn): AuthPayload | MfaChallenge | EmailVerificationPending {
  if (signedIn.kind !== 'challenge') return shapeSignedUp(signedIn);
  const { token: challengeToken, methods, expiresAt } = signedIn.challenge;
  return { __typename: 'MfaChallenge', challengeToken, methods, expiresAt };
}
