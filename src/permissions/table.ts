import type { Assurance } from '../domain/access.js';
import type { LimitName } from '../domain/limits.js';
import {
  accountOrService,
  anyone,
  has,
  hasOrScope,
  introspector,
  known,
  ownOr,
  referrer,
  selfOr,
  signedIn,
  thatServiceOr,
  verifier,
  visitor,
  type Rule,
} from './rules.js';
import type { Target } from './targets.js';

/**
 * Who may have a field, the limit that a call of it draws on, what is asked about the one that it is done to, and what the
 * session must have proved.
 *
 * `aal2` marks what an account that has a second factor, an authenticator app or a passkey, does with it or not at all: the
 * session must have `proved` it, at whatever time, or it must be `fresh`, proved within the last five minutes. Else the answer
 * is INSUFFICIENT_AAL, and `stepUp` or `stepUpWithPasskey` opens the way without a new sign-in. An account that has none
 * is asked for none: whether it must have one is the policy's to say (MFA_REQUIRED_FROM).
 */
export interface Row {
  readonly rule: Rule;
  readonly limit?: LimitName;
  readonly target?: Target;
  readonly aal2?: Assurance;
}

const row = (rule: Rule, limit?: LimitName, target?: Target, aal2?: Assurance): Row => ({
  rule,
  ...(limit && { limit }),
  ...(target && { target }),
  ...(aal2 && { aal2 }),
});

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
    _service: row(anyone, 'readsByCaller'),
    _entities: row(referrer, 'readsByCaller'),
    me: row(signedIn, 'readsByCaller'),
    user: row(accountOrService, 'readsByCaller'),
    users: row(hasOrScope('users:read'), 'reportsByCaller'),
    role: row(has('roles:read'), 'readsByCaller'),
    roles: row(has('roles:read'), 'readsByCaller'),
    permissions: row(has('roles:read'), 'readsByCaller'),
    businessRole: row(has('roles:read'), 'readsByCaller'),
    businessRoles: row(has('roles:read'), 'readsByCaller'),
    service: row(thatServiceOr('services:read'), 'readsByCaller'),
    services: row(has('services:read'), 'readsByCaller'),
    verifyToken: row(verifier, 'verificationsByCaller'),
    verifyTokens: row(known, 'verificationsByCaller'),
    verifyServiceToken: row(introspector, 'verificationsByCaller'),
    signingKeys: row(has('keys:manage'), 'readsByCaller'),
    securityAlerts: row(has('audit:read'), 'reportsByCaller'),
    accessReport: row(has('reports:read'), 'reportsByCaller'),
    auditEvents: row(has('audit:read'), 'reportsByCaller'),
  },
  Mutation: {
    //                       who                          limit                 whom    aal2
    signUp: /*            */ row(visitor, /*           */ 'signUpFromAddress'),
    signIn: /*            */ row(visitor, /*           */ 'signInFromAddress'),
    verifyMfa: /*         */ row(visitor, /*           */ 'signInFromAddress'),
    refresh: /*           */ row(visitor, /*           */ 'refreshFromAddress'),
    revoke: /*            */ row(anyone, /*            */ 'revokeFromAddress'),
    verifyEmail: /*       */ row(visitor, /*           */ 'linksFromAddress'),
    resendVerificationEmail: row(visitor, /*           */ 'linksFromAddress'),
    forgotPassword: /*    */ row(visitor, /*           */ 'linksFromAddress'),
    resetPassword: /*     */ row(visitor, /*           */ 'linksFromAddress'),
    confirmEmailChange: /**/ row(visitor, /*           */ 'linksFromAddress'),
    undoEmailChange: /*   */ row(visitor, /*           */ 'linksFromAddress'),
    passkeySignInOptions: row(visitor, /*           */ 'signInFromAddress'),
    signInWithPasskey: /* */ row(visitor, /*           */ 'signInFromAddress'),
    passkeyChallengeOptions: row(visitor, /*           */ 'signInFromAddress'),
    verifyMfaWithPasskey: /**/ row(visitor, /*         */ 'signInFromAddress'),
    signOut: /*           */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    signOutOthers: /*     */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    revokeSession: /*     */ row(signedIn, /*          */ 'changesByAccount', 'self, sessions:manage'),
    revokeUserSessions: /**/ row(has('sessions:manage'), 'changesByAccount', 'self, lower'),
    updateMe: /*          */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    changePassword: /*    */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    changeEmail: /*       */ row(signedIn, /*          */ 'changesByAccount', 'self', 'fresh'),
    deleteMe: /*          */ row(signedIn, /*          */ 'changesByAccount', 'self', 'proved'),
    enrollTotp: /*        */ row(signedIn, /*          */ 'changesByAccount', 'self', 'fresh'),
    confirmTotp: /*       */ row(signedIn, /*          */ 'changesByAccount', 'self', 'fresh'),
    disableMfa: /*        */ row(signedIn, /*          */ 'changesByAccount', 'self', 'fresh'),
    regenerateRecoveryCodes: row(signedIn, /*          */ 'changesByAccount', 'self', 'fresh'),
    stepUp: /*            */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    passkeyRegistrationOptions: row(signedIn, /*       */ 'changesByAccount', 'self', 'fresh'),
    registerPasskey: /*   */ row(signedIn, /*          */ 'changesByAccount', 'self', 'fresh'),
    renamePasskey: /*     */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    removePasskey: /*     */ row(signedIn, /*          */ 'changesByAccount', 'self', 'fresh'),
    passkeyStepUpOptions: /**/ row(signedIn, /*        */ 'changesByAccount', 'self'),
    stepUpWithPasskey: /* */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    createUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount', 'role', 'proved'),
    resendInvitation: /*  */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    updateUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount', 'lower', 'proved'),
    deleteUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount', 'lower', 'proved'),
    restoreUser: /*       */ row(has('users:manage'), /**/ 'changesByAccount', 'lower', 'proved'),
    suspendUser: /*       */ row(has('users:manage'), /**/ 'changesByAccount', 'lower', 'proved'),
    reinstateUser: /*     */ row(has('users:manage'), /**/ 'changesByAccount', 'lower', 'proved'),
    resetUserMfa: /*      */ row(has('users:manage'), /**/ 'changesByAccount', 'lower', 'fresh'),
    setUserRoles: /*      */ row(has('users:manage'), /**/ 'changesByAccount', 'lower & role', 'proved'),
    exportUserData: /*    */ row(
      ownOr('userId', 'users:export'),
      'changesByAccount',
      'self, users:export',
      'proved',
    ),
    eraseUser: /*         */ row(has('users:erase'), /* */ 'changesByAccount', 'lower', 'fresh'),
    createRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount', 'role', 'proved'),
    updateRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount', 'role', 'proved'),
    deleteRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount', 'role', 'proved'),
    createPermission: /*  */ row(has('roles:manage'), /**/ 'changesByAccount'),
    deletePermission: /*  */ row(has('roles:manage'), /**/ 'changesByAccount', 'role', 'proved'),
    setUserServices: /*   */ row(has('users:manage'), /**/ 'changesByAccount', 'lower & held', 'proved'),
    createBusinessRole: /**/ row(has('roles:manage'), /**/ 'changesByAccount', 'held', 'proved'),
    updateBusinessRole: /**/ row(has('roles:manage'), /**/ 'changesByAccount', 'held', 'proved'),
    deleteBusinessRole: /**/ row(has('roles:manage'), /**/ 'changesByAccount', 'held', 'proved'),
    createService: /*     */ row(has('services:manage'), 'changesByAccount'),
    updateService: /*     */ row(has('services:manage'), 'changesByAccount', undefined, 'proved'),
    deleteService: /*     */ row(has('services:manage'), 'changesByAccount', undefined, 'proved'),
    issueServiceToken: /* */ row(has('services:manage'), 'changesByAccount', 'scopes', 'proved'),
    rotateServiceToken: /**/ row(has('services:manage'), 'changesByAccount', 'scopes', 'proved'),
    revokeServiceToken: /**/ row(has('services:manage'), 'changesByAccount'),
    acknowledgeAlert: /*  */ row(has('alerts:manage'), /* */ 'changesByAccount'),
    rotateSigningKey: /*  */ row(has('keys:manage'), /* */ 'changesByAccount', undefined, 'fresh'),
    revokeSigningKey: /*  */ row(has('keys:manage'), /* */ 'changesByAccount', undefined, 'fresh'),
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
    services: row(selfOr('users:read')),
    status: row(selfOr('users:read')),
    isEmailVerified: row(selfOr('users:read')),
    mfaEnabled: row(selfOr('users:read')),
    passwordChangedAt: row(selfOr('users:read')),
    lastSignInAt: row(selfOr('users:read')),
    updatedAt: row(selfOr('users:read')),
    deletedAt: row(selfOr('users:read')),
    passkeys: row(selfOr('users:read')),
    sessions: row(selfOr('sessions:manage')),
  },

  // Reached only by those who may see all of it: references.ts and the fields above decide.
  Session: open('id createdAt lastSeenAt expiresAt ipAddress device location amr aal current'),
  // The gateway alone, which may follow any reference, sees a role's name and place, and not what it opens.
  Role: {
    ...open('id name description rank builtIn'),
    permissions: row(signedIn),
    // How many there are of anything is no business of theirs, and dear to count.
    userCount: row(has('roles:read')),
  },
  BusinessRole: open('id name description service permissions'),
  Service: {
    ...open('id name description status createdAt updatedAt'),
    accounts: row(hasOrScope('users:read')),
    tokens: row(has('services:manage')),
  },
  ServiceToken: open('id label prefix scopes createdAt expiresAt lastUsedAt revokedAt'),
  IssuedServiceToken: open('token serviceToken'),
  ServiceTokenVerification: open('valid reason service scopes expiresAt'),
  ServiceAccess: open('service role status expiresAt valid'),
  Permission: open('name description builtIn'),
  SecurityAlert: open('id type severity status subject raisedAt details acknowledgedAt acknowledgedBy'),
  SecurityAlertConnection: page,
  SecurityAlertEdge: edge,
  SigningKey: open('kid algorithm state publishedAt activatesAt retiredAt removedAt'),
  AuthPayload: open(
    'user accessToken refreshToken tokenType expiresAt refreshExpiresAt deviceToken session mfaEnrollmentRequired',
  ),
  MfaChallenge: open('challengeToken methods expiresAt'),
  TotpEnrollment: open('secret otpauthUri qrCode'),
  RecoveryCodes: open('codes'),
  Passkey: open('id name createdAt lastUsedAt'),
  EmailVerificationPending: open('email'),
  PasswordChange: open('passwordChangedAt requiresReauthentication'),
  TokenVerification: open('valid reason subject user service sessionId issuer scopes expiresAt'),
  Subject: open('id type externalId username email role roles permissions'),
  AuditEvent: open('id occurredAt type outcome actor subject ipAddress userAgent requestId details'),
  AuditEventConnection: page,
  AuditEventEdge: edge,
  AccessReport: open('rows csv'),
  AccessReportRow: open(
    'day role service signIns failures denials verifications newAccounts deletedAccounts',
  ),
  PageInfo: open('hasNextPage hasPreviousPage startCursor endCursor'),
  UserConnection: page,
  UserEdge: edge,
  RoleConnection: page,
  RoleEdge: edge,
  BusinessRoleConnection: page,
  BusinessRoleEdge: edge,
  ServiceConnection: page,
  ServiceEdge: edge,
  SessionConnection: page,
  SessionEdge: edge,
  _Service: open('sdl'),
};

