import { Field, ID, ObjectType } from 'type-graphql';
import { DateTime } from './scalars.js';

/** A passkey of an account. */
@ObjectType({
  simpleResolvers: true,
  description:
    'A passkey: a key on a phone, a computer or a security key that signs in without a password, or finishes a sign-in as second factor.',
})
export class Passkey {
  @Field(() => ID, { description: 'The passkey for ever; a UUIDv7.' })
  id: string;

  @Field(() => String, { description: 'What its owner calls it; 1 to 64 characters.' })
  name: string;

  @Field(() => DateTime, { description: 'When it was registered.' })
  createdAt: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it was last used; null if it never was.' })
  lastUsedAt?: Date | null;
}
