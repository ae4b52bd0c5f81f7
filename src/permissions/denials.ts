import { GraphQLError, type GraphQLFieldResolver } from 'graphql';
import type { Context } from '../context.js';

type Resolve = GraphQLFieldResolver<unknown, Context, Record<string, unknown>>;

/** What counts as being kept out; everything else that goes wrong is about the question, not about who asks it. */
const DENIED: ReadonlySet<unknown> = new Set(['FORBIDDEN', 'UNAUTHENTICATED', 'INSUFFICIENT_AAL']);

/**
 * Has the witness told of everybody who is kept from this field, by its rule or by the domain behind it. The one place
 * that every refusal passes: each field speaks for itself, so none is told twice.
 * @param field type and field, as in `Mutation.deleteUser`
 */
export function witnessed(field: string, resolve: Resolve): Resolve {
  return (parent, args, context, info) => {
    // graphql-shield answers an error where others throw it.
    const look = (result: unknown) => {
      if (result instanceof Error) tell(field, context, result);
      return result;
    };
    const lookAndThrow = (error: unknown) => {
      look(error);
      throw error;
    };
    try {
      const result = resolve(parent, args, context, info);
      return result instanceof Promise ? result.then(look, lookAndThrow) : look(result);
    } catch (error) {
      return lookAndThrow(error);
    }
  };
}

function tell(field: string, { app, actor, client }: Context, error: Error): void {
  const code = error instanceof GraphQLError ? error.extensions['code'] : undefined;
  if (!DENIED.has(code)) return;
  const id = 'id' in actor ? actor.id : null;
  app.witness.denied({ actor: id, field, code: String(code), client });
}
