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
};

/** The tokens of a session, after signing up, signing in or refreshing. */
export type AuthPayload = {
  readonly __typename?: 'AuthPayload';
  /** Short-lived JWT (RFC 9068, typ at+jwt) to send as a bearer token. */
  readonly accessToken: Scalars['String']['output'];
  /** Marks this device as known when sent with the next sign-in; worthless without a password. Null while the service issues none. */
  readonly deviceToken?: Maybe<Scalars['String']['output']>;
  /** When the access token expires. */
  readonly expiresAt: Scalars['DateTime']['output'];
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

/** No tokens yet: the deployment asks for a confirmed email address, and a link was mailed to it. */
export type EmailVerificationPending = {
  readonly __typename?: 'EmailVerificationPending';
  /** Where the link was sent. */
  readonly email: Scalars['EmailAddress']['output'];
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

export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Sets a new password. Every other session ends; this one stays when asked. */
  readonly changePassword: PasswordChange;
  /** Adds a role of lower rank than one’s own, with permissions that one holds. */
  readonly createRole: Role;
  /** Deletes the account that asks: every session ends and sign-in is refused. An administrator can restore it. */
  readonly deleteMe: Scalars['Boolean']['output'];
  /** Deletes a role and takes it from everybody who has it; built-in roles stay. */
  readonly deleteRole: Scalars['Boolean']['output'];
  /** Soft delete: every session ends, sign-in is refused, the record stays. restoreUser undoes it. */
  readonly deleteUser: User;
  /** Spends a single-use refresh token for the next pair of tokens. Concurrent and retried calls inside the replay window get the same successor; any later use ends the session: REFRESH_TOKEN_REUSED. */
  readonly refresh: AuthPayload;
  /** Undoes suspendUser. */
  readonly reinstateUser: User;
  /** Mails a new link to confirm an address. Always true, whether or not there is such an account. */
  readonly resendVerificationEmail: Scalars['Boolean']['output'];
  /** Undoes deleteUser. */
  readonly restoreUser: User;
  /** Ends an access or refresh token and its session; holding it is proof enough (RFC 7009). Unknown, ended and other issuers' tokens answer true and change nothing. */
  readonly revoke: Scalars['Boolean']['output'];
  /** Ends one session: one's own, or with sessions:manage somebody else's. */
  readonly revokeSession: Scalars['Boolean']['output'];
  /** Emergency: nothing signed by this key is trusted any more, and another one signs at once. */
  readonly revokeSigningKey: SigningKey;
  /** Ends every session of an account of lower rank; answers how many there were. */
  readonly revokeUserSessions: Scalars['Int']['output'];
  /** Publishes the next signing key now; it signs once every verifier had time to fetch it. Answers the one that waits already, if there is one. */
  readonly rotateSigningKey: SigningKey;
  /** Replaces the roles of an account. An empty list leaves the default role. */
  readonly setUserRoles: User;
  /** Signs in by email address or username. An unknown login and a wrong password are indistinguishable in answer and time: INVALID_CREDENTIALS. Deleted and suspended are said only after the right password. */
  readonly signIn: SignInResult;
  /** Ends the session that asks, or every session of the account. */
  readonly signOut: Scalars['Boolean']['output'];
  /** Opens an account and signs it in; or answers EmailVerificationPending where the deployment wants the email address confirmed first. CONFLICT names the field that is taken. */
  readonly signUp: SignUpResult;
  /** Blocks sign-in and ends every session until reinstateUser. */
  readonly suspendUser: User;
  /** Changes the profile of the account that asks; what is left out stays. */
  readonly updateMe: User;
  /** Changes a role of lower rank than one’s own; everybody who has it is affected at once. */
  readonly updateRole: Role;
  /** Changes the profile of an account of lower rank; what is left out stays. */
  readonly updateUser: User;
  /** Confirms an email address by the token of the link that was mailed to it; ONE_TIME_TOKEN_INVALID when it was used or is too old. */
  readonly verifyEmail: Scalars['Boolean']['output'];
};


export type MutationChangePasswordArgs = {
  currentPassword: Scalars['String']['input'];
  keepThisSession?: InputMaybe<Scalars['Boolean']['input']>;
  newPassword: Scalars['String']['input'];
};


export type MutationCreateRoleArgs = {
  input: CreateRoleInput;
};


export type MutationDeleteMeArgs = {
  password: Scalars['String']['input'];
};


export type MutationDeleteRoleArgs = {
  id: Scalars['ID']['input'];
};


export type MutationDeleteUserArgs = {
  id: Scalars['ID']['input'];
};


export type MutationRefreshArgs = {
  refreshToken: Scalars['String']['input'];
};


export type MutationReinstateUserArgs = {
  id: Scalars['ID']['input'];
};


export type MutationResendVerificationEmailArgs = {
  email: Scalars['EmailAddress']['input'];
};


export type MutationRestoreUserArgs = {
  id: Scalars['ID']['input'];
};


export type MutationRevokeArgs = {
  token: Scalars['String']['input'];
};


export type MutationRevokeSessionArgs = {
  id: Scalars['ID']['input'];
};


export type MutationRevokeSigningKeyArgs = {
  kid: Scalars['ID']['input'];
};


export type MutationRevokeUserSessionsArgs = {
  userId: Scalars['ID']['input'];
};


export type MutationSetUserRolesArgs = {
  roleIds: ReadonlyArray<Scalars['ID']['input']>;
  userId: Scalars['ID']['input'];
};


export type MutationSignInArgs = {
  input: SignInInput;
};


export type MutationSignOutArgs = {
  everywhere?: InputMaybe<Scalars['Boolean']['input']>;
};


export type MutationSignUpArgs = {
  input: SignUpInput;
};


export type MutationSuspendUserArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationUpdateMeArgs = {
  input: UpdateMeInput;
};


export type MutationUpdateRoleArgs = {
  id: Scalars['ID']['input'];
  input: UpdateRoleInput;
};


export type MutationUpdateUserArgs = {
  id: Scalars['ID']['input'];
  input: UpdateUserInput;
};


export type MutationVerifyEmailArgs = {
  token: Scalars['String']['input'];
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

export type Query = {
  readonly __typename?: 'Query';
  /** The account behind the access token; null with UNAUTHENTICATED without one. */
  readonly me?: Maybe<User>;
  /** Every permission that a role can carry; for holders of roles:read. */
  readonly permissions: ReadonlyArray<Permission>;
  /** One role; for holders of roles:read. */
  readonly role: Role;
  /** Roles, highest rank first; for holders of roles:read. */
  readonly roles: RoleConnection;
  /** Keys that sign access tokens, newest first, with their states and times; for holders of keys:manage. */
  readonly signingKeys: ReadonlyArray<SigningKey>;
  /** One account. Its owner and holders of users:read may ask; to anybody else it is NOT_FOUND, whether or not it exists. */
  readonly user: User;
  /** Accounts, newest first unless ordered otherwise; for holders of users:read. Pages of at most 100. */
  readonly users: UserConnection;
  /** May this token be trusted now, and for this? Answers data, never an error, for any token however malformed. Asked by the gateway, by a holder about its own token, and by accounts with tokens:introspect. */
  readonly verifyToken: TokenVerification;
  /** Up to 100 verifications at once, answers in order. */
  readonly verifyTokens: ReadonlyArray<TokenVerification>;
};


export type QueryRoleArgs = {
  id: Scalars['ID']['input'];
};


export type QueryRolesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryUserArgs = {
  id: Scalars['ID']['input'];
};


export type QueryUsersArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  before?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<UserFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  last?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<UserOrder>;
};


export type QueryVerifyTokenArgs = {
  requires?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  serviceId?: InputMaybe<Scalars['ID']['input']>;
  token: Scalars['String']['input'];
};


export type QueryVerifyTokensArgs = {
  requests: ReadonlyArray<TokenVerificationRequest>;
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
  /** How many accounts have it. */
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

/** An application registered here: it verifies tokens, and accounts are given access to it. */
export type Service = {
  readonly __typename?: 'Service';
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
  /** When the service was last changed. */
  readonly updatedAt: Scalars['DateTime']['output'];
};

/** Whether a service may use the platform. */
export type ServiceStatus =
  /** The service and its tokens are trusted. */
  | 'ACTIVE'
  /** None of its tokens is trusted, and nobody has access to it. */
  | 'DISABLED';

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
  /** The deviceToken of an earlier AuthPayload on this device, where there was one. Limits do not tell known devices from others yet. */
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
  /** The account or service; for other issuers, their own name for the subject. */
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
  /** Middle name or patronymic. */
  readonly middleName?: Maybe<Scalars['String']['output']>;
  /** When the password was last set. */
  readonly passwordChangedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What the account may do: the union over its roles. */
  readonly permissions?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
  /** Telephone number. */
  readonly phone?: Maybe<Scalars['String']['output']>;
  /** The role of highest rank. */
  readonly role?: Maybe<Role>;
  /** Every role, highest rank first. */
  readonly roles?: Maybe<ReadonlyArray<Role>>;
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
  /** Accounts created at this moment or later. */
  readonly createdAfter?: InputMaybe<Scalars['DateTime']['input']>;
  /** Accounts created before this moment. */
  readonly createdBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** This email address exactly, without regard to case. */
  readonly email?: InputMaybe<Scalars['EmailAddress']['input']>;
  /** Accounts that have the role of this name, without regard to case. */
  readonly role?: InputMaybe<Scalars['String']['input']>;
  /** Accounts that have the role with this id. */
  readonly roleId?: InputMaybe<Scalars['ID']['input']>;
  /** Part of a username, email address or name, without regard to case. */
  readonly search?: InputMaybe<Scalars['String']['input']>;
  /** Accounts in this state. */
  readonly status?: InputMaybe<UserStatus>;
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
