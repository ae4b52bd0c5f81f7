import { describe, expect, it } from '@jest/globals';
import {
  buildSchema,
  execute,
  getOperationAST,
  parse,
  validate,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from 'graphql';
import { Lasting } from '../../src/domain/lasting.js';
import { planOf, writeData } from '../../src/http/operation-plan.js';

const schema = withResolvers(
  buildSchema(`
  enum Colour { RED GREEN }
  input Box { width: Int! = 2, names: [String!], inner: Box }
  interface Named { name: String }
  type Thing implements Named {
    name: String
    must: String!
    number: Int
    colour: Colour!
    things: [Thing]
    musts: [Thing!]!
    grid: [[Int!]]
    thing: Thing
    sure: Thing!
    named: Named
    called(text: String!, times: Int! = 1, box: Box, list: [Int!]): String
    made(box: Box): Thing
  }
  type Query { thing: Thing, sure: Thing!, things: [Thing!], called(text: String!, times: Int! = 1, box: Box, list: [Int!]): String }
  type Mutation { first: Thing, second: Thing!, third(text: String!): Int }
`),
);

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** What a test run has seen resolvers asked for. */
interface Asked {
  calls: string[];
}

/** Fields of which the properties are not all: they look at arguments, context and info. */
function withResolvers(made: GraphQLSchema): GraphQLSchema {
  const called: GraphQLFieldResolver<{ chance?: () => number } | undefined, Asked> = (
    source,
    args,
    context,
    info,
  ) => {
    const path = [info.path.key, info.path.prev?.key, info.path.typename];
    const told = [
      info.fieldName,
      info.parentType.name,
      String(info.returnType),
      info.fieldNodes.length,
      info.operation.operation,
    ];
    context.calls.push(
      JSON.stringify([
        path,
        told,
        args,
        info.variableValues,
        Object.keys(info).sort(),
        Object.keys(info.fragments),
      ]),
    );
    const value = (args as { text?: string }).text;
    if (value === 'throw') throw new Error('thrown');
    return value === 'later' ? Promise.reject(new Error('later')) : (value ?? source?.chance?.());
  };
  for (const name of ['Query', 'Thing', 'Mutation']) {
    const fields =
      (made.getType(name) as { getFields?: () => Record<string, { resolve?: unknown }> }).getFields?.() ?? {};
    for (const field of ['called', 'third']) if (fields[field]) fields[field].resolve = called;
  }
  return made;
}

/** Without promises; `still` without functions as well, whose answers may be other ones each time. */
type Calm = boolean | 'still';

/**
 * An object whose properties are all that a resolver can answer, right and wrong; made when they are asked for.
 * @param calm without promises: graphql-js forgets those that run in a list whose next item may not be null and is
 */
function anything(seed: number, calm: Calm): object {
  const made: Record<string, unknown> = { __typename: 'Thing', chance: numbersFrom(seed) };
  const names = Object.keys(MAKERS);
  for (const [at, name] of names.entries()) {
    let value: { is: unknown } | undefined;
    const get = () => (value ??= { is: MAKERS[name]?.(numbersFrom(seed * names.length + at), calm) }).is;
    Object.defineProperty(made, name, { get });
  }
  return made;
}

type Maker = (chance: () => number, calm: Calm) => unknown;

/** Three times of five what is wanted, else anything else. */
const oneOf =
  (good: Maker): Maker =>
  (chance, calm) => {
    if (chance() < 0.6) return good(chance, calm);
    const others = [...SYNCHRONOUS, ...(calm === 'still' ? [] : CALLED), ...(calm ? [] : LATER)];
    return others[Math.floor(chance() * others.length)]?.(() => good(chance, calm));
  };

type Other = (good: () => unknown) => unknown;
const SYNCHRONOUS: readonly Other[] = [
  () => null,
  () => undefined,
  () => new Error('answered'),
  () => ({ not: 'of this kind' }),
  () => 'text',
];
const CALLED: readonly Other[] = [
  (good) => good,
  () => () => {
    throw new Error('thrown');
  },
];
const LATER: readonly Other[] = [
  (good) => Promise.resolve(good()),
  (good) => Promise.resolve().then(good),
  () => Promise.reject(new Error('rejected')),
  (good) => () => Promise.resolve(good()),
];

const text = oneOf((chance) => `text ${Math.floor(chance() * 100)}`);
const thing = oneOf((chance, calm) => anything(Math.floor(chance() * 1e6), calm));
const list = (item: Maker): Maker =>
  oneOf((chance, calm) => {
    const items = Array.from({ length: Math.floor(chance() * 4) }, () => item(chance, calm));
    return chance() < 0.3 ? new Set(items) : items;
  });
const calmly =
  (make: Maker): Maker =>
  (chance, calm) =>
    make(chance, calm || true);

const MAKERS: Record<string, Maker> = {
  name: text,
  must: text,
  number: oneOf(() => 7),
  colour: oneOf(() => 'RED'),
  things: list(thing),
  musts: list(calmly(thing)),
  grid: list(list(calmly(oneOf(() => 3)))),
  thing,
  sure: thing,
  named: thing,
  made: thing,
};

const LEAVES = ['name', 'must', 'number', 'colour', 'grid', '__typename'];
const BRANCHES = ['things', 'musts', 'thing', 'sure', 'made', 'made(box: $box)', 'made(box: {width: 1})'];
const CALLS = [
  'called(text: $text, times: $times, box: $box, list: $list)',
  'called(text: "throw")',
  'called(text: "later")',
  'called(text: $text, times: 4, list: [1, 2])',
  'called(text: $other)',
];

function selection(chance: () => number, depth = 0): string {
  const pick = (of: readonly string[]) => of[Math.floor(chance() * of.length)] ?? '';
  const alias = () => (chance() < 0.2 ? `x${Math.floor(chance() * 3)}: ` : '');
  const fields = Array.from({ length: 1 + Math.floor(chance() * 4) }, () => {
    const kind = chance();
    if (kind < 0.45 || depth > 2) return `${alias()}${pick(LEAVES)}`;
    if (kind < 0.6) return `${alias()}${pick(CALLS)}`;
    if (kind < 0.68)
      return `... on ${pick(['Thing', 'Named'])} { name ${chance() < 0.5 ? '__typename' : ''} }`;
    if (kind < 0.74) return '...Part';
    if (kind < 0.77) return `named { name }`;
    if (kind < 0.8) return `name @include(if: $yes)`;
    return `${alias()}${pick(BRANCHES)} { ${selection(chance, depth + 1)} }`;
  });
  return fields.join(' ');
}

const VARIABLES =
  '($text: String! = "given", $other: String = "other", $times: Int! = 5, $box: Box, $list: [Int!], $yes: Boolean! = true)';

function documentFrom(chance: () => number): string {
  const part = `fragment Part on Thing { number thing { ${selection(chance, 2).replaceAll('...Part', 'name')} } }`;
  const inside = selection(chance);
  const query = `query Q${VARIABLES} { thing { ${inside} } sure { must } again: things { ${selection(chance, 1)} } }`;
  const mutation = `mutation M${VARIABLES} { first { ${inside} } second { name } third(text: $text) }`;
  return `${chance() < 0.3 ? mutation : query} ${part}`;
}

const GIVEN: readonly Record<string, unknown>[] = [
  {},
  { text: 'throw', box: { names: ['a'] } },
  { other: null, times: 2, list: [1, 2] },
  { text: null },
  { times: 'many' },
  { box: { inner: {}, width: 3 }, list: 4, yes: false },
];

function sound(source: string): DocumentNode | undefined {
  const document = parse(source);
  const errors = validate(schema, document).filter(({ message }) => !message.includes('is never used'));
  return errors.length === 0 ? document : undefined;
}

const roots = new Map<string, { resolve?: unknown }>();
for (const type of [schema.getQueryType(), schema.getMutationType()])
  for (const [name, field] of Object.entries(type?.getFields() ?? {})) roots.set(name, field);

/** Both start from a source of their own, made alike. */
async function compare(source: string, seed: number, given: Record<string, unknown>): Promise<boolean> {
  const document = sound(source);
  if (!document) return false;
  const operation = getOperationAST(document);
  if (!operation) throw new Error('there is one operation');
  const plan = planOf({ schema, document, operation });
  const outcomes: string[] = [];
  for (const run of [
    (contextValue: Asked) => execute({ schema, document, contextValue, variableValues: given }),
    (contextValue: Asked) => plan(contextValue, given),
  ]) {
    for (const [at, name] of ['thing', 'sure', 'first', 'second', 'things'].entries()) {
      const field = roots.get(name);
      const make = () => anything(seed * 10 + at, name === 'things');
      if (field) field.resolve = () => (name === 'things' ? [make(), make()] : make());
    }
    const asked: Asked = { calls: [] };
    const result = run(asked);
    outcomes.push(
      `${result instanceof Promise ? 'later' : 'at once'} ${told(await result)} ${asked.calls.join('\n')}`,
    );
  }
  expect(outcomes[1]).toBe(outcomes[0]);
  return true;
}

/** Variables that are not of their types are left to whoever asked the plan. */
function told(result: ExecutionResult | undefined): string {
  if (!result || !('data' in result)) return 'variables';
  const errors = result.errors?.map((error) => [error.toJSON(), error.originalError?.message]);
  return JSON.stringify({ ...result, errors });
}

class Unchanging extends Lasting {}

/** What is answered of things that never change: by graphql-js, and by a plan, asked three times. */
async function retell(source: string, seed: number): Promise<string[] | undefined> {
  const document = sound(source);
  const operation = document && getOperationAST(document);
  if (!operation) return undefined;
  const plan = planOf({ schema, document, operation });
  const things = [1, 2, 3].map((at) =>
    Object.defineProperties(
      new Unchanging(),
      Object.getOwnPropertyDescriptors(anything(seed * 10 + at, 'still')),
    ),
  );
  for (const [name, field] of roots) {
    const list = [things[0], anything(seed, 'still'), things[1], things[0]];
    if (name !== 'called' && name !== 'third') field.resolve = () => (name === 'things' ? list : things[2]);
  }
  const asked = (): Asked => ({ calls: [] });
  const results = [await execute({ schema, document, contextValue: asked() })];
  for (let time = 0; time < 3; time++) results.push((await plan(asked(), {})) ?? {});
  return results.map(
    ({ data, errors }) => `${writeData(data)} ${told({ data: null, errors: errors ?? [] })}`,
  );
}

describe('an operation that was planned', () => {
  it('has what never changes written once, and then as graphql-js has it, what is wrong with it included', async () => {
    let kept = 0;
    for (let seed = 1; seed <= 250; seed++) {
      const answers = await retell(
        documentFrom(numbersFrom(seed)).replaceAll(/\w*called[^)]*\)/g, 'name'),
        seed,
      );
      if (answers && new Set(answers).size === 1) kept++;
      expect(new Set(answers).size).toBeLessThan(2);
    }
    expect(kept).toBeGreaterThan(75);
  });

  it('answers what graphql-js answers, errors, their order and all that resolvers are told included', async () => {
    let compared = 0;
    for (let seed = 1; seed <= 1000; seed++) {
      const source = documentFrom(numbersFrom(seed));
      if (await compare(source, seed, GIVEN[seed % GIVEN.length] ?? {})) compared++;
    }
    expect(compared).toBeGreaterThan(500);
  });

  it('has members of its answer that are named like those of every object', async () => {
    const source =
      'query { thing { __proto__: name constructor: must toString: number hasOwnProperty: colour } }';
    for (let seed = 1; seed <= 20; seed++) await compare(source, seed, {});
  });
});
