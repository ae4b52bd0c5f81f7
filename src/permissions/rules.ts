import { isUnionType, type GraphQLResolveInfo, type GraphQLSchema } from 'graphql';
import type { Actor } from '../domain/access.js';
import type { Context } from '../context.js';
import { AuthError, badInput } from '../errors.js';

/** Who may have a field: answers true, or the error that says why not. `parent` is the object that the field is of. */
export interface Rule {
  readonly name: string;
  readonly check: (
    actor: Actor,
    parent: { id?: string },
    args: Record<string, unknown>,
    context: Context,
    info: Pick<GraphQLResolveInfo, 'schema'>,
  ) => true | AuthError;
}

/** Whoever came through the door, which in production asks for the gateway's secret. */
export const anyone: Rule = { name: 'anyone', check: () => true };

/** Nobody at all. */
export const nobody: Rule = { name: 'nobody', check: () => new AuthError('FORBIDDEN') };

/** An account with a good access token. */
export const signedIn: Rule = {
  name: 'signed in',
  check: (actor) => actor.kind === 'user' || unknownCaller(actor),
};

/** An account, or the gateway where no bearer came along: anybody but one whose bearer was not believed. */
export const known: Rule = {
  name: 'known',
  check: (actor) => actor.kind !== 'anonymous' || unknownCaller(actor),
};

/** How many entities one request may ask for. */
const MOST_REPRESENTATIONS = 1000;

/** {@link known}, with a bounded list of keys of entities: other subgraphs' references to what is ours. */
export const referrer: Rule = {
  name: 'known',
  check: (actor, _parent, { representations }, _context, { schema }) => {
    if (actor.kind === 'anonymous') return unknownCaller(actor);
    const fault = faultOf(representations as unknown[], schema);
    return fault === undefined || badInput([{ name: 'representations', message: fault }]);
  },
};

/** The subgraph library would answer the whole list with an unexpected error. */
function faultOf(representations: readonly unknown[], schema: GraphQLSchema): string | undefined {
  if (representations.length > MOST_REPRESENTATIONS)
    return `Must have at most ${MOST_REPRESENTATIONS} entries.`;
  const union = schema.getType('_Entity');
  const names = new Set<unknown>(isUnionType(union) ? union.getTypes().map(({ name }) => name) : []);
  const named = (one: unknown) => (one as { __typename?: unknown } | null)?.__typename;
  return representations.every((one) => names.has(named(one)))
    ? undefined
    : 'Each must be an object with the __typename of an entity and its key.';
}

/** {@link known}, or the holder of a token that asks about that very token, however it fares. */
export const verifier: Rule = {
  name: 'known, or holder',
  check: (actor, _parent, { token }, { bearer }) =>
    actor.kind !== 'anonymous' || (bearer !== undefined && token === bearer) || unknownCaller(actor),
};

/** An account that holds a permission. */
export const has = (permission: string): Rule => ({
  name: permission,
  check: (actor) =>
    actor.kind === 'user'
      ? actor.permissions.has(permission) || new AuthError('FORBIDDEN')
      : unknownCaller(actor),
});

/** The account that the parent object is, or one that holds a permission. */
export const selfOr = (permission: string): Rule => ({
  name: `self, ${permission}`,
  check: (actor, parent) =>
    (actor.kind === 'user' && (actor.id === parent.id || actor.permissions.has(permission))) ||
    new AuthError('FORBIDDEN'),
});

const TOLD_BY_REJECTION: Record<string, AuthError['code']> = {
  SUBJECT_DELETED: 'ACCOUNT_DELETED',
  SUBJECT_DISABLED: 'ACCOUNT_SUSPENDED',
  UNAVAILABLE: 'SERVICE_UNAVAILABLE',
};

function unknownCaller(actor: Actor): AuthError {
  const rejection = actor.kind === 'anonymous' ? (actor.rejection ?? '') : '';
  return new AuthError(TOLD_BY_REJECTION[rejection] ?? 'UNAUTHENTICATED');
}
