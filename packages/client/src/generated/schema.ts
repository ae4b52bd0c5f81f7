export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A country as its ISO 3166-1 alpha-2 code, such as PT; lower case is accepted and answered in upper case. XK, in general use for Kosovo, is accepted too. */
  CountryCode: { input: string; output: string; }
  /** A day of the calendar as YYYY-MM-DD, such as 1990-02-28. */
  Date: { input: string; output: string; }
  /** A moment in time as RFC 3339 in UTC, such as 2026-11-22T09:30:00.000Z. */
  DateTime: { input: string; output: string; }
  /** An email address of at most 254 characters, such as ana@example.com. */
  EmailAddress: { input: string; output: string; }
  /** Any value that JSON can write: an object, a list, a text, a number, true, false or null. */
  JSON: { input: unknown; output: unknown; }
};

/** Sign-ins and access by day, role and service. */
export type AccessReport = {
  readonly __typename?: 'AccessReport';
  /** The same as comma-separated values with a line of headings (RFC 4180). */
  readonly csv: Scalars['String']['output'];
  /** One line for each day, role and service with anything to tell. */
  readonly rows: ReadonlyArray<AccessReportRow>;
};

/** What happened on one day among the accounts of one role: at one service, or here. */
export type AccessReportRow = {
  readonly __typename?: 'AccessReportRow';
  /** The day, in UTC. */
  readonly day: Scalars['Date']['output'];
  /** Accounts that were deleted. */
  readonly deletedAccounts: Scalars['Int']['output'];
  /** Calls that were denied and tokens that were refused. */
  readonly denials: Scalars['Int']['output'];
  /** Sign-ins that failed. */
  readonly failures: Scalars['Int']['output'];
  /** Accounts that were created. */
  readonly newAccounts: Scalars['Int']['output'];
  /** The role of highest rank that these accounts have now; null where no account is known. */
  readonly role?: Maybe<Scalars['String']['output']>;
  /** Name of the service that was used or asked; null for what happened here. */
  readonly service?: Maybe<Scalars['String']['output']>;
  /** Sign-ins that succeeded. */
  readonly signIns: Scalars['Int']['output'];
  /** Tokens that were verified and found good. */
  readonly verifications: Scalars['Int']['output'];
};

/** How much a suspicion matters. */
export type AlertSeverity =
  /** Worth looking into at once. */
  | 'HIGH'
  /** Worth knowing; mostly harmless. */
  | 'LOW'
  /** Worth looking into. */
  | 'MEDIUM';

/** Whether somebody has taken note of an alert. */
export type AlertStatus =
  /** Somebody has taken note of it. */
  | 'ACKNOWLEDGED'
  /** Nobody has taken note of it yet. */
  | 'OPEN';

/** One line of the audit record, which is only ever added to. It holds ids, names of roles and codes, and no secret. */
export type AuditEvent = {
  readonly __typename?: 'AuditEvent';
  /** Id of the account or service that did it; null for the service itself and for callers without a name. */
  readonly actor?: Maybe<Scalars['String']['output']>;
  /** What else belongs to an event of this type: before and after, the reason, or a count where alike events within a second are one. */
  readonly details?: Maybe<Scalars['JSON']['output']>;
  /** The event; a UUIDv7. */
  readonly id: Scalars['ID']['output'];
  /** The address it was asked from, where it is known. */
  readonly ipAddress?: Maybe<Scalars['String']['output']>;
  /** When it happened, by the clock of the database. */
  readonly occurredAt: Scalars['DateTime']['output'];
  /** How it came out. */
  readonly outcome: AuditOutcome;
  /** The request, as in the log and in x-request-id; of events that count several, the first one. */
  readonly requestId?: Maybe<Scalars['String']['output']>;
  /** Id of the account or thing that it was done to; null where there is none. */
  readonly subject?: Maybe<Scalars['String']['output']>;
  /** What happened, such as sign_in.succeeded or roles.set. */
  readonly type: Scalars['String']['output'];
  /** The program it was asked with, in its own words. */
  readonly userAgent?: Maybe<Scalars['String']['output']>;
};

/** One page of audit events. */
export type AuditEventConnection = {
  readonly __typename?: 'AuditEventConnection';
  /** The items with their cursors. */
  readonly edges: ReadonlyArray<AuditEventEdge>;
  /** The items alone, for readers who need no cursors. */
  readonly nodes: ReadonlyArray<AuditEvent>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** How many items the whole list holds under the same filter; counted only when asked for. */
  readonly totalCount: Scalars['Int']['output'];
};

/** One place in a list of audit events. */
export type AuditEventEdge = {
  readonly __typename?: 'AuditEventEdge';
  /** This place, for `after` and `before`; opaque. */
  readonly cursor: Scalars['String']['output'];
  /** The item at this place. */
  readonly node: AuditEvent;
};

