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

/** Who may have a field, the limit that a call of it draws on, and what is asked about the one that it is done to. */
export interface Row {
  readonly rule: Rule;
  readonly limit?: LimitName;
  readonly target?: Target;
}

const row = (rule: Rule, limit?: LimitName, target?: Target): Row => ({
  rule,
  ...(limit && { limit }),
  ...(target && { target }),
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
    _service: row(anyone),
    _entities: row(referrer),
    me: row(signedIn),
    user: row(accountOrService),
    users: row(hasOrScope('users:read')),
    role: row(has('roles:read')),
    roles: row(has('roles:read')),
    permissions: row(has('roles:read')),
    businessRole: row(has('roles:read')),
    businessRoles: row(has('roles:read')),
    service: row(thatServiceOr('services:read')),
    services: row(has('services:read')),
    verifyToken: row(verifier),
    verifyTokens: row(known),
    verifyServiceToken: row(introspector),
    signingKeys: row(has('keys:manage')),
    securityAlerts: row(has('audit:read')),
    accessReport: row(has('reports:read')),
    auditEvents: row(has('audit:read')),
  },
  Mutation: {
    //                       who                          limit                 whom
    signUp: /*            */ row(visitor, /*           */ 'signUpFromAddress'),
    signIn: /*            */ row(visitor, /*           */ 'signInFromAddress'),
    verifyMfa: /*         */ row(visitor, /*           */ 'signInFromAddress'),
    refresh: /*           */ row(visitor, /*           */ 'refreshFromAddress'),
    revoke: /*            */ row(anyone, /*            */ 'revokeFromAddress'),
    verifyEmail: /*       */ row(visitor, /*           */ 'linksFromAddress'),
    resendVerificationEmail: row(visitor, /*           */ 'linksFromAddress'),
    forgotPassword: /*    */ row(visitor, /*           */ 'linksFromAddress'),
    resetPassword: /*     */ row(visitor, /*           */ 'linksFromAddress'),
    passkeySignInOptions: row(visitor, /*           */ 'signInFromAddress'),
    signInWithPasskey: /* */ row(visitor, /*           */ 'signInFromAddress'),
    passkeyChallengeOptions: row(visitor, /*           */ 'signInFromAddress'),
    verifyMfaWithPasskey: /**/ row(visitor, /*         */ 'signInFromAddress'),
    signOut: /*           */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    revokeSession: /*     */ row(signedIn, /*          */ 'changesByAccount', 'self, sessions:manage'),
    revokeUserSessions: /**/ row(has('sessions:manage'), 'changesByAccount', 'self, lower'),
    updateMe: /*          */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    changePassword: /*    */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    deleteMe: /*          */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    enrollTotp: /*        */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    confirmTotp: /*       */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    disableMfa: /*        */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    regenerateRecoveryCodes: row(signedIn, /*          */ 'changesByAccount', 'self'),
    stepUp: /*            */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    passkeyRegistrationOptions: row(signedIn, /*       */ 'changesByAccount', 'self'),
    registerPasskey: /*   */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    renamePasskey: /*     */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    removePasskey: /*     */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    passkeyStepUpOptions: /**/ row(signedIn, /*        */ 'changesByAccount', 'self'),
    stepUpWithPasskey: /* */ row(signedIn, /*          */ 'changesByAccount', 'self'),
    createUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount', 'role'),
    resendInvitation: /*  */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    updateUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    deleteUser: /*        */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    restoreUser: /*       */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    suspendUser: /*       */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    reinstateUser: /*     */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    resetUserMfa: /*      */ row(has('users:manage'), /**/ 'changesByAccount', 'lower'),
    setUserRoles: /*      */ row(has('users:manage'), /**/ 'changesByAccount', 'lower & role'),
    exportUserData: /*    */ row(ownOr('userId', 'users:export'), 'changesByAccount', 'self, users:export'),
    eraseUser: /*         */ row(has('users:erase'), /* */ 'changesByAccount', 'lower'),
    createRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount', 'role'),
    updateRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount', 'role'),
    deleteRole: /*        */ row(has('roles:manage'), /**/ 'changesByAccount', 'role'),
    createPermission: /*  */ row(has('roles:manage'), /**/ 'changesByAccount'),
    deletePermission: /*  */ row(has('roles:manage'), /**/ 'changesByAccount', 'role'),
    setUserServices: /*   */ row(has('users:manage'), /**/ 'changesByAccount', 'lower & held'),
    createBusinessRole: /**/ row(has('roles:manage'), /**/ 'changesByAccount', 'held'),
    updateBusinessRole: /**/ row(has('roles:manage'), /**/ 'changesByAccount', 'held'),
    deleteBusinessRole: /**/ row(has('roles:manage'), /**/ 'changesByAccount', 'held'),
    createService: /*     */ row(has('services:manage'), 'changesByAccount'),
    updateService: /*     */ row(has('services:manage'), 'changesByAccount'),
    deleteService: /*     */ row(has('services:manage'), 'changesByAccount'),
    issueServiceToken: /* */ row(has('services:manage'), 'changesByAccount', 'scopes'),
    rotateServiceToken: /**/ row(has('services:manage'), 'changesByAccount', 'scopes'),
    revokeServiceToken: /**/ row(has('services:manage'), 'changesByAccount'),
    acknowledgeAlert: /*  */ row(has('alerts:manage'), /* */ 'changesByAccount'),
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
  AuthPayload: open('user accessToken refreshToken tokenType expiresAt refreshExpiresAt deviceToken session'),
  MfaChallenge: open('challengeToken methods expiresAt'),
  TotpEnrollment: open('secret otpauthUri qrCode'),
  RecoveryCodes: open('codes'),
  Passkey: open('id name createdAt lastUsedAt'),
  EmailVerificationPending: open('email'),
  PasswordChange: open('passwordChangedAt requiresReauthentication'),
  TokenVerification: open('valid reason subject user service sessionId issuer scopes expiresAt'),
  Subject: open('id type username email role roles permissions'),
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
  'deleteMe',
  'verifyEmail',
  'resendVerificationEmail',
  'forgotPassword',
  'resetPassword',
  'issueServiceToken',
  'rotateServiceToken',
]);
