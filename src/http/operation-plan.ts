import {
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  OperationTypeNode,
  TypeNameMetaFieldDef,
  execute,
  visit,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';
import { completeLeaf, completeList, completeNonNull, completeObject } from './operation-plan/completing.js';
import { coerce, givingsOf, slotsOf } from './operation-plan/inputs.js';
import {
  isPromise,
  respond,
  runAll,
  runInTurn,
  type Complete,
  type Planned,
  type Planning,
  type Run,
  type Step,
} from './operation-plan/running.js';

export { isPromise } from './operation-plan/running.js';

/*
 * graphql-js works out anew at each request which fields are asked for, of which types, and with which resolvers. A plan has that
 * worked out once. What it does with resolvers, nulls, errors and promises is what graphql-js does, step by step, in the same order:
 * test/unit/operation-plan.test.ts holds the two against each other.
 */

/**
 * Executes an operation with variables as they were sent.
 * @returns as `execute` of graphql-js does; undefined where variables are not of their types: nothing has run then
 */
export type Plan = (
  contextValue: unknown,
  variables: Readonly<Record<string, unknown>>,
) => ExecutionResult | Promise<ExecutionResult> | undefined;

export type { Planned } from './operation-plan/running.js';

/**
 * Plans an operation. What has directives, unions, interfaces or introspection in it is left to graphql-js, and so is what fragments
 * make larger than it is written.
 */
export const planOf = (planned: Planned): Plan => steppedPlan(planned) ?? plainPlan(planned);

/** graphql-js's own way. */
function plainPlan({ schema, document, operation }: Planned): Plan {
  const operationName = operation.name?.value;
  return (contextValue, variableValues) => {
    const result = execute({ schema, document, operationName, contextValue, variableValues });
    return 'data' in result || isPromise(result) ? result : undefined;
  };
}

function steppedPlan(planned: Planned): Plan | undefined {
  const { schema, operation } = planned;
  const steps = rootSteps(planned);
  if (!steps) return undefined;
  const slots = slotsOf(schema, operation);
  const isSerial = operation.operation === OperationTypeNode.MUTATION;
  return (contextValue, given) => {
    const variableValues = coerce(slots, given);
    if (!variableValues) return undefined;
    const run: Run = { contextValue, variableValues, errors: [], nulled: undefined };
    return respond(run, () => (isSerial ? runInTurn(run, steps) : runAll(run, steps, undefined, undefined)));
  };
}

function rootSteps({ schema, document, operation }: Planned): Step[] | undefined {
  const { fields, directives } = countsOf(document);
  const root = schema.getRootType(operation.operation);
  if (!root || directives > 0) return undefined;
  const fragments = fragmentsOf(document);
  const planning = { schema, document, operation, fragments, left: { steps: fields } };
  return stepsOf(planning, root, collectFields(schema, fragments, {}, root, operation.selectionSet));
}

function fragmentsOf({ definitions }: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments = Object.create(null) as Record<string, FragmentDefinitionNode>;
  for (const one of definitions) if (one.kind === Kind.FRAGMENT_DEFINITION) fragments[one.name.value] = one;
  return fragments;
}

function countsOf(document: DocumentNode): { fields: number; directives: number } {
  const counts = { fields: 0, directives: 0 };
  visit(document, {
    enter({ kind }) {
      if (kind === Kind.FIELD) counts.fields++;
      if (kind === Kind.DIRECTIVE) counts.directives++;
    },
  });
  return counts;
}

function stepsOf(
  planning: Planning,
  parent: GraphQLObjectType,
  fields: ReadonlyMap<string, readonly FieldNode[]>,
): Step[] | undefined {
  const steps: Step[] = [];
  for (const [key, nodes] of fields) {
    const [node] = nodes;
    const field = node && fieldOf(parent, node.name.value);
    const complete = field && completerOf(planning, field.type, nodes);
    // Assigned, `__proto__` would be no member of the answer.
    if (!complete || parent.isTypeOf || key === '__proto__' || planning.left.steps-- === 0) return undefined;
    steps.push({ ...planning, key, parent, field, node, nodes, givings: givingsOf(field, node), complete });
  }
  return steps;
}

/** Undefined for `__schema` and `__type`. */
const fieldOf = (parent: GraphQLObjectType, name: string): GraphQLField<unknown, unknown> | undefined =>
  name === TypeNameMetaFieldDef.name ? TypeNameMetaFieldDef : parent.getFields()[name];

/** Undefined for a type that is not planned. */
function completerOf(
  planning: Planning,
  type: GraphQLOutputType,
  nodes: readonly FieldNode[],
): Complete | undefined {
  if (isNonNullType(type)) return mapped(completerOf(planning, type.ofType, nodes), completeNonNull);
  if (isListType(type)) return mapped(completerOf(planning, type.ofType, nodes), completeList(type.ofType));
  if (isLeafType(type)) return completeLeaf(type);
  if (!isObjectType(type) || type.name.startsWith('__')) return undefined;
  const fields = collectSubfields(planning.schema, planning.fragments, {}, type, nodes);
  return mapped(stepsOf(planning, type, fields), completeObject);
}

const mapped = <T, R>(value: T | undefined, map: (value: T) => R): R | undefined =>
  value === undefined ? undefined : map(value);