/** Which audit events are wanted; every condition that is given must be met. */
export type AuditFilter = {
  /** Only what this account or service did. */
  readonly actor?: InputMaybe<Scalars['String']['input']>;
  /** Only what happened at this moment or later. */
  readonly occurredAfter?: InputMaybe<Scalars['DateTime']['input']>;
  /** Only what happened before this moment. */
  readonly occurredBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** Only what came out like this. */
  readonly outcome?: InputMaybe<AuditOutcome>;
  /** Only what this request did. */
  readonly requestId?: InputMaybe<Scalars['String']['input']>;
  /** Only what was done to this account or thing. */
  readonly subject?: InputMaybe<Scalars['String']['input']>;
  /** Only of this type. */
  readonly type?: InputMaybe<Scalars['String']['input']>;
  /** Only of one of these types; at most 50. */
  readonly types?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** How something that was recorded came out. */
export type AuditOutcome =
  /** Whoever asked may not have it. */
  | 'DENIED'
  /** It was tried in vain: a wrong password, a token that is not valid. */
  | 'FAILURE'
  /** It was done. */
  | 'SUCCESS';

/** The tokens of a session, after signing up, signing in or refreshing. */
export type AuthPayload = {
  readonly __typename?: 'AuthPayload';
  /** Short-lived JWT (RFC 9068, typ at+jwt) to send as a bearer token. */
  readonly accessToken: Scalars['String']['output'];
  /** Marks this device as known for half a year when sent with the next sign-in; worthless without a password. Null unless a password or a passkey was proved just now. */
  readonly deviceToken?: Maybe<Scalars['String']['output']>;
  /** When the access token expires. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** Whether the account must set a second factor up before it may do anything else in this session: enrollTotp and confirmTotp, or passkeyRegistrationOptions and registerPasskey. Everything else answers INSUFFICIENT_AAL until then. */
  readonly mfaEnrollmentRequired: Scalars['Boolean']['output'];
  /** When the refresh token expires. */
  readonly refreshExpiresAt: Scalars['DateTime']['output'];
  /** Opaque and single-use: `refresh` exchanges it for the next pair of tokens. */
  readonly refreshToken: Scalars['String']['output'];
  /** The session the tokens belong to. */
  readonly session: Session;
  /** How to send the access token; always "Bearer". */
  readonly tokenType: Scalars['String']['output'];
  /** Who is signed in. */
  readonly user: User;
};

/** What an account is inside one application: provider, patient, cashier. It is given with access to a service; what it permits adds to what the account’s roles permit wherever that service is asked about, and nowhere else. */
export type BusinessRole = {
  readonly __typename?: 'BusinessRole';
  /** What it is for. */
  readonly description?: Maybe<Scalars['String']['output']>;
  /** The business role; a UUIDv7. */
  readonly id: Scalars['ID']['output'];
  /** Its name, unique without regard to case within its service, or among the general ones. */
  readonly name: Scalars['String']['output'];
  /** Names of the permissions that it carries, all of them applications’ own. */
  readonly permissions: ReadonlyArray<Scalars['String']['output']>;
  /** The one service that it can be given at; null for a general one. */
  readonly service?: Maybe<Service>;
};

/** One page of business roles. */
export type BusinessRoleConnection = {
  readonly __typename?: 'BusinessRoleConnection';
  /** The items with their cursors. */
  readonly edges: ReadonlyArray<BusinessRoleEdge>;
  /** The items alone, for readers who need no cursors. */
  readonly nodes: ReadonlyArray<BusinessRole>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** How many items the whole list holds under the same filter; counted only when asked for. */
  readonly totalCount: Scalars['Int']['output'];
};

/** One place in a list of business roles. */
export type BusinessRoleEdge = {
  readonly __typename?: 'BusinessRoleEdge';
  /** This place, for `after` and `before`; opaque. */
  readonly cursor: Scalars['String']['output'];
  /** The item at this place. */
  readonly node: BusinessRole;
};

/** A new business role. */
export type CreateBusinessRoleInput = {
  /** What it is for. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** 2 to 64 letters, digits, _ or -, a letter first; unique without regard to case within its service, or among the general ones. */
  readonly name: Scalars['String']['input'];
  /** Names of applications’ permissions, all of which you hold; the platform’s own belong in roles. */
  readonly permissions: ReadonlyArray<Scalars['String']['input']>;
  /** The one service that it can be given at, for good; general, for any service, when left out. */
  readonly serviceId?: InputMaybe<Scalars['ID']['input']>;
};

/** A new role. */
export type CreateRoleInput = {
  /** What the role is for. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** A unique name. */
  readonly name: Scalars['String']['input'];
  /** Names of the permissions it carries. */
  readonly permissions: ReadonlyArray<Scalars['String']['input']>;
  /** Its place in the order of roles, below your own; higher is more. */
  readonly rank: Scalars['Int']['input'];
};

/** A new service. */
export type CreateServiceInput = {
  /** What the service does. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** A unique name in kebab-case: 2 to 64 lower-case letters and digits in words joined by -. */
  readonly name: Scalars['String']['input'];
};

/** What an administrator tells of somebody who gets an account. What sign-up would ask for beyond the compulsory fields may be left out. The password is set through the mailed link. */
export type CreateUserInput = {
  /** Date of birth, at least the minimum age ago (13 years unless configured). */
  readonly birthDate?: InputMaybe<Scalars['Date']['input']>;
  /** Country of residence. */
  readonly country?: InputMaybe<Scalars['CountryCode']['input']>;
  /** Where the invitation goes; unique without regard to case. */
  readonly email: Scalars['EmailAddress']['input'];
  /** Given name. */
  readonly firstName: Scalars['String']['input'];
  /** Family name. */
  readonly lastName?: InputMaybe<Scalars['String']['input']>;
  /** Middle name or patronymic. */
  readonly middleName?: InputMaybe<Scalars['String']['input']>;
  /** Telephone number. */
  readonly phone?: InputMaybe<Scalars['String']['input']>;
  /** The roles of the account, each of lower rank than one’s own; the default role when left out or empty. */
  readonly roleIds?: InputMaybe<ReadonlyArray<Scalars['ID']['input']>>;
  /** Telegram handle. */
  readonly telegram?: InputMaybe<Scalars['String']['input']>;
  /** 2 to 64 characters, unique without regard to case. */
  readonly username: Scalars['String']['input'];
};

/** No tokens yet: the deployment asks for a confirmed email address, and a link was mailed to it. */
export type EmailVerificationPending = {
  readonly __typename?: 'EmailVerificationPending';
  /** Where the link was sent. */
  readonly email: Scalars['EmailAddress']['output'];
};

/** What to issue. All of it may be left out. */
export type IssueServiceTokenInput = {
  /** When it ends by itself: in 90 days unless said otherwise, at most in ten years. */
  readonly expiresAt?: InputMaybe<Scalars['DateTime']['input']>;
  /** What the token is for, for recognition; at most 100 characters. */
  readonly label?: InputMaybe<Scalars['String']['input']>;
  /** What it may be used for besides verifying for its own service: users:read to read accounts with their private fields, tokens:introspect to verify for other services, tokens:revoke to end tokens that it is shown; and permissions of applications, for the services that it calls. You give what you hold; tokens:revoke asks for sessions:manage. */
  readonly scopes?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** A token that was just issued. */
export type IssuedServiceToken = {
  readonly __typename?: 'IssuedServiceToken';
  /** What is kept of it. */
  readonly serviceToken: ServiceToken;
  /** The token itself, shown this once: ags_, its id, its secret and a checksum. */
  readonly token: Scalars['String']['output'];
};

/** The password was right; a second factor is needed to finish the sign-in. */
export type MfaChallenge = {
  readonly __typename?: 'MfaChallenge';
  /** Says which sign-in is to be finished; good for that alone. */
  readonly challengeToken: Scalars['String']['output'];
  /** Until when the sign-in can be finished. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** The ways this account can prove the second factor. */
  readonly methods: ReadonlyArray<MfaMethod>;
};

/** A way to prove a second factor. */
export type MfaMethod =
  /** A passkey on a phone, a computer or a security key. */
  | 'PASSKEY'
  /** One of the single-use codes kept for the day the other ways are lost. */
  | 'RECOVERY_CODE'
  /** A six-digit code from an authenticator app. */
  | 'TOTP';

/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Takes note of an alert, for holders of alerts:manage; one that was taken note of before stays as it is. */
  readonly acknowledgeAlert: SecurityAlert;
  /** Sends a link to the new address, good for one day; the old one is told, with a link to undo. Always true, in the same time, whether or not the new address belongs to somebody. INSUFFICIENT_AAL where the account has a second factor that this session did not prove in the last five minutes. */
  readonly changeEmail: Scalars['Boolean']['output'];
  /** Sets a new password. Every other session ends; this one stays when asked. */
  readonly changePassword: PasswordChange;
  /** Moves an account to a new address by the token that was mailed there. Every session ends but the one that asked, and the old address gets a link to undo it for seven days. CONFLICT when somebody else has the address by now. */
  readonly confirmEmailChange: Scalars['Boolean']['output'];
  /** Confirms the proposed app by its first code: from now on signing in asks for one. This session reaches aal 2, every other session ends. CONFLICT when nothing waits for confirmation. */
  readonly confirmTotp: RecoveryCodes;
  /** Adds a business role with permissions that one holds; for holders of roles:manage. */
  readonly createBusinessRole: BusinessRole;
  /** Adds a permission of an application, which roles, business roles and service tokens may then carry. OWNER carries it at once; whoever is not an owner cannot give what they do not hold. */
  readonly createPermission: Permission;
  /** Adds a role of lower rank than one’s own, with permissions that one holds. */
  readonly createRole: Role;
  /** Registers a service, active at once; for holders of services:manage. */
  readonly createService: Service;
  /** Opens an account for somebody, without a password, and mails an invitation with the link that sets one, good for seven days. CONFLICT names every field that is taken. */
  readonly createUser: User;
  /** Deletes a business role of which one holds every permission; whoever had it keeps access to the service, as nothing in particular. For holders of roles:manage. */
  readonly deleteBusinessRole: Scalars['Boolean']['output'];
  /** Deletes the account that asks: every session ends and sign-in is refused. An administrator can restore it. */
  readonly deleteMe: Scalars['Boolean']['output'];
  /** Deletes a permission of an application, and takes it out of every role, business role and service token. Only who may edit all of those roles may do so; the platform's own stay. */
  readonly deletePermission: Scalars['Boolean']['output'];
  /** Deletes a role and takes it from everybody who has it; built-in roles stay. */
  readonly deleteRole: Scalars['Boolean']['output'];
  /** Deletes a service for good; for holders of services:manage. Its tokens are revoked, every access to it ends, its business roles are gone, and its name is free. */
  readonly deleteService: Scalars['Boolean']['output'];
  /** Soft delete: every session ends, sign-in is refused, the record stays. restoreUser undoes it. */
  readonly deleteUser: User;
  /** Removes the second factor and its recovery codes; every other session ends, and this one drops to aal 1, unless it has proved a passkey. Passkeys stay. INSUFFICIENT_AAL unless the session proved the factor within the last five minutes, as stepUp does. */
  readonly disableMfa: Scalars['Boolean']['output'];
  /** Proposes an authenticator app, which asks for nothing until confirmTotp. CONFLICT when the account has one. */
  readonly enrollTotp: TotpEnrollment;
  /** Removes the personal data of a deleted account for good; its id and its audit stay, and its email address and username are free again. CONFLICT while it is not deleted. Nothing undoes it. */
  readonly eraseUser: Scalars['Boolean']['output'];
  /** Everything held about one account, for the account itself or holders of users:export: profile, roles, service accesses, factors, sessions, links and what is on record of it, the newest 5,000 events and 1,000 sessions. No secret, and nothing of other people but their ids. */
  readonly exportUserData: Scalars['JSON']['output'];
  /** Mails a link that sets the password anew, good for one hour. Always true, in the same time, whether or not the account exists. */
  readonly forgotPassword: Scalars['Boolean']['output'];
  /** Issues a token to a service; its secret is shown this once. A service holds at most 20 live tokens, and a disabled one gets none: CONFLICT. */
  readonly issueServiceToken: IssuedServiceToken;
  /** What navigator.credentials.get needs to finish, with a passkey, a sign-in that answered MfaChallenge; verifyMfaWithPasskey takes its answer. Asking again voids the earlier answer. CONFLICT when the account has no passkey. */
  readonly passkeyChallengeOptions: Scalars['JSON']['output'];
  /** What navigator.credentials.create needs to make a passkey of this account; registerPasskey takes its answer, from this session and within five minutes. INSUFFICIENT_AAL where the account has a second factor that this session has not proved within the last five minutes; CONFLICT when there are 20 passkeys. */
  readonly passkeyRegistrationOptions: Scalars['JSON']['output'];
  /** What navigator.credentials.get needs to sign in with a passkey; signInWithPasskey takes its answer, once and within five minutes. Of a login that is unknown or has no passkey the answer has the same form. */
  readonly passkeySignInOptions: Scalars['JSON']['output'];
  /** What navigator.credentials.get needs to raise this session to aal 2 by a passkey; stepUpWithPasskey takes its answer. CONFLICT when the account has no passkey. */
  readonly passkeyStepUpOptions: Scalars['JSON']['output'];
  /** Spends a single-use refresh token for the next pair of tokens. Concurrent and retried calls inside the replay window get the same successor; any later use ends the session: REFRESH_TOKEN_REUSED. */
  readonly refresh: AuthPayload;
  /** Gives ten new recovery codes; the earlier ones are void and every other session ends. INSUFFICIENT_AAL unless the session proved the second factor within the last five minutes, as stepUp does. */
  readonly regenerateRecoveryCodes: RecoveryCodes;
  /** Adds the passkey that the browser has made; every other session ends. A passkey signs in without the password; it does not make the password sign-in ask for a second factor, but where one is asked for it is one way to prove it. */
  readonly registerPasskey: Passkey;
  /** Undoes suspendUser. */
  readonly reinstateUser: User;
  /** Removes one of one’s own passkeys; every other session ends, and with the last one this session drops to what else it has proved. INSUFFICIENT_AAL as with passkeyRegistrationOptions. */
  readonly removePasskey: Scalars['Boolean']['output'];
  /** Calls one of one’s own passkeys something else. */
  readonly renamePasskey: Passkey;
  /** Mails a new invitation to an account that has no password yet; the earlier link is void. CONFLICT once there is a password. */
  readonly resendInvitation: Scalars['Boolean']['output'];
  /** Mails a new link to confirm an address. Always true, whether or not there is such an account. */
  readonly resendVerificationEmail: Scalars['Boolean']['output'];
  /** Sets a password by the token of a mailed link: of a forgotten password or of an invitation. Every session of the account ends; a second factor stays. ONE_TIME_TOKEN_INVALID when the link was used or is too old; WEAK_PASSWORD leaves it good. */
  readonly resetPassword: Scalars['Boolean']['output'];
  /** Takes the second factor and every passkey off an account of lower rank whose owner has lost them: every session ends, and the password alone signs in again. What has none is left as it is. */
  readonly resetUserMfa: User;
  /** Undoes deleteUser, unless the account was erased. */
  readonly restoreUser: User;
  /** Ends an access or refresh token and its session; holding it is proof enough (RFC 7009). Unknown, ended and other issuers' tokens answer true and change nothing. A service ends its own tokens and JWTs by it too, and with tokens:revoke those of others. */
  readonly revoke: Scalars['Boolean']['output'];
  /** Ends a service token at once, everywhere; the others of its service stay. Twice is once. */
  readonly revokeServiceToken: Scalars['Boolean']['output'];
  /** Ends one session: one's own, or with sessions:manage somebody else's. */
  readonly revokeSession: Scalars['Boolean']['output'];
  /** Emergency: nothing signed by this key is trusted any more, and another one signs at once. */
  readonly revokeSigningKey: SigningKey;
  /** Ends every session of an account of lower rank; answers how many there were. */
  readonly revokeUserSessions: Scalars['Int']['output'];
  /** Issues the successor of a live token, with its label and scopes, for 90 days; its secret is shown this once. The old one stays valid for the overlap, and a third one beside these two is CONFLICT. */
  readonly rotateServiceToken: IssuedServiceToken;
  /** Publishes the next signing key now; it signs once every verifier had time to fetch it. Answers the one that waits already, if there is one. */
  readonly rotateSigningKey: SigningKey;
  /** Replaces the roles of an account. An empty list leaves the default role. */
  readonly setUserRoles: User;
  /** Replaces all service accesses of an account of lower rank by these, at most 100; for holders of users:manage. One gives, changes and takes away only what permits nothing beyond what one holds. */
  readonly setUserServices: User;
  /** Signs in by email address or username. An unknown login and a wrong password are indistinguishable in answer and time: INVALID_CREDENTIALS. Deleted and suspended are said only after the right password. */
  readonly signIn: SignInResult;
  /** Signs in by a passkey alone, which reaches aal 2, as the device has verified its user. Whatever is wrong with it is INVALID_CREDENTIALS; deleted and suspended are said only after the right passkey, and so is EMAIL_NOT_VERIFIED. */
  readonly signInWithPasskey: AuthPayload;
  /** Ends the session that asks, or every session of the account. */
  readonly signOut: Scalars['Boolean']['output'];
  /** Signs the account out everywhere else: every session but the one that asks ends. Answers how many did. */
  readonly signOutOthers: Scalars['Int']['output'];
  /** Opens an account and signs it in; or answers EmailVerificationPending where the deployment wants the email address confirmed first. CONFLICT names the field that is taken. */
  readonly signUp: SignUpResult;
  /** Raises this session to aal 2 without signing in again, and hands out its tokens anew: use the refresh token answered here from now on. */
  readonly stepUp: AuthPayload;
  /** Raises this session to aal 2 by a passkey, as stepUp does by a code, and hands out its tokens anew: use the refresh token answered here from now on. MFA_CODE_INVALID for a wrong one. */
  readonly stepUpWithPasskey: AuthPayload;
  /** Blocks sign-in and ends every session until reinstateUser. */
  readonly suspendUser: User;
  /** Keeps an account at the address that the token was mailed to, or puts it back there: this change and every later one are undone. Where the account had moved, every session ends, and a password, an authenticator app and passkeys that were set since are void. A link to set a new password is mailed there. */
  readonly undoEmailChange: Scalars['Boolean']['output'];
  /** Changes a business role of which one holds every permission, before and after; everybody who has it is affected at once. For holders of roles:manage. */
  readonly updateBusinessRole: BusinessRole;
  /** Changes the profile of the account that asks; what is left out stays. */
  readonly updateMe: User;
  /** Changes a role of lower rank than one’s own; everybody who has it is affected at once. */
  readonly updateRole: Role;
  /** Changes a service; for holders of services:manage. One that is disabled lets nobody in, from the next verification on. */
  readonly updateService: Service;
  /** Changes the profile of an account of lower rank; what is left out stays. */
  readonly updateUser: User;
  /** Confirms an email address by the token of the link that was mailed to it; ONE_TIME_TOKEN_INVALID when it was used or is too old. */
  readonly verifyEmail: Scalars['Boolean']['output'];
  /** Finishes a sign-in that answered MfaChallenge. Each code is good once: MFA_CODE_INVALID for a wrong or spent one. Five of them, or five minutes, end the challenge: MFA_CHALLENGE_EXPIRED. */
  readonly verifyMfa: AuthPayload;
  /** Finishes a sign-in that answered MfaChallenge, by a passkey, as verifyMfa does by a code: MFA_CODE_INVALID for a wrong one, and five wrong ones of either kind, or five minutes, end the challenge. */
  readonly verifyMfaWithPasskey: AuthPayload;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationAcknowledgeAlertArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationChangeEmailArgs = {
  newEmail: Scalars['EmailAddress']['input'];
  password: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationChangePasswordArgs = {
  currentPassword: Scalars['String']['input'];
  keepThisSession?: InputMaybe<Scalars['Boolean']['input']>;
  newPassword: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationConfirmEmailChangeArgs = {
  token: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationConfirmTotpArgs = {
  code: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationCreateBusinessRoleArgs = {
  input: CreateBusinessRoleInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationCreatePermissionArgs = {
  description?: InputMaybe<Scalars['String']['input']>;
  name: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationCreateRoleArgs = {
  input: CreateRoleInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationCreateServiceArgs = {
  input: CreateServiceInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationCreateUserArgs = {
  input: CreateUserInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationDeleteBusinessRoleArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationDeleteMeArgs = {
  password: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationDeletePermissionArgs = {
  name: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationDeleteRoleArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationDeleteServiceArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationDeleteUserArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationDisableMfaArgs = {
  code: Scalars['String']['input'];
  password: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationEnrollTotpArgs = {
  password: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationEraseUserArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationExportUserDataArgs = {
  userId: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationForgotPasswordArgs = {
  email: Scalars['EmailAddress']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationIssueServiceTokenArgs = {
  input?: InputMaybe<IssueServiceTokenInput>;
  serviceId: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationPasskeyChallengeOptionsArgs = {
  challengeToken: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationPasskeyRegistrationOptionsArgs = {
  password: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationPasskeySignInOptionsArgs = {
  login?: InputMaybe<Scalars['String']['input']>;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRefreshArgs = {
  refreshToken: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRegenerateRecoveryCodesArgs = {
  password: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRegisterPasskeyArgs = {
  name?: InputMaybe<Scalars['String']['input']>;
  response: Scalars['JSON']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationReinstateUserArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRemovePasskeyArgs = {
  id: Scalars['ID']['input'];
  password: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRenamePasskeyArgs = {
  id: Scalars['ID']['input'];
  name: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationResendInvitationArgs = {
  userId: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationResendVerificationEmailArgs = {
  email: Scalars['EmailAddress']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationResetPasswordArgs = {
  newPassword: Scalars['String']['input'];
  token: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationResetUserMfaArgs = {
  userId: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRestoreUserArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRevokeArgs = {
  token: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRevokeServiceTokenArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRevokeSessionArgs = {
  id: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRevokeSigningKeyArgs = {
  kid: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRevokeUserSessionsArgs = {
  userId: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationRotateServiceTokenArgs = {
  id: Scalars['ID']['input'];
  overlapSeconds?: InputMaybe<Scalars['Int']['input']>;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationSetUserRolesArgs = {
  roleIds: ReadonlyArray<Scalars['ID']['input']>;
  userId: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationSetUserServicesArgs = {
  services: ReadonlyArray<ServiceAccessInput>;
  userId: Scalars['ID']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationSignInArgs = {
  input: SignInInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationSignInWithPasskeyArgs = {
  deviceToken?: InputMaybe<Scalars['String']['input']>;
  response: Scalars['JSON']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationSignOutArgs = {
  everywhere?: InputMaybe<Scalars['Boolean']['input']>;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationSignUpArgs = {
  input: SignUpInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationStepUpArgs = {
  code: Scalars['String']['input'];
  method?: InputMaybe<MfaMethod>;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationStepUpWithPasskeyArgs = {
  response: Scalars['JSON']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationSuspendUserArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationUndoEmailChangeArgs = {
  token: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationUpdateBusinessRoleArgs = {
  id: Scalars['ID']['input'];
  input: UpdateBusinessRoleInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationUpdateMeArgs = {
  input: UpdateMeInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationUpdateRoleArgs = {
  id: Scalars['ID']['input'];
  input: UpdateRoleInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationUpdateServiceArgs = {
  id: Scalars['ID']['input'];
  input: UpdateServiceInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationUpdateUserArgs = {
  id: Scalars['ID']['input'];
  input: UpdateUserInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationVerifyEmailArgs = {
  token: Scalars['String']['input'];
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationVerifyMfaArgs = {
  input: VerifyMfaInput;
};


/** What may be done: entering and leaving, looking after one’s own account, recovery, administration. */
export type MutationVerifyMfaWithPasskeyArgs = {
  challengeToken: Scalars['String']['input'];
  deviceToken?: InputMaybe<Scalars['String']['input']>;
  response: Scalars['JSON']['input'];
};

/** Where a page stands in its list, after the Relay cursor specification. */
export type PageInfo = {
  readonly __typename?: 'PageInfo';
  /** Cursor of the last item; null on an empty page. */
  readonly endCursor?: Maybe<Scalars['String']['output']>;
  /** Whether there are items after this page. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** Whether there are items before this page. */
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  /** Cursor of the first item; null on an empty page. */
  readonly startCursor?: Maybe<Scalars['String']['output']>;
};

/** A passkey: a key on a phone, a computer or a security key that signs in without a password, or finishes a sign-in as second factor. */
export type Passkey = {
  readonly __typename?: 'Passkey';
  /** When it was registered. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** The passkey for ever; a UUIDv7. */
  readonly id: Scalars['ID']['output'];
  /** When it was last used; null if it never was. */
  readonly lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What its owner calls it; 1 to 64 characters. */
  readonly name: Scalars['String']['output'];
};

/** The password was changed, and every other session has ended. */
export type PasswordChange = {
  readonly __typename?: 'PasswordChange';
  /** When the new password took effect. */
  readonly passwordChangedAt: Scalars['DateTime']['output'];
  /** Whether this session ended too, so that one must sign in again; every other session has ended in any case. */
  readonly requiresReauthentication: Scalars['Boolean']['output'];
};

/** Something that a role lets its holders do. The platform's own are noun:verb and reserved; applications add theirs, under any name of letters, digits, _ : and - (READ_PATIENT, patients:read). All serve as scopes as well. */
export type Permission = {
  readonly __typename?: 'Permission';
  /** Whether it is one of the platform's own, which cannot be deleted. */
  readonly builtIn: Scalars['Boolean']['output'];
  /** What it lets its holders do. */
  readonly description?: Maybe<Scalars['String']['output']>;
  /** The unique name, such as users:read. */
  readonly name: Scalars['String']['output'];
};

/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type Query = {
  readonly __typename?: 'Query';
  /** Sign-ins, failures, denials, verifications, new and deleted accounts by day, role and service; for holders of reports:read. At most 366 days. */
  readonly accessReport: AccessReport;
  /** The audit record, newest first: every authentication, change of access and refusal; for holders of audit:read. Pages of at most 100. */
  readonly auditEvents: AuditEventConnection;
  /** One business role; for holders of roles:read. */
  readonly businessRole: BusinessRole;
  /** Business roles by name; for holders of roles:read. */
  readonly businessRoles: BusinessRoleConnection;
  /** The account behind the access token; null with UNAUTHENTICATED without one. */
  readonly me?: Maybe<User>;
  /** Every permission that a role can carry; for holders of roles:read. */
  readonly permissions: ReadonlyArray<Permission>;
  /** One role; for holders of roles:read. */
  readonly role: Role;
  /** Roles, highest rank first; for holders of roles:read. */
  readonly roles: RoleConnection;
  /** Suspicions raised from the audit record, newest first: repeated failures, refresh reuse, role escalation, unusual hours or places, a session used from two networks, service tokens about to expire or used from a new network; for holders of audit:read. */
  readonly securityAlerts: SecurityAlertConnection;
  /** One service; for holders of services:read, and for a service about itself. */
  readonly service: Service;
  /** Services by name; for holders of services:read. */
  readonly services: ServiceConnection;
  /** Keys that sign access tokens, newest first, with their states and times; for holders of keys:manage. */
  readonly signingKeys: ReadonlyArray<SigningKey>;
  /** One account. Its owner and holders of users:read, services with that scope among them, may ask; to anybody else it is NOT_FOUND, whether or not it exists. */
  readonly user: User;
  /** Accounts, newest first unless ordered otherwise; for holders of users:read. Pages of at most 100. */
  readonly users: UserConnection;
  /** Is this the live service token of the service with this name? Answers data, never an error, for any token however malformed. Asked by services about any name, by the gateway, and by accounts with tokens:introspect. */
  readonly verifyServiceToken: ServiceTokenVerification;
  /** May this token be trusted now, and for this? Answers data, never an error, for any token however malformed. Asked by the gateway, by services about themselves or with the scope tokens:introspect about any, by a holder about its own token, and by accounts with tokens:introspect. */
  readonly verifyToken: TokenVerification;
  /** Up to 100 verifications at once, answers in order. */
  readonly verifyTokens: ReadonlyArray<TokenVerification>;
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryAccessReportArgs = {
  from: Scalars['Date']['input'];
  serviceId?: InputMaybe<Scalars['ID']['input']>;
  to: Scalars['Date']['input'];
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryAuditEventsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<AuditFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryBusinessRoleArgs = {
  id: Scalars['ID']['input'];
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryBusinessRolesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  serviceId?: InputMaybe<Scalars['ID']['input']>;
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryRoleArgs = {
  id: Scalars['ID']['input'];
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryRolesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QuerySecurityAlertsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  status?: InputMaybe<AlertStatus>;
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryServiceArgs = {
  id: Scalars['ID']['input'];
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryServicesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryUserArgs = {
  id: Scalars['ID']['input'];
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryUsersArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  before?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<UserFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  last?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<UserOrder>;
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryVerifyServiceTokenArgs = {
  serviceName: Scalars['String']['input'];
  token: Scalars['String']['input'];
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryVerifyTokenArgs = {
  requires?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  serviceId?: InputMaybe<Scalars['ID']['input']>;
  token: Scalars['String']['input'];
  tokenOnly?: Scalars['Boolean']['input'];
};


/** What may be asked: accounts, roles, services, the record, and whether a token may be trusted. */
export type QueryVerifyTokensArgs = {
  requests: ReadonlyArray<TokenVerificationRequest>;
};

/** Codes for the day the authenticator app is lost. */
export type RecoveryCodes = {
  readonly __typename?: 'RecoveryCodes';
  /** Ten codes, each good once. Shown this once. */
  readonly codes: ReadonlyArray<Scalars['String']['output']>;
};

/** A named set of permissions. Rank orders roles, higher is more: USER 10, STAFF 20, HIGHER_STAFF 30, OWNER 100, and others as their makers chose. Nobody manages an account, or grants or edits a role, of a rank equal to or above their own; owners alone may, and the last active owner stays one. */
export type Role = {
  readonly __typename?: 'Role';
  /** USER, STAFF, HIGHER_STAFF and OWNER are built in and cannot be deleted. */
  readonly builtIn: Scalars['Boolean']['output'];
  /** What the role is for. */
  readonly description?: Maybe<Scalars['String']['output']>;
  /** The role; a UUIDv7. */
  readonly id: Scalars['ID']['output'];
  /** The unique name of the role, such as STAFF. */
  readonly name: Scalars['String']['output'];
  /** What it lets its holders do. */
  readonly permissions: ReadonlyArray<Permission>;
  /** Its place in the order of roles; higher is more. */
  readonly rank: Scalars['Int']['output'];
  /** How many accounts have it; for holders of roles:read. */
  readonly userCount: Scalars['Int']['output'];
};

/** One page of roles. */
export type RoleConnection = {
  readonly __typename?: 'RoleConnection';
  /** The items with their cursors. */
  readonly edges: ReadonlyArray<RoleEdge>;
  /** The items alone, for readers who need no cursors. */
  readonly nodes: ReadonlyArray<Role>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** How many items the whole list holds under the same filter; counted only when asked for. */
  readonly totalCount: Scalars['Int']['output'];
};

/** One place in a list of roles. */
export type RoleEdge = {
  readonly __typename?: 'RoleEdge';
  /** This place, for `after` and `before`; opaque. */
  readonly cursor: Scalars['String']['output'];
  /** The item at this place. */
  readonly node: Role;
};

/** A suspicion that was raised from the audit record by one of the rules for alerts. */
export type SecurityAlert = {
  readonly __typename?: 'SecurityAlert';
  /** When somebody took note of it; null while it is open. */
  readonly acknowledgedAt?: Maybe<Scalars['DateTime']['output']>;
  /** The account that took note of it; null while it is open. */
  readonly acknowledgedBy?: Maybe<Scalars['ID']['output']>;
  /** What was found, as names and values that depend on the type: session, network, failures and others. */
  readonly details?: Maybe<Scalars['JSON']['output']>;
  /** The alert; a UUIDv7. */
  readonly id: Scalars['ID']['output'];
  /** When it was raised. */
  readonly raisedAt: Scalars['DateTime']['output'];
  /** How much it matters. */
  readonly severity: AlertSeverity;
  /** Whether somebody has taken note of it. */
  readonly status: AlertStatus;
  /** Id of the account, role or service it is about; null where it is about none. */
  readonly subject?: Maybe<Scalars['String']['output']>;
  /** The rule that raised it: repeated_failures_account, repeated_failures_address, credential_stuffing, refresh_reuse, role_escalation, unusual_hours, new_place, token_two_networks, service_token_expiring or service_token_new_network. */
  readonly type: Scalars['String']['output'];
};

/** One page of security alerts. */
export type SecurityAlertConnection = {
  readonly __typename?: 'SecurityAlertConnection';
  /** The items with their cursors. */
  readonly edges: ReadonlyArray<SecurityAlertEdge>;
  /** The items alone, for readers who need no cursors. */
  readonly nodes: ReadonlyArray<SecurityAlert>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** How many items the whole list holds under the same filter; counted only when asked for. */
  readonly totalCount: Scalars['Int']['output'];
};

/** One place in a list of security alerts. */
export type SecurityAlertEdge = {
  readonly __typename?: 'SecurityAlertEdge';
  /** This place, for `after` and `before`; opaque. */
  readonly cursor: Scalars['String']['output'];
  /** The item at this place. */
  readonly node: SecurityAlert;
};

/** An application registered here: it verifies tokens, and accounts are given access to it. */
export type Service = {
  readonly __typename?: 'Service';
  /** Accounts with access to it, whatever its status, newest first and without deleted ones; for holders of users:read. */
  readonly accounts: UserConnection;
  /** When the service was registered. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** What the service does. */
  readonly description?: Maybe<Scalars['String']['output']>;
  /** The service; a UUIDv7. */
  readonly id: Scalars['ID']['output'];
  /** The unique name of the service, in kebab-case. */
  readonly name: Scalars['String']['output'];
  /** Whether the service may use the platform. */
  readonly status: ServiceStatus;
  /** Its tokens, newest first, ended ones among them; for holders of services:manage. */
  readonly tokens: ReadonlyArray<ServiceToken>;
  /** When the service was last changed. */
  readonly updatedAt: Scalars['DateTime']['output'];
};


/** An application registered here: it verifies tokens, and accounts are given access to it. */
export type ServiceAccountsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

/** That an account may use a service, and as what. */
export type ServiceAccess = {
  readonly __typename?: 'ServiceAccess';
  /** When it ends; null if it never does by itself. */
  readonly expiresAt?: Maybe<Scalars['DateTime']['output']>;
  /** What the account is there; null for nothing in particular. */
  readonly role?: Maybe<BusinessRole>;
  /** The service. */
  readonly service: Service;
  /** Whether it may be used. */
  readonly status: ServiceAccessStatus;
  /** Whether it lets the account in now: the service active, the access active and not expired. */
  readonly valid: Scalars['Boolean']['output'];
};

/** Access of an account to one service. */
export type ServiceAccessInput = {
  /** What the account is there: a business role of that service or a general one. */
  readonly businessRoleId?: InputMaybe<Scalars['ID']['input']>;
  /** When it ends, in the future; never when left out. */
  readonly expiresAt?: InputMaybe<Scalars['DateTime']['input']>;
  /** The service, at most once in a list; a disabled one may be named. */
  readonly serviceId: Scalars['ID']['input'];
  /** Whether the access may be used. */
  readonly status?: InputMaybe<ServiceAccessStatus>;
};

/** Whether an account’s access to a service may be used. */
export type ServiceAccessStatus =
  /** It may be used until it expires. */
  | 'ACTIVE'
  /** It is kept, and lets nobody in. */
  | 'SUSPENDED';

/** One page of services. */
export type ServiceConnection = {
  readonly __typename?: 'ServiceConnection';
  /** The items with their cursors. */
  readonly edges: ReadonlyArray<ServiceEdge>;
  /** The items alone, for readers who need no cursors. */
  readonly nodes: ReadonlyArray<Service>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** How many items the whole list holds under the same filter; counted only when asked for. */
  readonly totalCount: Scalars['Int']['output'];
};

/** One place in a list of services. */
export type ServiceEdge = {
  readonly __typename?: 'ServiceEdge';
  /** This place, for `after` and `before`; opaque. */
  readonly cursor: Scalars['String']['output'];
  /** The item at this place. */
  readonly node: Service;
};

/** Whether a service may use the platform. */
export type ServiceStatus =
  /** The service and its tokens are trusted. */
  | 'ACTIVE'
  /** None of its tokens is trusted, and nobody has access to it. */
  | 'DISABLED';

/** The credential of a service: what is kept of it, which is not its secret. */
export type ServiceToken = {
  readonly __typename?: 'ServiceToken';
  /** When it was issued. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When it ends by itself; after a rotation, the end of the overlap. */
  readonly expiresAt?: Maybe<Scalars['DateTime']['output']>;
  /** The token; a UUIDv7. */
  readonly id: Scalars['ID']['output'];
  /** What the token is for, in the words of its maker. */
  readonly label?: Maybe<Scalars['String']['output']>;
  /** When it was last used, to the minute. */
  readonly lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** How the token’s text begins, for recognition; the secret comes after it. */
  readonly prefix: Scalars['String']['output'];
  /** When it was revoked. */
  readonly revokedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What it may be used for besides verifying for its own service. */
  readonly scopes: ReadonlyArray<Scalars['String']['output']>;
};

/** Whether this is a live token of that service. */
export type ServiceTokenVerification = {
  readonly __typename?: 'ServiceTokenVerification';
  /** When the token expires; null unless valid. */
  readonly expiresAt?: Maybe<Scalars['DateTime']['output']>;
  /** Why not; null when valid. UNTRUSTED_SIGNATURE for an unknown token or a wrong secret, WRONG_AUDIENCE for a live token of another service. */
  readonly reason?: Maybe<TokenRejection>;
  /** What the token may be used for; empty unless valid. */
  readonly scopes: ReadonlyArray<Scalars['String']['output']>;
  /** The service; null unless valid. */
  readonly service?: Maybe<Service>;
  /** Whether it is. */
  readonly valid: Scalars['Boolean']['output'];
};

/** One sign-in on one device. It lasts until it is signed out, revoked or expires. */
export type Session = {
  readonly __typename?: 'Session';
  /** The authenticator assurance level reached: 1 with one factor, 2 with two. */
  readonly aal: Scalars['Int']['output'];
  /** How identity was proven, in the names of RFC 8176: pwd, otp, and others. */
  readonly amr: ReadonlyArray<Scalars['String']['output']>;
  /** When the sign-in happened. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** Whether this is the session that is asking. */
  readonly current: Scalars['Boolean']['output'];
  /** The device as people call it, such as "Firefox on Linux". */
  readonly device?: Maybe<Scalars['String']['output']>;
  /** When the session ends unless it is refreshed before. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** The session; the `sid` of its access tokens. */
  readonly id: Scalars['ID']['output'];
  /** The network address last seen. */
  readonly ipAddress?: Maybe<Scalars['String']['output']>;
  /** When the session was last refreshed or signed in to. */
  readonly lastSeenAt: Scalars['DateTime']['output'];
  /** City and country of the network address, where the deployment has the data to tell; else null. */
  readonly location?: Maybe<Scalars['String']['output']>;
};

/** One page of sessions. */
export type SessionConnection = {
  readonly __typename?: 'SessionConnection';
  /** The items with their cursors. */
  readonly edges: ReadonlyArray<SessionEdge>;
  /** The items alone, for readers who need no cursors. */
  readonly nodes: ReadonlyArray<Session>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** How many items the whole list holds under the same filter; counted only when asked for. */
  readonly totalCount: Scalars['Int']['output'];
};

/** One place in a list of sessions. */
export type SessionEdge = {
  readonly __typename?: 'SessionEdge';
  /** This place, for `after` and `before`; opaque. */
  readonly cursor: Scalars['String']['output'];
  /** The item at this place. */
  readonly node: Session;
};

/** What a person gives to sign in. */
export type SignInInput = {
  /** The deviceToken of an earlier AuthPayload on this device, where there was one: what others guess then shuts nobody out here. */
  readonly deviceToken?: InputMaybe<Scalars['String']['input']>;
  /** Email address or username, without regard to case. */
  readonly login: Scalars['String']['input'];
  /** The password of the account. */
  readonly password: Scalars['String']['input'];
};

/** What signing in answers: tokens, a request for a second factor, or word that the email address must be confirmed first. */
export type SignInResult = AuthPayload | EmailVerificationPending | MfaChallenge;

/** What a person gives to open an account. */
export type SignUpInput = {
  /** Date of birth; compulsory unless configured. At least 13 years ago on the day of signing up, unless the deployment asks for another age. */
  readonly birthDate?: InputMaybe<Scalars['Date']['input']>;
  /** Country of residence; compulsory unless configured. */
  readonly country?: InputMaybe<Scalars['CountryCode']['input']>;
  /** Unique without regard to case. */
  readonly email: Scalars['EmailAddress']['input'];
  /** Given name. */
  readonly firstName: Scalars['String']['input'];
  /** Family name. Which of lastName and the fields below are compulsory is up to the deployment: lastName, country and birthDate unless configured. */
  readonly lastName?: InputMaybe<Scalars['String']['input']>;
  /** Middle name or patronymic. */
  readonly middleName?: InputMaybe<Scalars['String']['input']>;
  /** The password; common ones are refused, and so is one that is just a name or the email address of the account. */
  readonly password: Scalars['String']['input'];
  /** Telephone number. */
  readonly phone?: InputMaybe<Scalars['String']['input']>;
  /** Telegram handle. */
  readonly telegram?: InputMaybe<Scalars['String']['input']>;
  /** 2 to 64 characters, unique without regard to case. */
  readonly username: Scalars['String']['input'];
};

/** What signing up answers: tokens, or word that the email address must be confirmed first. */
export type SignUpResult = AuthPayload | EmailVerificationPending;

/** A key that signs access tokens. */
export type SigningKey = {
  readonly __typename?: 'SigningKey';
  /** When it begins to sign; null if it never will. */
  readonly activatesAt?: Maybe<Scalars['DateTime']['output']>;
  /** The JWS algorithm, such as ES256. */
  readonly algorithm: Scalars['String']['output'];
  /** The `kid` in the header of the tokens it signs. */
  readonly kid: Scalars['ID']['output'];
  /** When verifiers could first see it. */
  readonly publishedAt: Scalars['DateTime']['output'];
  /** When it ceased to be published. */
  readonly removedAt?: Maybe<Scalars['DateTime']['output']>;
  /** When it stopped signing. */
  readonly retiredAt?: Maybe<Scalars['DateTime']['output']>;
  /** Where the key stands in its life. */
  readonly state: SigningKeyState;
};

/** Where a signing key stands in its life. */
export type SigningKeyState =
  /** Signs new access tokens. */
  | 'ACTIVE'
  /** Revoked in an emergency; nothing signed by it is trusted. */
  | 'COMPROMISED'
  /** Known to verifiers and waiting for its turn to sign. */
  | 'PUBLISHED'
  /** No longer published; no token it signed can still be alive. */
  | 'REMOVED'
  /** Signs no more; tokens it signed are trusted until they expire. */
  | 'RETIRING';

/** Which end of an order comes first. */
export type SortDirection =
  /** From A to Z, from oldest to newest. */
  | 'ASC'
  /** From Z to A, from newest to oldest. */
  | 'DESC';

/** Whom a token speaks of. */
export type Subject = {
  readonly __typename?: 'Subject';
  /** Email address, where it is known. */
  readonly email?: Maybe<Scalars['String']['output']>;
  /** Another issuer’s own name for the subject, unique at that issuer alone; null for ours. */
  readonly externalId?: Maybe<Scalars['String']['output']>;
  /** The account or service; for other issuers, the issuer and its name for the subject, as issuer#name. */
  readonly id: Scalars['ID']['output'];
  /** Names of the permissions of all roles together. */
  readonly permissions: ReadonlyArray<Scalars['String']['output']>;
  /** Name of the role of highest rank. */
  readonly role?: Maybe<Scalars['String']['output']>;
  /** Names of all roles. */
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  /** What kind of subject this is. */
  readonly type: SubjectType;
  /** Username, or the name of the service. */
  readonly username?: Maybe<Scalars['String']['output']>;
};

/** Whom a token speaks of. */
export type SubjectType =
  /** Somebody known to another trusted issuer. */
  | 'EXTERNAL'
  /** A registered service. */
  | 'SERVICE'
  /** An account of ours. */
  | 'USER';

/** Why a token is not trusted. */
export type TokenRejection =
  /** Its time is over. */
  | 'EXPIRED'
  /** The keys of its issuer cannot be had right now: it may be good, so ask again. */
  | 'ISSUER_UNAVAILABLE'
  /** It is not a token at all, or lacks what every token must have. */
  | 'MALFORMED'
  /** Its subject lacks a permission that was asked for. */
  | 'MISSING_PERMISSION'
  /** Its time has not come. */
  | 'NOT_YET_VALID'
  /** Its subject has no access to the service asked about. */
  | 'NO_SERVICE_ACCESS'
  /** It, or its session, was ended early. */
  | 'REVOKED'
  /** Its account is deleted. */
  | 'SUBJECT_DELETED'
  /** Its account is suspended or its service disabled. */
  | 'SUBJECT_DISABLED'
  /** Its issuer is not one that is trusted. */
  | 'UNTRUSTED_ISSUER'
  /** It was not signed by a key that is trusted. */
  | 'UNTRUSTED_SIGNATURE'
  /** It was issued for somebody else. */
  | 'WRONG_AUDIENCE'
  /** It is a token of another kind, not an access token. */
  | 'WRONG_TYPE';

/** Whether a token may be trusted now and for what was asked. */
export type TokenVerification = {
  readonly __typename?: 'TokenVerification';
  /** When the token expires. */
  readonly expiresAt?: Maybe<Scalars['DateTime']['output']>;
  /** Who issued the token. */
  readonly issuer?: Maybe<Scalars['String']['output']>;
  /** Why not; null when valid. */
  readonly reason?: Maybe<TokenRejection>;
  /** What the token may be used for: for accounts, their permissions. Empty unless valid. */
  readonly scopes: ReadonlyArray<Scalars['String']['output']>;
  /** Where a service was asked about, what the subject is there; null where it is nothing. Also where that is why the answer is no. */
  readonly service?: Maybe<ServiceAccess>;
  /** The session the token belongs to, where it has one. */
  readonly sessionId?: Maybe<Scalars['ID']['output']>;
  /** Whom the token speaks of; null unless valid. Costs no database call. */
  readonly subject?: Maybe<Subject>;
  /** The full account, where the subject is one of ours; only fetched when selected. */
  readonly user?: Maybe<User>;
  /** Whether the token may be trusted. */
  readonly valid: Scalars['Boolean']['output'];
};

/** One token to verify, and for what. */
export type TokenVerificationRequest = {
  /** Names of permissions that the subject must all have. */
  readonly requires?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** The service the token is to be used at; a service that leaves it out asks about itself. */
  readonly serviceId?: InputMaybe<Scalars['ID']['input']>;
  /** The access token, without "Bearer". */
  readonly token: Scalars['String']['input'];
  /** Asks about the token alone: a service that names no service is then told of it without regard to its own access; the JWT of another service is good for the service alone that it was made for. Not looked at where a service is named. */
  readonly tokenOnly?: Scalars['Boolean']['input'];
};

/** An authenticator app that waits for its first code: confirmTotp takes it, within an hour. Shown once; enrolling anew replaces it. */
export type TotpEnrollment = {
  readonly __typename?: 'TotpEnrollment';
  /** The same as an otpauth URI: SHA-1, six digits, thirty seconds (RFC 6238). */
  readonly otpauthUri: Scalars['String']['output'];
  /** The URI as a QR code: SVG in a data: URI. */
  readonly qrCode: Scalars['String']['output'];
  /** The secret in base32, for typing into an app. */
  readonly secret: Scalars['String']['output'];
};

/** Changes to a business role. A field left out stays as it is. */
export type UpdateBusinessRoleInput = {
  /** What it is for; null clears it. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** A new name, unique within its service, or among the general ones. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** Names of applications’ permissions; they replace those it carries. */
  readonly permissions?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};

/** What an account may change about itself. A field left out stays as it is; null clears it, where the deployment lets it be empty. */
export type UpdateMeInput = {
  /** Date of birth, at least the minimum age ago (13 years unless configured). */
  readonly birthDate?: InputMaybe<Scalars['Date']['input']>;
  /** Country of residence. */
  readonly country?: InputMaybe<Scalars['CountryCode']['input']>;
  /** Given name; never empty. */
  readonly firstName?: InputMaybe<Scalars['String']['input']>;
  /** Family name. */
  readonly lastName?: InputMaybe<Scalars['String']['input']>;
  /** Middle name or patronymic. */
  readonly middleName?: InputMaybe<Scalars['String']['input']>;
  /** Telephone number. */
  readonly phone?: InputMaybe<Scalars['String']['input']>;
  /** Telegram handle. */
  readonly telegram?: InputMaybe<Scalars['String']['input']>;
  /** 2 to 64 characters, unique without regard to case. */
  readonly username?: InputMaybe<Scalars['String']['input']>;
};

/** Changes to a role. A field left out stays as it is. */
export type UpdateRoleInput = {
  /** What the role is for; null clears it. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** A new unique name; those of built-in roles stay. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** Names of permissions; they replace those it carries. */
  readonly permissions?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** A new place in the order of roles, below your own. */
  readonly rank?: InputMaybe<Scalars['Int']['input']>;
};

/** Changes to a service. A field left out stays as it is. */
export type UpdateServiceInput = {
  /** What the service does; null clears it. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** A new unique name in kebab-case. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** DISABLED lets nobody in, from the next verification on; ACTIVE undoes it. */
  readonly status?: InputMaybe<ServiceStatus>;
};

/** What an administrator may change about an account. A field left out stays as it is; null clears it, where the deployment lets it be empty. */
export type UpdateUserInput = {
  /** Date of birth, at least the minimum age ago (13 years unless configured). */
  readonly birthDate?: InputMaybe<Scalars['Date']['input']>;
  /** Country of residence. */
  readonly country?: InputMaybe<Scalars['CountryCode']['input']>;
  /** A new address, unique without regard to case; never empty. */
  readonly email?: InputMaybe<Scalars['EmailAddress']['input']>;
  /** Given name; never empty. */
  readonly firstName?: InputMaybe<Scalars['String']['input']>;
  /** Family name. */
  readonly lastName?: InputMaybe<Scalars['String']['input']>;
  /** Middle name or patronymic. */
  readonly middleName?: InputMaybe<Scalars['String']['input']>;
  /** Telephone number. */
  readonly phone?: InputMaybe<Scalars['String']['input']>;
  /** Telegram handle. */
  readonly telegram?: InputMaybe<Scalars['String']['input']>;
  /** 2 to 64 characters, unique without regard to case. */
  readonly username?: InputMaybe<Scalars['String']['input']>;
};

/** Somebody with an account. Whoever may reach a user sees id, username, firstName and lastName; the other fields are for the account itself, for holders of users:read and for services with that scope, and are null with FORBIDDEN for anybody else. Referred to from other subgraphs, a deleted or unknown account answers its id, the username "deleted" and an empty firstName. */
export type User = {
  readonly __typename?: 'User';
  /** Date of birth. */
  readonly birthDate?: Maybe<Scalars['Date']['output']>;
  /** Country of residence. */
  readonly country?: Maybe<Scalars['CountryCode']['output']>;
  /** When the account was created. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When the account was deleted; null while it is not. */
  readonly deletedAt?: Maybe<Scalars['DateTime']['output']>;
  /** The unique address to sign in with and be written to. */
  readonly email?: Maybe<Scalars['EmailAddress']['output']>;
  /** Given name. */
  readonly firstName: Scalars['String']['output'];
  /** The account for ever; a UUIDv7. The `sub` of its access tokens. */
  readonly id: Scalars['ID']['output'];
  /** Whether the email address was confirmed through a mailed link. */
  readonly isEmailVerified?: Maybe<Scalars['Boolean']['output']>;
  /** Family name. */
  readonly lastName?: Maybe<Scalars['String']['output']>;
  /** When the account last signed in; null if it never did. */
  readonly lastSignInAt?: Maybe<Scalars['DateTime']['output']>;
  /** Whether signing in asks for a second factor. */
  readonly mfaEnabled?: Maybe<Scalars['Boolean']['output']>;
  /** Middle name or patronymic. */
  readonly middleName?: Maybe<Scalars['String']['output']>;
  /** The passkeys of the account, oldest first. */
  readonly passkeys?: Maybe<ReadonlyArray<Passkey>>;
  /** When the password was last set; null while there is none. */
  readonly passwordChangedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What the account may do: the union over its roles. */
  readonly permissions?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
  /** Telephone number. */
  readonly phone?: Maybe<Scalars['String']['output']>;
  /** The role of highest rank. */
  readonly role?: Maybe<Role>;
  /** Every role, highest rank first. */
  readonly roles?: Maybe<ReadonlyArray<Role>>;
  /** The services that the account has access to, by name, whether or not it lets them in now. */
  readonly services?: Maybe<ReadonlyArray<ServiceAccess>>;
  /** Live sessions, newest first; for the account itself and holders of sessions:manage. */
  readonly sessions?: Maybe<SessionConnection>;
  /** Whether the account may be used. */
  readonly status?: Maybe<UserStatus>;
  /** Telegram handle. */
  readonly telegram?: Maybe<Scalars['String']['output']>;
  /** When the account was last changed. */
  readonly updatedAt?: Maybe<Scalars['DateTime']['output']>;
  /** The unique name to sign in with and be found by. */
  readonly username: Scalars['String']['output'];
};


/** Somebody with an account. Whoever may reach a user sees id, username, firstName and lastName; the other fields are for the account itself, for holders of users:read and for services with that scope, and are null with FORBIDDEN for anybody else. Referred to from other subgraphs, a deleted or unknown account answers its id, the username "deleted" and an empty firstName. */
export type UserSessionsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

/** One page of accounts. */
export type UserConnection = {
  readonly __typename?: 'UserConnection';
  /** The items with their cursors. */
  readonly edges: ReadonlyArray<UserEdge>;
  /** The items alone, for readers who need no cursors. */
  readonly nodes: ReadonlyArray<User>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** How many items the whole list holds under the same filter; counted only when asked for. */
  readonly totalCount: Scalars['Int']['output'];
};

/** One place in a list of accounts. */
export type UserEdge = {
  readonly __typename?: 'UserEdge';
  /** This place, for `after` and `before`; opaque. */
  readonly cursor: Scalars['String']['output'];
  /** The item at this place. */
  readonly node: User;
};

/** Which accounts a list holds. Every condition given must be met. */
export type UserFilter = {
  /** Accounts that have the business role with this id: at serviceId where that is given, else at any service. */
  readonly businessRoleId?: InputMaybe<Scalars['ID']['input']>;
  /** Accounts created at this moment or later. */
  readonly createdAfter?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts created before this moment. */
  readonly createdBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts deleted at this moment or later. */
  readonly deletedAfter?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts deleted before this moment. */
  readonly deletedBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** This email address exactly, without regard to case. */
  readonly email?: InputMaybe<Scalars['EmailAddress']['input']>;
  /** Accounts that last signed in at this moment or later. */
  readonly lastSignInAfter?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts that last signed in before this moment; not those that never did. */
  readonly lastSignInBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts that have the role of this name, without regard to case. */
  readonly role?: InputMaybe<Scalars['String']['input']>;
  /** Accounts that have the role with this id. */
  readonly roleId?: InputMaybe<Scalars['ID']['input']>;
  /** Part of a username, email address or name, without regard to case. */
  readonly search?: InputMaybe<Scalars['String']['input']>;
  /** Accounts that have any access to the service with this id, whatever its status. */
  readonly serviceId?: InputMaybe<Scalars['ID']['input']>;
  /** Accounts in this state. */
  readonly status?: InputMaybe<UserStatus>;
  /** Accounts last changed at this moment or later. */
  readonly updatedAfter?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts last changed before this moment. */
  readonly updatedBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** This username exactly, without regard to case. */
  readonly username?: InputMaybe<Scalars['String']['input']>;
};

/** How a list of accounts is sorted; newest first when left out. */
export type UserOrder = {
  /** Which end comes first. */
  readonly direction?: SortDirection;
  /** What to sort by. */
  readonly field: UserOrderField;
};

/** What a list of accounts can be sorted by. */
export type UserOrderField =
  /** When the account was created. */
  | 'CREATED_AT'
  /** The email address, without regard to case. */
  | 'EMAIL'
  /** When the account was last changed. */
  | 'UPDATED_AT'
  /** The username, without regard to case. */
  | 'USERNAME';

/** Whether an account may be used. */
export type UserStatus =
  /** The account may sign in. */
  | 'ACTIVE'
  /** The account is deleted; its record and its history stay, and it can be restored. */
  | 'DELETED'
  /** Sign-in is blocked until an administrator reinstates the account. */
  | 'SUSPENDED';

/** What finishes a sign-in that answered MfaChallenge. */
export type VerifyMfaInput = {
  /** The challengeToken of the MfaChallenge. */
  readonly challengeToken: Scalars['String']['input'];
  /** A six-digit code of the authenticator app, or a recovery code; spaces and hyphens may be left out. */
  readonly code: Scalars['String']['input'];
  /** The deviceToken of an earlier AuthPayload on this device, where there was one: what others guess then shuts nobody out here. */
  readonly deviceToken?: InputMaybe<Scalars['String']['input']>;
  /** Which kind of code it is; left out, its form tells. A passkey is no code. */
  readonly method?: InputMaybe<MfaMethod>;
};
