import { Directive, Field, ID, Int, ObjectType } from 'type-graphql';
import { connectionOf, type Connection } from './page.js';
import { DateTime } from './scalars.js';

/** One sign-in on one device. */
@ObjectType({
  simpleResolvers: true,
  description: 'One sign-in on one device. It lasts until it is signed out, revoked or expires.',
})
@Directive('@key(fields: "id")')
export class Session {
  @Field(() => ID, { description: 'The session; the `sid` of its access tokens.' })
  id: string;

  @Field(() => DateTime, { description: 'When the sign-in happened.' })
  createdAt: Date;

  @Field(() => DateTime, { description: 'When the session was last refreshed or signed in to.' })
  lastSeenAt: Date;

  @Field(() => DateTime, { description: 'When the session ends unless it is refreshed before.' })
  expiresAt: Date;

  @Field(() => String, { nullable: true, description: 'The network address last seen.' })
  ipAddress?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The device as people call it, such as "Firefox on Linux".',
  })
  device?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'City and country of the network address, where the deployment has the data to tell; else null.',
  })
  location?: string | null;

  @Field(() => [String], {
    description: 'How identity was proven, in the names of RFC 8176: pwd, otp, and others.',
  })
  amr: readonly string[];

  @Field(() => Int, {
    description: 'The authenticator assurance level reached: 1 with one factor, 2 with two.',
  })
  aal: number;

  @Field(() => Boolean, { description: 'Whether this is the session that is asking.' })
  current: boolean;
}

/** One page of sessions. */
export const SessionConnection = connectionOf(() => Session, 'Session', 'sessions');
export type SessionConnection = Connection<Session>;
