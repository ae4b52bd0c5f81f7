import {
  coerceInputValue,
  getArgumentValues,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  Kind,
  typeFromAST,
  valueFromAST,
  type FieldNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLLeafType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type ValueNode,
} from 'graphql';

/** A variable of an operation. */
export interface Slot {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly read: Read;
  readonly defaultValue: ValueNode | undefined;
}

/** Brings a value into the form of its type; undefined for one that is not of it. */
type Read = (value: unknown) => unknown;

/** The variables that an operation declares. */
export const slotsOf = (
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
): Slot[] =>
  variableDefinitions.flatMap(({ variable, type: node, defaultValue }) => {
    const type = typeFromAST(schema, node as never);
    return isInputType(type) ? [{ name: variable.name.value, type, read: readerOf(type), defaultValue }] : [];
  });

/** The values of variables as resolvers get them; undefined where one is not of its type. */
export function coerce(
  slots: readonly Slot[],
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  const values = Object.create(null) as Record<string, unknown>;
  for (const { name, type, read, defaultValue } of slots) {
    let value: unknown;
    if (Object.hasOwn(given, name)) value = read(given[name]);
    else if (defaultValue) value = valueFromAST(defaultValue, type);
    else if (isNonNullType(type)) return undefined;
    else continue;
    if (value === undefined) return undefined;
    values[name] = value;
  }
  return values;
}

/** What `coerceInputValue` does where it finds no fault, without the path that it would tell of one. */
function readerOf(type: GraphQLInputType): Read {
  if (isNonNullType(type)) {
    const inner = readerOf(type.ofType);
    return (value) => (value === null ? undefined : inner(value));
  }
  const read = isListType(type)
    ? listReader(type.ofType)
    : isInputObjectType(type)
      ? objectReader(type)
      : leafReader(type);
  return (value) => (value === null || value === undefined ? null : read(value));
}

const leafReader =
  (type: GraphQLLeafType): Read =>
  (value) => {
    try {
      return type.parseValue(value) as unknown;
    } catch {
      return undefined;
    }
  };

function listReader(type: GraphQLInputType): Read {
  const inner = readerOf(type);
  return (value) => {
    if (!Array.isArray(value)) {
      const only = inner(value);
      return only === undefined ? undefined : [only];
    }
    const items = value.map(inner);
    return items.includes(undefined) ? undefined : items;
  };
}

function objectReader(type: GraphQLInputObjectType): Read {
  if (type.isOneOf) return (value) => readSlowly(type, value);
  // Made when they are first asked for, as an input object may be inside itself.
  let members: ReadonlyMap<string, Member> | undefined;
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    members ??= new Map(Object.values(type.getFields()).map((field) => [field.name, memberOf(field)]));
    return readMembers(members, value as Record<string, unknown>);
  };
}

interface Member {
  readonly read: Read;
  readonly defaultValue: unknown;
  readonly isRequired: boolean;
}

const memberOf = ({ type, defaultValue }: GraphQLInputField): Member => ({
  read: readerOf(type),
  defaultValue,
  isRequired: isNonNullType(type),
});

function readMembers(
  members: ReadonlyMap<string, Member>,
  given: Record<string, unknown>,
): Record<string, unknown> | undefined {
  for (const name of Object.keys(given)) if (!members.has(name)) return undefined;
  const values: Record<string, unknown> = {};
  for (const [name, { read, defaultValue, isRequired }] of members) {
    const value = given[name] === undefined ? defaultValue : read(given[name]);
    if (value !== undefined) values[name] = value;
    else if (isRequired || given[name] !== undefined) return undefined;
  }
  return values;
}

function readSlowly(type: GraphQLInputType, given: unknown): unknown {
  let faults = 0;
  const value = coerceInputValue(given, type, () => faults++);
  return faults > 0 ? undefined : value;
}

/** Where an argument comes from: a variable, or else its default. */
export interface Giving {
  readonly argument: GraphQLArgument;
  readonly variable: string | undefined;
}

/** What is known of the arguments of a field. */
interface Taking {
  readonly field: GraphQLField<unknown, unknown>;
  readonly node: FieldNode;
  /** Undefined where an argument is written out. */
  readonly givings: readonly Giving[] | undefined;
}

/** Where the arguments of a field come from; undefined where one is written out. */
export function givingsOf({ args }: GraphQLField<unknown, unknown>, node: FieldNode): Giving[] | undefined {
  const givings: Giving[] = [];
  for (const argument of args) {
    const value = node.arguments?.find(({ name }) => name.value === argument.name)?.value;
    if (value && value.kind !== Kind.VARIABLE) return undefined;
    givings.push({ argument, variable: value?.name.value });
  }
  return givings;
}

/** The arguments of a field. What is written out, and what is missing, graphql-js reads, and knows what to say. @throws {GraphQLError} */
export function argumentsOf(
  { field, node, givings }: Taking,
  variableValues: Record<string, unknown>,
): Record<string, unknown> {
  if (!givings) return getArgumentValues(field, node, variableValues);
  const values: Record<string, unknown> = {};
  for (const { argument, variable } of givings) {
    const isGiven = variable !== undefined && variable in variableValues;
    const value = isGiven ? variableValues[variable] : argument.defaultValue;
    const isMissing = value === undefined ? isGiven || isNonNullType(argument.type) : false;
    if (isMissing || (value === null && isNonNullType(argument.type)))
      return getArgumentValues(field, node, variableValues);
    if (value !== undefined) values[argument.name] = value;
  }
  return values;
}
