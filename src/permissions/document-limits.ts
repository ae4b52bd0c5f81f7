import {
  getNamedType,
  getNullableType,
  GraphQLError,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  OperationTypeNode,
  type DirectiveNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
  type ValueNode,
} from 'graphql';

/** How large one GraphQL document may be. Every number holds for one operation with its fragments written out. */
export interface DocumentLimits {
  /** Fields inside fields; `{ me { id } }` is 2 deep. */
  depth: number;
  aliases: number;
  directives: number;
  /** Fields of Query or Mutation itself. */
  rootFields: number;
  /**
   * Fields, each counted as often as the page it is in may hold items. A list without pages counts once, unless there are
   * pages below it: then it counts as the largest page, since lists and pages by turns multiply one another.
   */
  cost: number;
  /** Fields, fragment spreads and inline fragments. */
  selections: number;
  /** Fields that stand beside their like; graphql-js compares each of those with each. */
  repeats: number;
  /** Selections below `__schema` and `__type`, which depth, cost and selections leave out. */
  introspection: number;
  /** Mutations that check or set a secret. At most one an operation, or a document would be a list of guesses. */
  credentialMutations: ReadonlySet<string>;
}

/** What the service allows: several times what a full screen of an application asks for. */
export const DOCUMENT_LIMITS = {
  depth: 12,
  aliases: 30,
  directives: 50,
  rootFields: 20,
  cost: 10_000,
  selections: 1_000,
  repeats: 50,
  introspection: 5_000,
} as const satisfies Omit<DocumentLimits, 'credentialMutations'>;

/** The largest page a list answers; a variable counts as this, since a cached document meets any value. */
const MAX_PAGE_SIZE = 100;

type Measured = Exclude<keyof DocumentLimits, 'credentialMutations'> | 'credentials';
/** `pages` counts the pages within, which limit nothing by themselves. */
type Measure = Record<Measured | 'pages', number>;

const MESSAGES: Record<Measured, (limit: number) => string> = {
  depth: (limit) => `The operation is nested too deep: at most ${limit} levels are allowed.`,
  aliases: (limit) => `The operation has too many aliases: at most ${limit} are allowed.`,
  directives: (limit) => `The operation has too many directives: at most ${limit} are allowed.`,
  rootFields: (limit) => `The operation has too many root fields: at most ${limit} are allowed.`,
  cost: (limit) => `The operation costs too much: at most ${limit} is allowed. Ask for smaller pages.`,
  selections: (limit) => `The operation selects too much: at most ${limit} fields and fragments are allowed.`,
  introspection: (limit) =>
    `The operation selects too much of the schema: at most ${limit} fields are allowed.`,
  credentials: (limit) =>
    `The operation checks too many credentials: at most ${limit} such mutation is allowed.`,
  repeats: (limit) =>
    `The operation repeats itself too often: at most ${limit} fields may stand beside their like.`,
};

const MEASURED = Object.keys(MESSAGES) as Measured[];

/**
 * Makes the validation rule that refuses documents beyond the limits, before anything is executed.
 *
 * It belongs to validation, so it runs once for a cached document. Each fragment is measured once however often it
 * is spread, so fragments that double one another cost nothing here. Refusals carry GRAPHQL_VALIDATION_FAILED and
 * name the limit.
 *
 * @see test/unit/document-limits.test.ts
 */
export function documentLimits(limits: DocumentLimits): ValidationRule {
  const allowed: Record<Measured, number> = { ...limits, credentials: 1 };
  return (context) => {
    const reading: Reading = { context, credentials: limits.credentialMutations, fragments: new Map() };
    return {
      OperationDefinition(operation) {
        const measured = measureOperation(operation, reading);
        for (const name of MEASURED) {
          const limit = allowed[name];
          if (measured[name] > limit) context.reportError(refusal(MESSAGES[name](limit), operation));
        }
        return false;
      },
      FragmentDefinition: () => false,
    };
  };
}

/** After so many errors graphql-js gives up validating (`maxErrors`). */
const ERRORS_THAT_END_VALIDATION = 100;

/**
 * Makes a rule's first refusal the end of validation: other rules take quadratic time over the documents that this one
 * is there to refuse. What is reported comes many times over; whoever presents it tells it once.
 */
export function decisive(rule: ValidationRule): ValidationRule {
  return (context) => {
    const reportError = (error: GraphQLError) => {
      for (let count = 0; count < ERRORS_THAT_END_VALIDATION; count++) context.reportError(error);
    };
    return rule(Object.create(context, { reportError: { value: reportError } }) as ValidationContext);
  };
}

function refusal(message: string, operation: OperationDefinitionNode): GraphQLError {
  return new GraphQLError(message, {
    nodes: operation,
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  });
}

/** What is known while one document is read: the fragments measured so far, by name. */
interface Reading {
  context: ValidationContext;
  credentials: ReadonlySet<string>;
  fragments: Map<string, Measure>;
}
type Parent = GraphQLNamedType | null | undefined;

function measureOperation(node: OperationDefinitionNode, reading: Reading): Measure {
  const root = reading.context.getSchema().getRootType(node.operation);
  const measure = measureSelectionSet(node.selectionSet, root, reading);
  measure.directives += directivesOf(node);
  for (const variable of node.variableDefinitions ?? []) measure.directives += directivesOf(variable);
  if (node.operation !== OperationTypeNode.MUTATION) measure.credentials = 0;
  return measure;
}

