import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { DateTime } from './scalars.js';
import { Service } from './service.js';
import { TokenRejection } from './token.js';

/** What is kept of a service token. */
@ObjectType({
  simpleResolvers: true,
  description: 'The credential of a service: what is kept of it, which is not its secret.',
})
export class ServiceToken {
  @Field(() => ID, { description: 'The token; a UUIDv7.' })
  id: string;

  @Field(() => String, { nullable: true, description: 'What the token is for, in the words of its maker.' })
  label?: string | null;

  @Field(() => String, {
    description: 'How the token’s text begins, for recognition; the secret comes after it.',
  })
  prefix: string;

  @Field(() => [String], {
    description: 'What it may be used for besides verifying for its own service.',
  })
  scopes: string[];

  @Field(() => DateTime, { description: 'When it was issued.' })
  createdAt: Date;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When it ends by itself; after a rotation, the end of the overlap.',
  })
  expiresAt?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it was last used, to the minute.' })
  lastUsedAt?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it was revoked.' })
  revokedAt?: Date | null;
}

/** A token that was just issued. */
@ObjectType({ simpleResolvers: true, description: 'A token that was just issued.' })
export class IssuedServiceToken {
  @Field(() => String, {
    description: 'The token itself, shown this once: ags_, its id, its secret and a checksum.',
  })
  token: string;

  @Field(() => ServiceToken, { description: 'What is kept of it.' })
  serviceToken: ServiceToken;
}

/** The answer to "is this the live token of that service?". */
@ObjectType({ simpleResolvers: true, description: 'Whether this is a live token of that service.' })
export class ServiceTokenVerification {
  @Field(() => Boolean, { description: 'Whether it is.' })
  valid: boolean;

  @Field(() => TokenRejection, {
    nullable: true,
    description:
      'Why not; null when valid. UNTRUSTED_SIGNATURE for an unknown token or a wrong secret, WRONG_AUDIENCE for a live token of another service.',
  })
  reason?: TokenRejection | null;

  @Field(() => Service, { nullable: true, description: 'The service; null unless valid.' })
  service?: Service | null;

  @Field(() => [String], { description: 'What the token may be used for; empty unless valid.' })
  scopes: readonly string[];

  @Field(() => DateTime, { nullable: true, description: 'When the token expires; null unless valid.' })
  expiresAt?: Date | null;
}

/** What to issue. */
@InputType({ description: 'What to issue. All of it may be left out.' })
export class IssueServiceTokenInput {
  @Field(() => String, {
    nullable: true,
    description: 'What the token is for, for recognition; at most 100 characters.',
  })
  label?: string | null;

  @Field(() => [String], {
    nullable: true,
    description:
      'What it may be used for besides verifying for its own service: users:read to read accounts with their private fields, tokens:introspect to verify for other services, tokens:revoke to end tokens that it is shown; and permissions of applications, for the services that it calls. You give what you hold; tokens:revoke asks for sessions:manage.',
  })
  scopes?: string[] | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When it ends by itself: in 90 days unless said otherwise, at most in ten years.',
  })
  expiresAt?: Date | null;
}
