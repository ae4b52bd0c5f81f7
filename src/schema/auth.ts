import { createUnionType, Field, InputType, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { CalendarDate, CountryCode, DateTime, EmailAddress } from './scalars.js';
import { Session } from './session.js';
import { User } from './user.js';

/** What a person gives to open an account. */
@InputType({ description: 'What a person gives to open an account.' })
export class SignUpInput {
  @Field(() => EmailAddress, { description: 'Unique without regard to case.' })
  email: string;

  @Field(() => String, { description: '2 to 64 characters, unique without regard to case.' })
  username: string;

  @Field(() => String, {
    description:
      'The password; common ones are refused, and so is one that is just a name or the email address of the account.',
  })
  password: string;

  @Field(() => String, { description: 'Given name.' })
  firstName: string;

  @Field(() => String, { nullable: true, description: 'Middle name or patronymic.' })
  middleName?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Family name. Which of lastName and the fields below are compulsory is up to the deployment: lastName, country and birthDate unless configured.',
  })
  lastName?: string | null;

  @Field(() => CountryCode, {
    nullable: true,
    description: 'Country of residence; compulsory unless configured.',
  })
  country?: string | null;

  @Field(() => CalendarDate, {
    nullable: true,
    description:
      'Date of birth; compulsory unless configured. At least 13 years ago on the day of signing up, unless the deployment asks for another age.',
  })
  birthDate?: string | null;

  @Field(() => String, { nullable: true, description: 'Telephone number.' })
  phone?: string | null;

  @Field(() => String, { nullable: true, description: 'Telegram handle.' })
  telegram?: string | null;
}

/** What a person gives to sign in. */
@InputType({ description: 'What a person gives to sign in.' })
export class SignInInput {
  @Field(() => String, { description: 'Email address or username, without regard to case.' })
  login: string;

  @Field(() => String, { description: 'The password of the account.' })
  password: string;

  @Field(() => String, {
    nullable: true,
    description:
      'The deviceToken of an earlier AuthPayload on this device, where there was one: what others guess then shuts nobody out here.',
  })
  deviceToken?: string | null;
}

/** A finished sign-in, sign-up or refresh. `__typename` tells the union's members apart. */
@ObjectType({
  simpleResolvers: true,
  description: 'The tokens of a session, after signing up, signing in or refreshing.',
})
export class AuthPayload {
  readonly __typename: 'AuthPayload';

  @Field(() => User, { description: 'Who is signed in.' })
  user: User;

  @Field(() => String, { description: 'Short-lived JWT (RFC 9068, typ at+jwt) to send as a bearer token.' })
  accessToken: string;

  @Field(() => String, {
    description: 'Opaque and single-use: `refresh` exchanges it for the next pair of tokens.',
  })
  refreshToken: string;

  @Field(() => String, { description: 'How to send the access token; always "Bearer".' })
  tokenType: string;

  @Field(() => DateTime, { description: 'When the access token expires.' })
  expiresAt: Date;

  @Field(() => DateTime, { description: 'When the refresh token expires.' })
  refreshExpiresAt: Date;

  @Field(() => String, {
    nullable: true,
    description:
      'Marks this device as known for half a year when sent with the next sign-in; worthless without a password. Null unless a password or a passkey was proved just now.',
  })
  deviceToken?: string | null;

  @Field(() => Session, { description: 'The session the tokens belong to.' })
  session: Session;

  @Field(() => Boolean, {
    description:
      'Whether the account must set a second factor up before it may do anything else in this session: enrollTotp and confirmTotp, or passkeyRegistrationOptions and registerPasskey. Everything else answers INSUFFICIENT_AAL until then.',
  })
  mfaEnrollmentRequired: boolean;
}

/** The ways to prove a second factor. */
export const MfaMethod = describedEnum('MfaMethod', 'A way to prove a second factor.', {
  TOTP: 'A six-digit code from an authenticator app.',
  RECOVERY_CODE: 'One of the single-use codes kept for the day the other ways are lost.',
  PASSKEY: 'A passkey on a phone, a computer or a security key.',
});
export type MfaMethod = keyof typeof MfaMethod;

/** The password was right and a second factor is asked for. */
@ObjectType({
  simpleResolvers: true,
  description: 'The password was right; a second factor is needed to finish the sign-in.',
})
export class MfaChallenge {
  readonly __typename: 'MfaChallenge';

  @Field(() => String, { description: 'Says which sign-in is to be finished; good for that alone.' })
  challengeToken: string;

  @Field(() => [MfaMethod], { description: 'The ways this account can prove the second factor.' })
  methods: readonly MfaMethod[];

  @Field(() => DateTime, { description: 'Until when the sign-in can be finished.' })
  expiresAt: Date;
}

/** The email address must be confirmed before anything else. */
@ObjectType({
  simpleResolvers: true,
  description:
    'No tokens yet: the deployment asks for a confirmed email address, and a link was mailed to it.',
})
export class EmailVerificationPending {
  readonly __typename: 'EmailVerificationPending';

  @Field(() => EmailAddress, { description: 'Where the link was sent.' })
  email: string;
}

/** What signing up answers. */
export const SignUpResult = createUnionType({
  name: 'SignUpResult',
  description: 'What signing up answers: tokens, or word that the email address must be confirmed first.',
  types: () => [AuthPayload, EmailVerificationPending] as const,
  resolveType: (value) => value.__typename,
});
export type SignUpResult = typeof SignUpResult;

/** What signing in answers. */
export const SignInResult = createUnionType({
  name: 'SignInResult',
  description:
    'What signing in answers: tokens, a request for a second factor, or word that the email address must be confirmed first.',
  types: () => [AuthPayload, MfaChallenge, EmailVerificationPending] as const,
  resolveType: (value) => value.__typename,
});
export type SignInResult = typeof SignInResult;

/** A password was changed. */
@ObjectType({
  simpleResolvers: true,
  description: 'The password was changed, and every other session has ended.',
})
export class PasswordChange {
  @Field(() => DateTime, { description: 'When the new password took effect.' })
  passwordChangedAt: Date;

  @Field(() => Boolean, {
    description:
      'Whether this session ended too, so that one must sign in again; every other session has ended in any case.',
  })
  requiresReauthentication: boolean;
}
