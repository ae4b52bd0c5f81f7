import { GraphQLError, type GraphQLLeafType, type GraphQLOutputType, type ResponsePath } from 'graphql';
import { inspect } from 'graphql/jsutils/inspect.js';
import { isWritten, writeList } from './written.js';
import { failAt, isPromise, runAll, type Complete, type Run, type Step } from './running.js';

/** Of a type with an exclamation mark. */
export const completeNonNull =
  (inner: Complete): Complete =>
  (run, step, path, value) => {
    const completed = inner(run, step, path, value);
    if (completed !== null) return completed;
    throw new Error(`Cannot return null for non-nullable field ${step.parent.name}.${step.field.name}.`);
  };

/** Of a scalar or an enum. */
export const completeLeaf =
  (type: GraphQLLeafType): Complete =>
  (_run, _step, _path, value) => {
    if (isNothing(value)) return null;
    const serialized: unknown = type.serialize(value);
    if (serialized !== undefined && serialized !== null) return serialized;
    throw new Error(
      `Expected \`${inspect(type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
    );
  };

/** Of an object, by the fields selected of it. */
export const completeObject =
  (steps: readonly Step[]): Complete =>
  (run, _step, path, value) =>
    isNothing(value) ? null : runAll(run, steps, value, path);

/** Of a list of items of that type. */
export const completeList =
  (type: GraphQLOutputType) =>
  (inner: Complete): Complete =>
  (run, step, path, value) => {
    if (isNothing(value)) return null;
    if (!isIterable(value))
      throw new GraphQLError(
        `Expected Iterable, but did not find one for field "${step.parent.name}.${step.field.name}".`,
      );
    const items: unknown[] = [];
    const listing = { run, step, type, inner };
    let isPending = false;
    for (const item of value) {
      const completed = completeItem(listing, { prev: path, key: items.length, typename: undefined }, item);
      isPending ||= isPromise(completed);
      items.push(completed);
    }
    return isPending ? Promise.all(items).then(asList) : asList(items);
  };

const asList = (items: unknown[]): unknown => (items.some(isWritten) ? writeList(items) : items);

interface Listing {
  run: Run;
  step: Step;
  type: GraphQLOutputType;
  inner: Complete;
}

function completeItem({ run, step, type, inner }: Listing, path: ResponsePath, item: unknown): unknown {
  try {
    const value = isPromise(item)
      ? item.then((later) => inner(run, step, path, later))
      : inner(run, step, path, item);
    if (!isPromise(value)) return value;
    return value.then(undefined, (error: unknown) => failAt(run, step, type, path, error));
  } catch (error) {
    return failAt(run, step, type, path, error);
  }
}

/** An error that was answered instead of thrown is thrown here. */
function isNothing(value: unknown): value is null | undefined {
  if (value instanceof Error) throw value;
  return value === undefined || value === null;
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' &&
  typeof (value as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function';