/** @param beside the names that the selection set has so far, inline fragments included */
function measureSelectionSet(
  node: SelectionSetNode,
  parent: Parent,
  reading: Reading,
  beside = new Set<string>(),
): Measure {
  const total = nothing();
  for (const selection of node.selections) add(total, measureSelection(selection, parent, reading, beside));
  return total;
}

function measureSelection(
  node: SelectionNode,
  parent: Parent,
  reading: Reading,
  beside: Set<string>,
): Measure {
  if (node.kind === Kind.FIELD) return measureField(node, parent, reading, beside);
  const measure = nothing();
  measure.selections = 1;
  measure.directives = directivesOf(node);
  if (node.kind === Kind.FRAGMENT_SPREAD) return add(measure, measureFragment(node.name.value, reading));
  const condition = node.typeCondition ? typeNamed(node.typeCondition.name.value, reading) : parent;
  return add(measure, measureSelectionSet(node.selectionSet, condition, reading, beside));
}

function measureFragment(name: string, reading: Reading): Measure {
  const known = reading.fragments.get(name);
  if (known) return known;
  reading.fragments.set(name, nothing()); // what a cycle sees of itself; NoFragmentCyclesRule refuses it
  const definition = reading.context.getFragment(name);
  if (!definition) return nothing();
  const condition = typeNamed(definition.typeCondition.name.value, reading);
  const measure = measureSelectionSet(definition.selectionSet, condition, reading);
  measure.directives += directivesOf(definition);
  reading.fragments.set(name, measure);
  return measure;
}

function measureField(node: FieldNode, parent: Parent, reading: Reading, beside: Set<string>): Measure {
  const name = node.name.value;
  const shownAs = node.alias?.value ?? name;
  const isRepeat = beside.has(shownAs);
  beside.add(shownAs);
  const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
  const type = field && getNamedType(field.type);
  const below = node.selectionSet ? measureSelectionSet(node.selectionSet, type, reading) : nothing();
  const size =
    name === '__schema' || name === '__type'
      ? { depth: 1, cost: 1, selections: 1, introspection: below.selections + 1 }
      : {
          depth: below.depth + 1,
          cost: below.cost * timesOf(node, field, parent, below) + 1,
          selections: below.selections + 1,
          introspection: below.introspection,
        };
  return {
    ...size,
    aliases: below.aliases + (node.alias ? 1 : 0),
    directives: below.directives + directivesOf(node),
    repeats: below.repeats + (isRepeat ? 1 : 0),
    rootFields: 1,
    credentials: reading.credentials.has(name) ? 1 : 0,
    pages: below.pages + (isPage(node, field) ? 1 : 0),
  };
}

type Field = GraphQLField<unknown, unknown> | undefined;

/** How often what is below a field counts. */
function timesOf(node: FieldNode, field: Field, parent: Parent, below: Measure): number {
  if (isPage(node, field)) return pageSize(node, field);
  return below.pages > 0 && isFreeList(field, parent) ? MAX_PAGE_SIZE : 1;
}

const isPage = ({ arguments: given = [] }: FieldNode, field: Field): boolean =>
  given.some(({ name }) => isPageArgument(name.value)) ||
  field?.args.some(({ name }) => isPageArgument(name)) === true;

/** A list of no said size. What is in a connection was counted with it; how many entities there are, their gateway has counted. */
function isFreeList(field: Field, parent: Parent): boolean {
  const isCounted = parent?.name.endsWith('Connection') === true || field?.name === '_entities';
  return field !== undefined && !isCounted && isListType(getNullableType(field.type));
}

/** How many items a field may hold, after its `first` and `last`: those given, else their defaults, else 1. */
function pageSize(node: FieldNode, field: Field): number {
  const given = (node.arguments ?? []).filter(({ name }) => isPageArgument(name.value));
  if (given.length > 0) return Math.max(...given.map(({ value }) => itemsOf(value)));
  const defaults = (field?.args ?? []).filter(({ name }) => isPageArgument(name));
  return Math.max(
    1,
    ...defaults.map(({ defaultValue }) => (typeof defaultValue === 'number' ? defaultValue : 1)),
  );
}

function isPageArgument(name: string): boolean {
  return name === 'first' || name === 'last';
}

/** Larger numbers count as the largest page, because the list itself refuses them, and with a better message. */
function itemsOf(value: ValueNode): number {
  if (value.kind !== Kind.INT) return MAX_PAGE_SIZE;
  return Math.min(MAX_PAGE_SIZE, Math.max(1, Number(value.value)));
}

function typeNamed(name: string, reading: Reading): Parent {
  return reading.context.getSchema().getType(name);
}

function directivesOf(node: { readonly directives?: readonly DirectiveNode[] | undefined }): number {
  return node.directives?.length ?? 0;
}

function nothing(): Measure {
  return {
    depth: 0,
    aliases: 0,
    directives: 0,
    rootFields: 0,
    cost: 0,
    selections: 0,
    repeats: 0,
    introspection: 0,
    credentials: 0,
    pages: 0,
  };
}

/** Adds to `total`, which it answers; depth is the deeper of the two. */
function add(total: Measure, more: Measure): Measure {
  total.pages += more.pages;
  for (const name of MEASURED) {
    total[name] = name === 'depth' ? Math.max(total.depth, more.depth) : total[name] + more[name];
  }
  return total;
}
