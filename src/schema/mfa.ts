import { Field, InputType, ObjectType } from 'type-graphql';
import { MfaMethod } from './auth.js';

/** What finishes a sign-in that answered MfaChallenge. */
@InputType({ description: 'What finishes a sign-in that answered MfaChallenge.' })
export class VerifyMfaInput {
  @Field(() => String, { description: 'The challengeToken of the MfaChallenge.' })
  challengeToken: string;

  @Field(() => String, {
    description:
      'A six-digit code of the authenticator app, or a recovery code; spaces and hyphens may be left out.',
  })
  code: string;

  @Field(() => MfaMethod, {
    nullable: true,
    description: 'Which kind of code it is; left out, its form tells. A passkey is no code.',
  })
  method?: MfaMethod | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The deviceToken of an earlier AuthPayload on this device, where there was one: what others guess then shuts nobody out here.',
  })
  deviceToken?: string | null;
}

/** An authenticator app that waits for its first code. */
@ObjectType({
  simpleResolvers: true,
  description:
    'An authenticator app that waits for its first code: confirmTotp takes it, within an hour. Shown once; enrolling anew replaces it.',
})
export class TotpEnrollment {
  @Field(() => String, { description: 'The secret in base32, for typing into an app.' })
  secret: string;

  @Field(() => String, {
    description: 'The same as an otpauth URI: SHA-1, six digits, thirty seconds (RFC 6238).',
  })
  otpauthUri: string;

  @Field(() => String, { description: 'The URI as a QR code: SVG in a data: URI.' })
  qrCode: string;
}

/** Codes for the day the app is lost. */
@ObjectType({ simpleResolvers: true, description: 'Codes for the day the authenticator app is lost.' })
export class RecoveryCodes {
  @Field(() => [String], { description: 'Ten codes, each good once. Shown this once.' })
  codes: string[];
}
