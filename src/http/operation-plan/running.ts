import {
  defaultFieldResolver,
  isNonNullType,
  locatedError,
  responsePathAsArray,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type ResponsePath,
} from 'graphql';
import { argumentsOf, type Giving } from './inputs.js';

/** What is planned. The document is valid. */
export interface Planned {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

/** What a plan is made from. */
export interface Planning extends Planned {
  readonly fragments: Record<string, FragmentDefinitionNode>;
  /** A plan has no more steps than its document has fields. */
  readonly left: { steps: number };
}

/** One field of a selection. */
export interface Step extends Planning {
  readonly key: string;
  readonly parent: GraphQLObjectType;
  readonly field: GraphQLField<unknown, unknown>;
  /** Of `nodes` the first, whose arguments are those of all. */
  readonly node: FieldNode;
  readonly nodes: readonly FieldNode[];
  readonly givings: readonly Giving[] | undefined;
  /** What is selected of its objects. */
  readonly below: readonly Step[];
  readonly complete: Complete;
}

/** Brings what a resolver has answered into the form of the answer. */
export type Complete = (run: Run, step: Step, path: ResponsePath, value: unknown) => unknown;

/** One execution. */
export interface Run {
  readonly contextValue: unknown;
  readonly variableValues: Record<string, unknown>;
  readonly errors: GraphQLError[];
  /** How often something went wrong, told or not. */
  faults: number;
  /** Places that have become null for an error; what goes wrong below them is not told as well. */
  nulled: Set<ResponsePath | undefined> | undefined;
}

/** Makes a result of what the root fields come to. */
export function respond(run: Run, work: () => unknown): ExecutionResult | Promise<ExecutionResult> {
  const finish = (data: unknown): ExecutionResult => {
    const answer = { data: data as Record<string, unknown> | null };
    return run.errors.length === 0 ? answer : { errors: run.errors, ...answer };
  };
  const fail = (error: unknown) => {
    note(run, error as GraphQLError, undefined);
    return finish(null);
  };
  try {
    const data = work();
    return isPromise(data) ? data.then(finish, fail) : finish(data);
  } catch (error) {
    return fail(error);
  }
}

type Fields = Record<string, unknown>;

/** Executes the fields of one object, without waiting for one another. @throws {GraphQLError} for a field that may not be null */
export function runAll(
  run: Run,
  steps: readonly Step[],
  source: unknown,
  path: ResponsePath | undefined,
): unknown {
  const results: Fields = {};
  let isPending = false;
  try {
    for (const step of steps) {
      const result = runStep(run, step, source, path);
      results[step.key] = result;
      isPending ||= isPromise(result);
    }
  } catch (error) {
    if (!isPending) throw error;
    return settled(results).finally(() => {
      throw error;
    });
  }
  return isPending ? settled(results) : results;
}

/** Executes mutations: each waits for the one before. */
export function runInTurn(run: Run, steps: readonly Step[]): unknown {
  const next = (results: Fields, step: Step): Fields | Promise<Fields> => {
    const result = runStep(run, step, undefined, undefined);
    const keep = (value: unknown) => {
      results[step.key] = value;
      return results;
    };
    return isPromise(result) ? result.then(keep) : keep(result);
  };
  return steps.reduce<Fields | Promise<Fields>>(
    (before, step) =>
      isPromise(before) ? before.then((results) => next(results, step)) : next(before, step),
    {},
  );
}

function settled(results: Fields): Promise<Fields> {
  return Promise.all(Object.values(results)).then((values) =>
    Object.fromEntries(Object.keys(results).map((key, at) => [key, values[at]])),
  );
}

function runStep(run: Run, step: Step, source: unknown, above: ResponsePath | undefined): unknown {
  const path: ResponsePath = { prev: above, key: step.key, typename: step.parent.name };
  const { complete, field } = step;
  try {
    const found = resolve(run, step, source, path);
    const value = isPromise(found)
      ? found.then((later) => complete(run, step, path, later))
      : complete(run, step, path, found);
    if (!isPromise(value)) return value;
    return value.then(undefined, (error: unknown) => failAt(run, step, field.type, path, error));
  } catch (error) {
    return failAt(run, step, field.type, path, error);
  }
}

function resolve(run: Run, step: Step, source: unknown, path: ResponsePath): unknown {
  const { field } = step;
  if (isProperty(field)) {
    const property = isObject(source) ? source[field.name] : undefined;
    if (typeof property !== 'function') return property;
  }
  const resolver = field.resolve ?? defaultFieldResolver;
  return resolver(source, argumentsOf(step, run.variableValues), run.contextValue, infoOf(run, step, path));
}

/** What most fields are: it needs nothing else. */
export const isProperty = ({ resolve: resolver, args }: GraphQLField<unknown, unknown>): boolean =>
  !resolver && args.length === 0;

const isObject = (source: unknown): source is Fields =>
  (typeof source === 'object' && source !== null) || typeof source === 'function';

const infoOf = ({ variableValues }: Run, step: Step, path: ResponsePath) => ({
  fieldName: step.field.name,
  fieldNodes: step.nodes,
  returnType: step.field.type,
  parentType: step.parent,
  path,
  schema: step.schema,
  fragments: step.fragments,
  rootValue: undefined,
  operation: step.operation,
  variableValues,
});

/** Nulls the place where something went wrong, or has the place above nulled where this one may not be null. */
export function failAt(
  run: Run,
  { nodes }: Step,
  type: GraphQLOutputType,
  path: ResponsePath,
  error: unknown,
): null {
  const located = locatedError(error, nodes, responsePathAsArray(path));
  if (isNonNullType(type)) throw located;
  note(run, located, path);
  return null;
}

function note(run: Run, error: GraphQLError, path: ResponsePath | undefined): void {
  run.faults++;
  const nulled = (run.nulled ??= new Set());
  for (let place = path; place !== undefined; place = place.prev) if (nulled.has(place)) return;
  if (nulled.has(undefined)) return;
  nulled.add(path);
  run.errors.push(error);
}

/** As graphql-js sees it. */
export const isPromise = <T>(value: T | Promise<T>): value is Promise<T> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
