import { createRequire } from 'node:module';
import type * as Shield from 'graphql-shield';
import { defaultFieldResolver, isObjectType, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import type { Context } from '../context.js';
import { charge } from '../domain/limits.js';
import { anyone } from './rules.js';
import { table, type Row } from './table.js';

// The CommonJS build: the other one imports a name that Node 23 and later no longer have.
const { allow, deny, rule, shield } = createRequire(import.meta.url)('graphql-shield') as typeof Shield;

type Resolve = GraphQLFieldResolver<unknown, Context>;
type Wrapper = (resolve: Resolve, ...args: Parameters<Resolve>) => unknown;

/**
 * Puts graphql-shield, compiled from the table, around the schema: what has no row is denied. Fields that anyone may
 * have keep their bare resolvers, as a wrapper around each leaf would cost more than all the rest.
 */
export function guard(schema: GraphQLSchema): GraphQLSchema {
  const tree = Object.fromEntries(Object.entries(table).map(([type, rows]) => [type, mapRows(rows)]));
  const generated = shield(tree, { fallbackRule: deny, allowExternalErrors: true }).generate(schema);
  for (const [typeName, wrappers] of Object.entries(generated as Record<string, Record<string, Wrapper>>))
    wrap(schema, typeName, wrappers);
  return schema;
}

const mapRows = (rows: Record<string, Row>) =>
  Object.fromEntries(Object.entries(rows).map(([field, row]) => [field, compile(row)]));

function compile(row: Row) {
  if (row.rule === anyone && !row.limit) return allow;
  return rule({ cache: 'no_cache' })(
    async (parent: { id?: string }, args: Record<string, unknown>, context: Context) => {
      const verdict = row.rule.check(context.actor, parent, args, context);
      if (verdict === true && row.limit) await chargeFor(row.limit, context);
      return verdict;
    },
  );
}

async function chargeFor(limit: NonNullable<Row['limit']>, { app, actor, client }: Context): Promise<void> {
  const key = limit === 'changesByAccount' ? (actor.kind === 'user' ? actor.id : null) : client.network;
  await charge(app.limiters, limit, key);
}

function wrap(schema: GraphQLSchema, typeName: string, wrappers: Record<string, Wrapper>): void {
  const type = schema.getType(typeName);
  if (!isObjectType(type)) return;
  for (const [name, field] of Object.entries(type.getFields())) {
    const wrapper = wrappers[name];
    const row = table[typeName]?.[name];
    if (!wrapper || (row?.rule === anyone && !row.limit)) continue;
    const resolve = (field.resolve ?? defaultFieldResolver) as Resolve;
    field.resolve = (parent: unknown, args: Record<string, unknown>, context: Context, info) =>
      wrapper(resolve, parent, args, context, info);
  }
}
