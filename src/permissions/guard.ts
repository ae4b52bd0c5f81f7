import { createRequire } from 'node:module';
import type * as Shield from 'graphql-shield';
import { defaultFieldResolver, isObjectType, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import type { Context } from '../context.js';
import { refusalOf, requireAssurance } from '../domain/access.js';
import { charge, chargeAtOnce, limits, type LimitName } from '../domain/limits.js';
import { presentable, type AuthError } from '../errors.js';
import { witnessed } from './denials.js';
import { anyone, nobody, visitor } from './rules.js';
import { openToWithheld, table, type Row } from './table.js';

// The CommonJS build: the other one imports a name that Node 23 and later no longer have.
const { allow, rule, shield } = createRequire(import.meta.url)('graphql-shield') as typeof Shield;

type Resolve = GraphQLFieldResolver<unknown, Context, Record<string, unknown>>;
type Wrapper = (resolve: Resolve, ...args: Parameters<Resolve>) => unknown;

/**
 * Puts graphql-shield, compiled from the table, around the schema: what has no row is denied. Fields that anyone may
 * have keep their bare resolvers, as a wrapper around each leaf would cost more than all the rest.
 */
export function guard(schema: GraphQLSchema): GraphQLSchema {
  const tree = Object.fromEntries(Object.entries(table).map(([type, rows]) => [type, mapRows(type, rows)]));
  // Not shield's own `deny`, which compiles to something that is no function and speaks no code of ours.
  const options = { fallbackRule: compile('', { rule: nobody }), allowExternalErrors: true };
  const generated = shield(tree, options).generate(schema);
  for (const [typeName, wrappers] of Object.entries(generated as Record<string, Record<string, Wrapper>>))
    wrap(schema, typeName, wrappers);
  return schema;
}

const mapRows = (type: string, rows: Record<string, Row>) =>
  Object.fromEntries(Object.entries(rows).map(([field, row]) => [field, compile(`${type}.${field}`, row)]));

type Judge = (...asked: Parameters<Row['rule']['check']>) => true | AuthError;

/** The rule of a row, and before it: whoever must set up or prove a second factor first may have little else. */
function judgeOf(field: string, { rule }: Row): Judge {
  if (rule === anyone || rule === visitor || openToWithheld.has(field)) return rule.check;
  return (actor, ...rest) =>
    actor.kind === 'user' && actor.withheld !== undefined
      ? refusalOf(actor.withheld)
      : rule.check(actor, ...rest);
}

function compile(field: string, row: Row) {
  if (row.rule === anyone && !row.limit) return allow;
  const judge = judgeOf(field, row);
  return rule({ cache: 'no_cache' })(
    async (parent: { id?: string }, args: Record<string, unknown>, context: Context, info) => {
      const verdict = judge(context.actor, parent, args, context, info);
      return verdict === true && row.limit ? ask(row, row.limit, context) : verdict;
    },
  );
}

// Answers the error: what a rule throws, shield takes for a plain no, whose error says nothing.
async function ask({ aal2 }: Row, limit: LimitName, context: Context): Promise<true | Error> {
  const { actor, app } = context;
  try {
    await charge(app.limiters, limit, payerOf(limit, context));
    if (aal2 && actor.kind === 'user') await requireAssurance(app.db, actor.sessionId, aal2);
    return true;
  } catch (error) {
    return presentable(error);
  }
}

/**
 * Whose budget it is: the account's or service's own; by address, the service's that stands where an address is nobody's. The
 * gateway, for itself, is nobody.
 */
function payerOf(limit: LimitName, { actor, service, client }: Context): string | null {
  const { by } = limits[limit];
  if (by !== 'address' && (actor.kind === 'user' || actor.kind === 'service')) return actor.id;
  return by === 'account' ? null : (client.network ?? service?.id ?? null);
}

/**
 * Shield's wrapper makes a promise of every field, which costs more than the field. Whom a rule lets through at once, and whose
 * point is nobody's or this process's own to give, needs none of it; shield hears of the rest, and asks and refuses.
 */
function letThrough(judge: Judge, { limit }: Row, resolve: Resolve, wrapper: Wrapper): Resolve {
  const isOwn = limit === undefined || limits[limit].counted === 'process';
  return (parent, args, context, info) => {
    const payer = limit ? payerOf(limit, context) : null;
    const isAllowed = judge(context.actor, parent as { id?: string }, args, context, info) === true;
    if (!isAllowed || !(isOwn || payer === null)) return wrapper(resolve, parent, args, context, info);
    if (limit) chargeAtOnce(context.app.limiters, limit, payer);
    return resolve(parent, args, context, info);
  };
}

function wrap(schema: GraphQLSchema, typeName: string, wrappers: Record<string, Wrapper>): void {
  const type = schema.getType(typeName);
  if (!isObjectType(type)) return;
  for (const [name, field] of Object.entries(type.getFields())) {
    const wrapper = wrappers[name];
    const row = table[typeName]?.[name];
    if (!wrapper || (row?.rule === anyone && !row.limit)) continue;
    const resolve = (field.resolve ?? defaultFieldResolver) as Resolve;
    const guarded: Resolve = (parent, args, context, info) => wrapper(resolve, parent, args, context, info);
    const path = `${typeName}.${name}`;
    const asked = row && !row.aal2 ? letThrough(judgeOf(path, row), row, resolve, wrapper) : guarded;
    field.resolve = witnessed(path, asked);
  }
}
