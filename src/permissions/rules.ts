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
  /** The same for gateways that enforce it, where their directives can say it whole: see schema.router.graphql. */
  readonly directive?: string;
}

/** Whoever came through the door, which in production asks for the gateway's secret or a service token. */
export const anyone: Rule = { name: 'anyone', check: () => true };

/** Whoever came through the door for a person: services have no account to open, enter or recover. */
export const visitor: Rule = {
  name: 'anyone but a service',
  check: (actor) => actor.kind !== 'service' || unknownCaller(actor),
};

/** Nobody at all. */
export const nobody: Rule = { name: 'nobody', check: () => new AuthError('FORBIDDEN') };

/** An account with a good access token. */
export const signedIn: Rule = {
  name: 'signed in',
  check: (actor) => actor.kind === 'user' || unknownCaller(actor),
  directive: '@authenticated',
};

/** An account or a service: whoever has an identity of its own. */
export const accountOrService: Rule = {
  name: 'account or service',
  check: (actor) => actor.kind === 'user' || actor.kind === 'service' || unknownCaller(actor),
};

/** An account, a service, or the gateway where no credential came along: anybody but one whose credential was not believed. */
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
  directive: `@requiresScopes(scopes: [["${permission}"]])`,
});

/** An account that holds a permission, or a service whose token has the scope of that name. */
export const hasOrScope = (permission: string): Rule => ({
  name: `${permission} or scope`,
  check: (actor, ...rest) =>
    (actor.kind === 'service' && actor.scopes.has(permission)) || has(permission).check(actor, ...rest),
});

/** A service, the gateway for itself, or an account with tokens:introspect. */
export const introspector: Rule = {
  name: 'gateway, service or tokens:introspect',
  check: (actor, ...rest) =>
    actor.kind === 'gateway' || actor.kind === 'service' || has('tokens:introspect').check(actor, ...rest),
};

/** The account that the parent object is, or one that holds a permission, or a service with the scope of that name. */
export const selfOr = (permission: string): Rule => ({
  name: `self, ${permission}`,
  check: (actor, parent) =>
    (actor.kind === 'user' && (actor.id === parent.id || actor.permissions.has(permission))) ||
    (actor.kind === 'service' && actor.scopes.has(permission)) ||
    new AuthError('FORBIDDEN'),
});

/** The account whose id is the argument of that name, or one that holds a permission. */
export const ownOr = (argument: string, permission: string): Rule => ({
  name: `own, ${permission}`,
  check: (actor, _parent, { [argument]: id }) => {
    if (actor.kind !== 'user') return unknownCaller(actor);
    const isOwn = String(id).toLowerCase() === actor.id;
    return isOwn || actor.permissions.has(permission) || new AuthError('FORBIDDEN');
  },
});

/** The service whose id is the argument `id`, about itself, or whoever holds a permission. */
export const thatServiceOr = (permission: string): Rule => ({
  name: `that service, ${permission}`,
  check: (actor, parent, args, ...rest) =>
    (actor.kind === 'service' && String(args['id']).toLowerCase() === actor.id) ||
    has(permission).check(actor, parent, args, ...rest),
});

const TOLD_BY_REJECTION: Record<string, AuthError['code']> = {
  SUBJECT_DELETED: 'ACCOUNT_DELETED',
  SUBJECT_DISABLED: 'ACCOUNT_SUSPENDED',
  UNAVAILABLE: 'SERVICE_UNAVAILABLE',
};

function unknownCaller(actor: Actor): AuthError {
  // Known well enough, and no person.
  if (actor.kind === 'service') return new AuthError('FORBIDDEN');
  const rejection = actor.kind === 'anonymous' ? (actor.rejection ?? '') : '';
  return new AuthError(TOLD_BY_REJECTION[rejection] ?? 'UNAUTHENTICATED');
}