/** Mutations that check or set a secret: at most one of them in a document. */
export const credentialMutations: ReadonlySet<string> = new Set([
  'signUp',
  'signIn',
  'verifyMfa',
  'enrollTotp',
  'confirmTotp',
  'disableMfa',
  'regenerateRecoveryCodes',
  'stepUp',
  'passkeyRegistrationOptions',
  'registerPasskey',
  'removePasskey',
  'passkeySignInOptions',
  'signInWithPasskey',
  'passkeyChallengeOptions',
  'verifyMfaWithPasskey',
  'stepUpWithPasskey',
  'changePassword',
  'changeEmail',
  'confirmEmailChange',
  'undoEmailChange',
  'deleteMe',
  'verifyEmail',
  'resendVerificationEmail',
  'forgotPassword',
  'resetPassword',
  'issueServiceToken',
  'rotateServiceToken',
]);

/**
 * What is left to an account that must have a second factor, in a session that has not proved one: to set it up or prove
 * it, to see who it is, and to leave. Besides, what {@link anyone} and {@link visitor} may have.
 */
export const openToWithheld: ReadonlySet<string> = new Set([
  'Query.me',
  'Query.verifyToken',
  'Query.verifyTokens',
  'Mutation.enrollTotp',
  'Mutation.confirmTotp',
  'Mutation.passkeyRegistrationOptions',
  'Mutation.registerPasskey',
  'Mutation.stepUp',
  'Mutation.passkeyStepUpOptions',
  'Mutation.stepUpWithPasskey',
  'Mutation.signOut',
  'User.email',
  'User.status',
  'User.isEmailVerified',
  'User.role',
  'User.roles',
  'User.mfaEnabled',
  'User.passkeys',
]);
