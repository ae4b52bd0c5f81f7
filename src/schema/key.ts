import { Field, ID, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { DateTime } from './scalars.js';

/** The life of a signing key. */
export const SigningKeyState = describedEnum('SigningKeyState', 'Where a signing key stands in its life.', {
  PUBLISHED: 'Known to verifiers and waiting for its turn to sign.',
  ACTIVE: 'Signs new access tokens.',
  RETIRING: 'Signs no more; tokens it signed are trusted until they expire.',
  REMOVED: 'No longer published; no token it signed can still be alive.',
  COMPROMISED: 'Revoked in an emergency; nothing signed by it is trusted.',
});
export type SigningKeyState = keyof typeof SigningKeyState;

/** A key that signs access tokens; the public facts about it. */
@ObjectType({ simpleResolvers: true, description: 'A key that signs access tokens.' })
export class SigningKey {
  @Field(() => ID, { description: 'The `kid` in the header of the tokens it signs.' })
  kid: string;

  @Field(() => String, { description: 'The JWS algorithm, such as ES256.' })
  algorithm: string;

  @Field(() => SigningKeyState, { description: 'Where the key stands in its life.' })
  state: SigningKeyState;

  @Field(() => DateTime, { description: 'When verifiers could first see it.' })
  publishedAt: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it begins to sign; null if it never will.' })
  activatesAt?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it stopped signing.' })
  retiredAt?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it ceased to be published.' })
  removedAt?: Date | null;
}
