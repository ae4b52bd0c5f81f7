import type { LimitName } from '../domain/limits.js';
import { anyone, has, known, referrer, selfOr, signedIn, verifier, type Rule } from './rules.js';

/** Who may have a field, and the limit that a call of it draws on. */
export interface Row {
  readonly rule: Rule;
  readonly limit?: LimitName;
}

const row = (rule: Rule, limit?: LimitName): Row => (limit ? { rule, limit } : { rule });

/** Names fields that whoever reaches their object may read. */
const open = (fields: string): Record<string, Row> =>
  Object.fromEntries(
    fields
      .trim()
      .split(/\s+/)
      .map((field) => [field, row(anyone)]),
  );
const page = open('edges nodes pageInfo totalCount');
const edge = open('cursor node');

/**
 * The matrix: every field of the graph and who may have it. A field without a row is denied, and a test fails. What an
 * actor may do to one certain target is asked again in the domain (access.ts), inside the transaction.
 */
export const table: Record<string, Record<string, Row>> = {
  Query: {
    _service: row(anyone),
    _entities: row(referrer),
    me: row(signedIn),
    user: row(signedIn),
    users: row(has('users:read')),
    role: row(has('roles:read')),
    roles: row(has('roles:read')),
    permissions: row(has('roles:read')),
    verifyToken: row(verifier),
    verifyTokens: row(known),
    signingKeys: row(has('keys:manage')),
  },
  Mutation: {
    //                       who                          limit
    signUp: /*            */ row(anyone, /*            */ 'signUpFromAddress'),
    signIn: /*            */ row(anyone, /*            */ 'signInFromAddress'),
    refresh: /*           */ row(anyone, /*            */ 'refreshFromAddress'),
    revoke: /*            */ row(anyone, /*            */ 'revokeFromAddress'),
    verifyEmail: /*       */ row(anyone, /*            */ 'linksFromAddress'),
    resendVerificationEmail: row(anyone, /*            */ 'linksFromAddress'),
    signOut: /*           */ row(signedIn, /*          */ 'changesByAccount'),
    revokeSession: /*     */ row(signedIn, /*          */ 'changesByAccount'),
    revokeUserSessions: /**/ row(has('sessions:manage'), 'changesByAccount'),
    updateMe: /*          */ row(signedIn, /*          */ 'changesByAccount'),
    changePassword: /*    */ row(signedIn, /*          */ 'changesByAccount'),
    deleteMe: /*          */ row(signedIn, /*          */ 'changesByAccount'),
    updateUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount'),
    deleteUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount'),
    restoreUser: /*       */ row(has('users:manage'), /**/ 'changesByAccount'),
    suspendUser: /*       */ row(has('users:manage'), /**/ 'changesByAccount'),
    reinstateUser: /*     */ row(has('users:manage'), /**/ 'changesByAccount'),
    setUserRoles: /*      */ row(has('users:manage'), /**/ 'changesByAccount'),
    createRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount'),
    updateRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount'),
    deleteRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount'),
    rotateSigningKey: /*  */ row(has('keys:manage'), /* */ 'changesByAccount'),
    revokeSigningKey: /*  */ row(has('keys:manage'), /* */ 'changesByAccount'),
  },

  User: {
    id: row(anyone),
    username: row(anyone),
    firstName: row(anyone),
    lastName: row(anyone),
    // Not nullable in the contract, so it cannot be withheld without losing the rest of the account.
    createdAt: row(anyone),
    middleName: row(selfOr('users:read')),
    email: row(selfOr('users:read')),
    phone: row(selfOr('users:read')),
    telegram: row(selfOr('users:read')),
    country: row(selfOr('users:read')),
    birthDate: row(selfOr('users:read')),
    role: row(selfOr('users:read')),
    roles: row(selfOr('users:read')),
    permissions: row(selfOr('users:read')),
    status: row(selfOr('users:read')),
    isEmailVerified: row(selfOr('users:read')),
    passwordChangedAt: row(selfOr('users:read')),
    lastSignInAt: row(selfOr('users:read')),
    updatedAt: row(selfOr('users:read')),
    deletedAt: row(selfOr('users:read')),
    sessions: row(selfOr('sessions:manage')),
  },

  // Reached only by those who may see all of it: references.ts and the fields above decide.
  Session: open('id createdAt lastSeenAt expiresAt ipAddress device location amr aal current'),
  // The gateway alone, which may follow any reference, sees a role's name and place, and not what it opens.
  Role: {
    ...open('id name description rank builtIn'),
    permissions: row(signedIn),
    userCount: row(signedIn),
  },
  Service: open('id name description status createdAt updatedAt'),
  Permission: open('name description builtIn'),
  SigningKey: open('kid algorithm state publishedAt activatesAt retiredAt removedAt'),
  AuthPayload: open('user accessToken refreshToken tokenType expiresAt refreshExpiresAt deviceToken session'),
  MfaChallenge: open('challengeToken methods expiresAt'),
  EmailVerificationPending: open('email'),
  PasswordChange: open('passwordChangedAt requiresReauthentication'),
  TokenVerification: open('valid reason subject user sessionId issuer scopes expiresAt'),
  Subject: open('id type username email role roles permissions'),
  PageInfo: open('hasNextPage hasPreviousPage startCursor endCursor'),
  UserConnection: page,
  UserEdge: edge,
  RoleConnection: page,
  RoleEdge: edge,
  SessionConnection: page,
  SessionEdge: edge,
  _Service: open('sdl'),
};

/** Mutations that check or set a secret: at most one of them in a document. */
export const credentialMutations: ReadonlySet<string> = new Set([
  'signUp',
  'signIn',
  'changePassword',
  'deleteMe',
  'verifyEmail',
  'resendVerificationEmail',
]);
