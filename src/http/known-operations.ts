import {
  getOperationAST,
  Kind,
  OperationTypeNode,
  visit,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { isPromise, planOf, writeData, type Plan } from './operation-plan.js';
import { present, type Answering } from './present-errors.js';

/**
 * The short way for operations that are sent again and again. Apollo Server parses, validates and measures a document; when it has
 * found one sound a second time, the document is kept here, and from then on executed with the variables of each request, past Apollo
 * Server's pipeline. Schema, guard, context and presentation of errors are the same; what is not plain beyond doubt, Apollo Server answers.
 *
 * @see docs/decisions/0024-known-operations.md
 */
export interface KnownOperations<Context> {
  /** Answers a request; undefined where Apollo Server has to, of which nothing has run then. */
  answer: (asked: Asked, context: Context) => Answer | undefined | Promise<Answer | undefined>;
  /** Told of every document that Apollo Server has found sound. */
  met: (met: Met) => void;
  /** Told what Apollo Server has answered to a request with that Accept header. */
  told: (accept: string | undefined, answer: Answer) => void;
}

/** A request as it came. */
export interface Asked {
  readonly body: unknown;
  readonly accept: string | undefined;
}

/** An answer as it goes out. */
export interface Answer {
  /** Undefined for 200. */
  readonly status: number | undefined;
  readonly headers: Headers;
  readonly text: string;
}

/** Names and values in turn. */
type Headers = readonly string[];

interface Met {
  readonly source: string;
  /** A digest of `source`. */
  readonly queryHash: string;
  readonly document: DocumentNode;
}

/** A document is kept when it is met so often: texts that never come again take no room. */
const MEETINGS = 2;
/** Digests of texts that were met less often. */
const MOST_MET = 2000;
/** Of all kept documents together; some 250 bytes each. */
const MOST_NODES = 40_000;
const LONGEST_TEXT = 10_000;
const MOST_ACCEPTS = 100;

/** Keeps documents by their text, of which the least used go first. */
export function knowOperations<Context extends Answering>(schema: GraphQLSchema): KnownOperations<Context> {
  const documents = new LRUCache<string, Kept>({
    maxSize: MOST_NODES,
    sizeCalculation: ({ nodes }) => nodes,
  });
  const meetings = new LRUCache<string, number>({ max: MOST_MET });
  const heads = new LRUCache<string, Headers>({ max: MOST_ACCEPTS });
  return {
    answer({ body, accept = '' }, context) {
      const headers = heads.get(accept);
      const asked = headers && readPlain(body);
      const document = asked && documents.get(asked.query);
      const known = document && operationOf(document, schema, asked.operationName ?? null);
      if (!known) return undefined;
      const running = { schema, known, asked, context, headers };
      const result = known.plan(context, asked.variables ?? NONE);
      return isPromise(result) ? result.then((settled) => write(running, settled)) : write(running, result);
    },
    met({ source, queryHash, document }) {
      const times = (meetings.get(queryHash) ?? 0) + 1;
      meetings.set(queryHash, times);
      if (times < MEETINGS || source.length > LONGEST_TEXT || documents.has(source)) return;
      const nodes = nodesOf(document);
      if (nodes !== undefined) documents.set(source, { document, nodes, operations: new Map() });
    },
    told(accept = '', { status, headers }) {
      // Its headers are those of every good answer to such a request: the type that was chosen.
      if (status === undefined) heads.set(accept, headers);
    },
  };
}

const NONE = {};

/** A document, and of its operations those that were asked for, by name. */
interface Kept {
  readonly document: DocumentNode;
  readonly nodes: number;
  readonly operations: Map<string | null, KnownOperation>;
}

interface KnownOperation {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly plan: Plan;
}

/** Undefined where there is no such operation: no name is kept that the document does not have. */
function operationOf(
  { document, operations }: Kept,
  schema: GraphQLSchema,
  name: string | null,
): KnownOperation | undefined {
  const known = operations.get(name);
  if (known) return known;
  const operation = getOperationAST(document, name);
  if (!operation || operation.operation === OperationTypeNode.SUBSCRIPTION) return undefined;
  const made = { document, operation, plan: planOf({ schema, document, operation }) };
  operations.set(name, made);
  return made;
}

/**
 * How many nodes a document has; undefined where one of them is a string: what should be a variable may be a secret, and makes
 * a text of its own each time.
 */
function nodesOf(document: DocumentNode): number | undefined {
  let nodes = 0;
  let strings = 0;
  visit(document, {
    enter({ kind }) {
      nodes++;
      if (kind === Kind.STRING) strings++;
    },
  });
  return strings === 0 ? nodes : undefined;
}

/** The members of a request that need no second look. */
interface Plain {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>> | null;
  readonly operationName?: string | null;
}

/** Reads a body in which everything is of its type, and which has no extensions; undefined for all others. */
function readPlain(body: unknown): Plain | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { query, variables, operationName, extensions } = body as Record<string, unknown>;
  const isPlain =
    typeof query === 'string' &&
    (variables === undefined || (typeof variables === 'object' && !Array.isArray(variables))) &&
    (operationName === undefined || operationName === null || typeof operationName === 'string') &&
    (extensions === undefined || extensions === null);
  return isPlain ? (body as Plain) : undefined;
}

interface Running {
  readonly schema: GraphQLSchema;
  readonly known: KnownOperation;
  readonly asked: Plain;
  readonly context: Answering;
  readonly headers: Headers;
}

/** Writes an answer as Apollo Server does. */
function write(running: Running, result: ExecutionResult | undefined): Answer | undefined {
  if (!result) return undefined;
  const { data } = result;
  const errors = result.errors && presented(running, result.errors);
  running.context.progress.isGraphQL = true;
  return {
    status: undefined,
    headers: running.headers,
    text: `{${errors ? `"errors":${JSON.stringify(errors)},` : ''}"data":${writeData(data)}}\n`,
  };
}

const presented = ({ schema, known, asked, context }: Running, errors: readonly GraphQLError[]) =>
  present({ ...known, schema, request: asked, contextValue: context }, errors);
