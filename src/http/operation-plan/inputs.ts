import {
  coerceInputValue,
  getArgumentValues,
  isInputType,
  isNonNullType,
  Kind,
  typeFromAST,
  valueFromAST,
  type FieldNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type ValueNode,
} from 'graphql';

/** A variable of an operation. */
export interface Slot {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly defaultValue: ValueNode | undefined;
}

/** The variables that an operation declares. */
export const slotsOf = (
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
): Slot[] =>
  variableDefinitions.flatMap(({ variable, type: node, defaultValue }) => {
    const type = typeFromAST(schema, node as never);
    return isInputType(type) ? [{ name: variable.name.value, type, defaultValue }] : [];
  });

/** The values of variables as resolvers get them; undefined where one is not of its type. */
export function coerce(
  slots: readonly Slot[],
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  const values = Object.create(null) as Record<string, unknown>;
  let faults = 0;
  const refuse = () => {
    faults++;
  };
  for (const { name, type, defaultValue } of slots) {
    if (Object.hasOwn(given, name)) values[name] = coerceInputValue(given[name], type, refuse);
    else if (defaultValue) values[name] = valueFromAST(defaultValue, type);
    else if (isNonNullType(type)) refuse();
    if (faults > 0) return undefined;
  }
  return values;
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
