import {
  defaultFieldResolver,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
} from 'graphql';
import { silentMeters, type Meters } from '../domain/meters.js';
import { currentStep, untilDone, type Step, type Tracer } from '../domain/tracing.js';
import { presentable } from '../errors.js';

type Resolve = GraphQLFieldResolver<unknown, unknown>;

/** Who is told. */
interface Observing {
  meters: Meters;
  tracer: Tracer | undefined;
}

/** Takes the time of every field of Query and Mutation, its guard included, and makes each a step of the trace. */
export function observeFields(schema: GraphQLSchema, { meters, tracer }: Observing): GraphQLSchema {
  if (meters === silentMeters && !tracer) return schema;
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const [name, field] of Object.entries(type?.getFields() ?? {}))
      field.resolve = observed(`${type?.name ?? ''}.${name}`, field.resolve ?? defaultFieldResolver, meters);
  return schema;
}

/** What answers at once goes on doing so: verifyToken is asked thousands of times a second. */
function observed(field: string, resolve: Resolve, meters: Meters): Resolve {
  return (root, args, context, info) => {
    const startedAt = performance.now();
    const done = (code: string) => meters.resolved(field, code, performance.now() - startedAt);
    const failed = (error: unknown) => {
      done(presentable(error).code);
      throw error;
    };
    const step = currentStep();
    try {
      const result: unknown = step
        ? asStep(step, field, info, () => resolve(root, args, context, info))
        : resolve(root, args, context, info);
      if (result instanceof Promise) return result.then((value: unknown) => settle(value, done), failed);
      return settle(result, done);
    } catch (error) {
      return failed(error);
    }
  };
}

/** An error that is answered is one that is thrown, to graphql-js. */
function settle(result: unknown, done: (code: string) => void): unknown {
  done(result instanceof Error ? presentable(result).code : 'OK');
  return result;
}

/** Longest name of an operation that is written down. */
const MOST_NAME = 64;

function asStep<T>(outer: Step, field: string, { operation }: GraphQLResolveInfo, work: () => T): T {
  const { operation: type, name } = operation;
  const called = name?.value.slice(0, MOST_NAME);
  outer.note(
    { 'graphql.operation.type': type, ...(called === undefined ? {} : { 'graphql.operation.name': called }) },
    called === undefined ? type : `${type} ${called}`,
  );
  return untilDone(outer.begin(field), work);
}
