import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { DateTime } from './scalars.js';
import { ServiceAccess } from './service-access.js';

/** Of `tokenOnly`, wherever it is asked. */
export const TOKEN_ONLY =
  'Asks about the token alone: a service that names no service is then told of it without regard to its own access; the JWT of another service is good for the service alone that it was made for. Not looked at where a service is named.';

/** One question of `verifyTokens`. */
@InputType({ description: 'One token to verify, and for what.' })
export class TokenVerificationRequest {
  @Field(() => String, { description: 'The access token, without "Bearer".' })
  token: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The service the token is to be used at; a service that leaves it out asks about itself.',
  })
  serviceId?: string | null;

  @Field(() => Boolean, { defaultValue: false, description: TOKEN_ONLY })
  tokenOnly?: boolean;

  @Field(() => [String], {
    nullable: true,
    description: 'Names of permissions that the subject must all have.',
  })
  requires?: string[] | null;
}

/** Whom a token can speak of. */
export const SubjectType = describedEnum('SubjectType', 'Whom a token speaks of.', {
  USER: 'An account of ours.',
  SERVICE: 'A registered service.',
  EXTERNAL: 'Somebody known to another trusted issuer.',
});
export type SubjectType = keyof typeof SubjectType;

/** Why a token is not trusted. */
export const TokenRejection = describedEnum('TokenRejection', 'Why a token is not trusted.', {
  MALFORMED: 'It is not a token at all, or lacks what every token must have.',
  UNTRUSTED_SIGNATURE: 'It was not signed by a key that is trusted.',
  UNTRUSTED_ISSUER: 'Its issuer is not one that is trusted.',
  WRONG_AUDIENCE: 'It was issued for somebody else.',
  WRONG_TYPE: 'It is a token of another kind, not an access token.',
  EXPIRED: 'Its time is over.',
  NOT_YET_VALID: 'Its time has not come.',
  REVOKED: 'It, or its session, was ended early.',
  SUBJECT_DISABLED: 'Its account is suspended or its service disabled.',
  SUBJECT_DELETED: 'Its account is deleted.',
  NO_SERVICE_ACCESS: 'Its subject has no access to the service asked about.',
  MISSING_PERMISSION: 'Its subject lacks a permission that was asked for.',
  ISSUER_UNAVAILABLE: 'The keys of its issuer cannot be had right now: it may be good, so ask again.',
});
export type TokenRejection = keyof typeof TokenRejection;

/** Whom a trusted token speaks of, from the token and from memory alone. */
@ObjectType({ simpleResolvers: true, description: 'Whom a token speaks of.' })
export class Subject {
  @Field(() => ID, {
    description:
      'The account or service; for other issuers, the issuer and its name for the subject, as issuer#name.',
  })
  id: string;

  @Field(() => SubjectType, { description: 'What kind of subject this is.' })
  type: SubjectType;

  @Field(() => String, {
    nullable: true,
    description: 'Another issuer’s own name for the subject, unique at that issuer alone; null for ours.',
  })
  externalId?: string | null;

  @Field(() => String, { nullable: true, description: 'Username, or the name of the service.' })
  username?: string | null;

  @Field(() => String, { nullable: true, description: 'Email address, where it is known.' })
  email?: string | null;

  @Field(() => String, { nullable: true, description: 'Name of the role of highest rank.' })
  role?: string | null;

  @Field(() => [String], { description: 'Names of all roles.' })
  roles: readonly string[];

  @Field(() => [String], { description: 'Names of the permissions of all roles together.' })
  permissions: readonly string[];
}

/** The answer to "may this token be trusted now?". `user` is a field resolver. */
@ObjectType({
  simpleResolvers: true,
  description: 'Whether a token may be trusted now and for what was asked.',
})
export class TokenVerification {
  @Field(() => Boolean, { description: 'Whether the token may be trusted.' })
  valid: boolean;

  @Field(() => TokenRejection, { nullable: true, description: 'Why not; null when valid.' })
  reason?: TokenRejection | null;

  @Field(() => Subject, {
    nullable: true,
    description: 'Whom the token speaks of; null unless valid. Costs no database call.',
  })
  subject?: Subject | null;

  @Field(() => ServiceAccess, {
    nullable: true,
    description:
      'Where a service was asked about, what the subject is there; null where it is nothing. Also where that is why the answer is no.',
  })
  service?: ServiceAccess | null;

  @Field(() => ID, { nullable: true, description: 'The session the token belongs to, where it has one.' })
  sessionId?: string | null;

  @Field(() => String, { nullable: true, description: 'Who issued the token.' })
  issuer?: string | null;

  @Field(() => [String], {
    description: 'What the token may be used for: for accounts, their permissions. Empty unless valid.',
  })
  scopes: readonly string[];

  @Field(() => DateTime, { nullable: true, description: 'When the token expires.' })
  expiresAt?: Date | null;
}
