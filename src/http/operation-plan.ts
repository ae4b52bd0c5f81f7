import {
  getNamedType,
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
import { completeLasting, isFixed } from './operation-plan/lasting.js';
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
export { writeData } from './operation-plan/written.js';

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
    const run: Run = { contextValue, variableValues, errors: [], faults: 0, nulled: undefined };
    return respond(run, () => (isSerial ? runInTurn(run, steps) : runAll(run, steps, undefined, undefined)));
  };
}

function rootSteps({ schema, document, operation }: Planned): Step[] | undefined {
  const { fields, directives } = countsOf(document);
  const root = schema.getRootType(operation.operation);
  if (!root || directives > 0) return undefined;
  const fragments = fragmentsOf(document);
  const planning = { schema, document, operation, fragments, left: { steps: fields } };
  return stepsOf(planning, root, collectFields(schema, fragments, {}, root, operation.selectionSet), true);
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
  isRoot = false,
): Step[] | undefined {
  const steps: Step[] = [];
  for (const [key, nodes] of fields) {
    const [node] = nodes;
    const field = node && fieldOf(parent, node.name.value);
    const below = field && belowOf(planning, field.type, nodes);
    // Assigned, `__proto__` would be no member of the answer.
    if (!below || parent.isTypeOf || key === '__proto__' || planning.left.steps-- === 0) return undefined;
    const complete = completerOf(field.type, below, isRoot);
    const givings = givingsOf(field, node);
    steps.push({ ...planning, key, parent, field, node, nodes, givings, below, complete });
  }
  return steps;
}

/** Undefined for `__schema` and `__type`. */
const fieldOf = (parent: GraphQLObjectType, name: string): GraphQLField<unknown, unknown> | undefined =>
  name === TypeNameMetaFieldDef.name ? TypeNameMetaFieldDef : parent.getFields()[name];

/** What is selected of a field's objects, nothing of a leaf; undefined for a type that is not planned. */
function belowOf(
  planning: Planning,
  fieldType: GraphQLOutputType,
  nodes: readonly FieldNode[],
): readonly Step[] | undefined {
  const type = getNamedType(fieldType);
  if (isLeafType(type)) return [];
  if (!isObjectType(type) || type.name.startsWith('__')) return undefined;
  return stepsOf(planning, type, collectSubfields(planning.schema, planning.fragments, {}, type, nodes));
}

function completerOf(type: GraphQLOutputType, below: readonly Step[], isRoot: boolean): Complete {
  if (isNonNullType(type)) return completeNonNull(completerOf(type.ofType, below, isRoot));
  if (isListType(type)) return completeList(type.ofType)(completerOf(type.ofType, below, isRoot));
  if (isLeafType(type)) return completeLeaf(type);
  // Further down, it would have to be found again in what is around it.
  return isRoot && isFixed(below) ? completeLasting(below) : completeObject(below);
}
