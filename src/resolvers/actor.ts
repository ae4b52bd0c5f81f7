import type { Context } from '../context.js';
import type { UserActor } from '../domain/access.js';
import { AuthError } from '../errors.js';

/** The account that asks; the table has made sure that there is one. @throws {AuthError} UNAUTHENTICATED */
export function actingUser({ actor }: Context): UserActor {
  if (actor.kind !== 'user') throw new AuthError('UNAUTHENTICATED');
  return actor;
}
