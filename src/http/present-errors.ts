import type { GraphQLRequestContext, GraphQLRequestListener } from '@apollo/server';
import {
  BREAK,
  coerceInputValue,
  isInputType,
  Kind,
  OperationTypeNode,
  typeFromAST,
  visit,
  type DocumentNode,
  type GraphQLError,
  type GraphQLFormattedError,
  type VariableDefinitionNode,
} from 'graphql';
import type { Logger } from 'pino';
import type { Client } from '../domain/client.js';
import type { Meters } from '../domain/meters.js';
import { AuthError, badInput, presentable, type FieldError } from '../errors.js';

/** What is asked of the context of a request when it is answered. */
export interface Answering {
  readonly app: { readonly log: Logger; readonly meters: Pick<Meters, 'told'> };
  readonly client: Client;
  readonly progress: Progress;
}

/** How far a request has come. */
export interface Progress {
  /** Set once the request was understood as GraphQL, so that its errors are the graph's and not HTTP's. */
  isGraphQL: boolean;
}

/** What is asked of a request whose errors are presented. */
export type Request = Pick<
  GraphQLRequestContext<Answering>,
  'schema' | 'document' | 'operation' | 'contextValue'
> & {
  readonly request: { readonly variables?: Readonly<Record<string, unknown>> | null | undefined };
};

/** Errors that Apollo Server itself raises about a document; their messages are made for the caller. */
const ABOUT_THE_DOCUMENT = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'BAD_REQUEST',
]);

/** graphql-js finds out only when it executes, and raises an error without a code. */
const NO_SUBSCRIPTIONS: GraphQLFormattedError = {
  message: 'There are no subscriptions.',
  extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
};

/** The last look at every answer: errors leave with a code of the catalogue and nothing that was not meant to leave. */
export const presentErrors: GraphQLRequestListener<Answering> = {
  willSendResponse(request) {
    // Not there, whatever its type says, where no document came along.
    request.contextValue.progress.isGraphQL = Boolean(request.source);
    const { body } = request.response;
    if (request.errors && body.kind === 'single') body.singleResult.errors = present(request, request.errors);
    return Promise.resolve();
  },
};

/** The errors of one answer, as its caller may read them; they are counted, and what nobody expected goes to the log. */
export function present(request: Request, errors: readonly GraphQLError[]): GraphQLFormattedError[] {
  const told = withoutRepeats(errors);
  const rest = told.filter(
    (error) =>
      error.extensions['code'] !== 'BAD_USER_INPUT' ||
      error.originalError instanceof AuthError ||
      error instanceof AuthError,
  );
  if (request.contextValue.app.log.isLevelEnabled('debug')) noteRefusal(request, told);
  const presented = rest.map((error) =>
    request.operation?.operation === OperationTypeNode.SUBSCRIPTION
      ? NO_SUBSCRIPTIONS
      : presentOne(request.contextValue, error),
  );
  // Variables of a wrong type: the library's own messages would repeat their values.
  if (rest.length < told.length) presented.unshift(badInput(faultsOfVariables(request)).toJSON());
  for (const { extensions } of presented) request.contextValue.app.meters.told(String(extensions?.['code']));
  return presented;
}

const GIVEN_UP = 'Too many validation errors, error limit reached. Validation aborted.';

/** A document beyond the limits is refused with one and the same error until validation gives up. */
function withoutRepeats(errors: readonly GraphQLError[]): readonly GraphQLError[] {
  if (errors.at(-1)?.message !== GIVEN_UP) return errors;
  const texts = new Set([GIVEN_UP]);
  return errors.filter(({ message }) => !texts.has(message) && texts.add(message));
}

function noteRefusal({ contextValue: { app, client } }: Request, errors: readonly GraphQLError[]): void {
  // Codes alone: names of operations and aliases are the caller's words.
  const codes = errors.map((error) => error.extensions['code'] ?? presentable(error).code);
  app.log.debug({ requestId: client.requestId, codes }, 'refused');
}

