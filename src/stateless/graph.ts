import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { GraphQLError, parse, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import type { Context } from '../context.js';
import type { ForeignAnswer, ForeignQuestion } from '../domain/foreign-tokens.js';
import type { Asker } from '../domain/verdict.js';
import { AuthError, badInput } from '../errors.js';
import type { Answering } from '../http/present-errors.js';
import { known, verifier, type Rule } from '../permissions/rules.js';
import type { Verify } from './verification.js';

/** What a resolver is given. */
export interface StatelessContext extends Answering, Pick<Asker, 'actor' | 'bearer'> {
  /** Takes a point for each question. @throws {AuthError} RATE_LIMITED */
  pay(): void;
  /** Told of whoever is kept from a field. */
  denied(field: string, code: string): void;
}

type Resolve = GraphQLFieldResolver<unknown, StatelessContext, Record<string, unknown>>;

const isBuilt = !import.meta.url.endsWith('.ts');
const SDL = new URL(isBuilt ? '../../../schema.graphql' : '../../schema.graphql', import.meta.url);
const MOST_AT_ONCE = 100;

/**
 * The same graph as where accounts are kept, from its printed text: loading what it is written in would take more memory than
 * all the rest. What is no question about a token answers NOT_AVAILABLE.
 */
export function buildStatelessSchema(verify: Verify): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: parse(readFileSync(SDL, 'utf8')) }]);
  const answered = questions(verify);
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const [name, field] of Object.entries(type?.getFields() ?? {}))
      if (name !== '_service')
        field.resolve = (answered[name] ?? notAvailable) as typeof field.resolve & object;
  return schema;
}

const notAvailable: Resolve = () => {
  throw new AuthError('NOT_AVAILABLE');
};

function questions(verify: Verify): Record<string, Resolve> {
  const ask = (question: ForeignQuestion, context: StatelessContext): Promise<ForeignAnswer> => {
    context.pay();
    return verify(context, question);
  };
  return {
    verifyToken: guarded('Query.verifyToken', verifier, (_root, question, context) =>
      ask(question as unknown as ForeignQuestion, context),
    ),
    verifyTokens: guarded('Query.verifyTokens', known, async (_root, { requests }, context) => {
      const all = requests as ForeignQuestion[];
      if (all.length > MOST_AT_ONCE)
        throw badInput([{ name: 'requests', message: `Must have at most ${MOST_AT_ONCE} entries.` }]);
      return Promise.all(all.map((question) => ask(question, context)));
    }),
  };
}

/** The rows of these fields in src/permissions/table.ts, without what wraps them there. */
function guarded(field: string, rule: Rule, resolve: Resolve): Resolve {
  return async (root, args, context, info) => {
    try {
      const verdict = rule.check(context.actor, {}, args, { bearer: context.bearer } as Context, info);
      if (verdict !== true) throw verdict;
      return await resolve(root, args, context, info);
    } catch (error) {
      const code = error instanceof GraphQLError ? String(error.extensions['code']) : '';
      if (['FORBIDDEN', 'UNAUTHENTICATED'].includes(code)) context.denied(field, code);
      throw error;
    }
  };
}