function presentOne({ app, client }: Answering, error: GraphQLError): GraphQLFormattedError {
  if (ABOUT_THE_DOCUMENT.has(String(error.extensions['code']))) return withoutHttp(error);
  const known = faultOfArgument(error) ?? presentable(error);
  const { requestId } = client;
  if (known.code === 'INTERNAL_SERVER_ERROR')
    app.log.error({ err: error.originalError ?? error, requestId, path: error.path }, 'unexpected error');
  if (known.code === 'SERVICE_UNAVAILABLE')
    app.log.warn({ err: error.originalError ?? error, requestId, path: error.path }, 'unavailable');
  const extensions =
    known.code === 'INTERNAL_SERVER_ERROR' ? { ...known.extensions, requestId } : known.extensions;
  return {
    message: known.message,
    ...(error.locations ? { locations: error.locations } : {}),
    ...(error.path ? { path: error.path } : {}),
    extensions,
  };
}

/** graphql-js found an argument null or missing while it was executing: a variable with a default that was given as null, say. */
function faultOfArgument(error: GraphQLError): AuthError | undefined {
  const [, name] = error.originalError ? [] : (/^Argument "(\w+)"/.exec(error.message) ?? []);
  return name === undefined ? undefined : badInput([{ name, message: 'Must not be null.' }]);
}

function withoutHttp(error: GraphQLError): GraphQLFormattedError {
  const { message, locations, extensions } = error.toJSON();
  return { message, ...(locations ? { locations } : {}), extensions: { code: extensions?.['code'] } };
}

function faultsOfVariables(request: Request): FieldError[] {
  return (request.operation?.variableDefinitions ?? []).flatMap((definition) =>
    faultsOf(definition, request),
  );
}

function faultsOf(definition: VariableDefinitionNode, { schema, request, document }: Request): FieldError[] {
  const variable = definition.variable.name.value;
  const type = typeFromAST(schema, definition.type as never);
  const value = request.variables?.[variable];
  if (!isInputType(type) || !document) return [];
  const place = placeOf(variable, document);
  if (value === undefined)
    return definition.type.kind === Kind.NON_NULL_TYPE && !definition.defaultValue
      ? [{ name: nameOf(place), message: 'Is required.' }]
      : [];
  const faults: FieldError[] = [];
  coerceInputValue(value, type, (path, _value, error) => faults.push(describe(place, path, error)));
  return faults;
}

/** Where a document puts a variable: the argument, and the fields of the input object inside it. */
interface Place {
  argument: string;
  inside: readonly string[];
}

/** Callers choose the names of variables; what they are told is named as the schema names it. */
function placeOf(variable: string, document: DocumentNode): Place {
  let place: Place = { argument: variable, inside: [] };
  visit(document, {
    VariableDefinition: () => false,
    Variable(node, _key, parent, _path, ancestors) {
      if (node.name.value !== variable) return undefined;
      const nodes = [...ancestors, parent].filter((above) => above !== undefined && 'kind' in above);
      const argument = nodes.findLast((above) => above.kind === Kind.ARGUMENT);
      const fields = nodes.filter((above) => above.kind === Kind.OBJECT_FIELD);
      if (argument)
        place = { argument: argument.name.value, inside: fields.map((field) => field.name.value) };
      return BREAK;
    },
  });
  return place;
}

/** The path inside the argument; a place in a list, or the argument itself, is named by the argument. */
function nameOf({ argument, inside }: Place, path: readonly (string | number)[] = []): string {
  const all = [...inside, ...path];
  return (typeof all[0] === 'number' || all.length === 0 ? [argument, ...all] : all).join('.');
}

/** Names the field inside the argument, and says what is wrong without saying what was sent. */
function describe(place: Place, path: readonly (string | number)[], error: GraphQLError): FieldError {
  const [, missing] = /^Field "(\w+)" of required type/.exec(error.message) ?? [];
  const [, unknown] = /^Field "(\w+)" is not defined/.exec(error.message) ?? [];
  const field = missing ?? unknown;
  const name = nameOf(place, field === undefined ? path : [...path, field]);
  if (missing) return { name, message: 'Is required.' };
  if (unknown) return { name, message: 'Is not a field of this input.' };
  if (error.message.includes('not to be null')) return { name, message: 'Must not be null.' };
  const told = error.originalError?.message ?? error.message;
  const [, type] =
    /^(?:Enum "|Value .* does not exist in ")?(\w+)(?: cannot represent|")/.exec(error.message) ?? [];
  return {
    name,
    message: told.startsWith('Must ')
      ? told
      : type
        ? `Must be a value of type ${type}.`
        : 'Is not of the right type.',
  };
}
